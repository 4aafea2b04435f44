"""Zips unpacked once for their content."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.unit.local.emulator.functions import archive

from local.emulator.execution.unpacking import fingerprint, remove, unpacked


def contents(tree: Path) -> dict[str, str]:
    return {str(file.relative_to(tree)): file.read_text() for file in tree.rglob("*") if file.is_file()}


def test_the_same_content_is_one_folder_and_a_later_zip_wins(tmp_path: Path) -> None:
    first, second = archive({"a": "1", "b/c": "1"}), archive({"a": "2"})
    tree = unpacked([first, second], tmp_path)
    assert contents(tree) == {"a": "2", "b/c": "1"}
    assert unpacked([bytes(bytearray(first)), second], tmp_path) == tree
    assert contents(unpacked([second, first], tmp_path)) == {"a": "1", "b/c": "1"}
    assert len(list(tmp_path.iterdir())) == 2


def test_who_unpack_at_once_get_one_whole_folder(tmp_path: Path) -> None:
    package = archive({f"folder/{number}": str(number) for number in range(200)})
    with ThreadPoolExecutor(8) as pool:
        trees = set(pool.map(lambda _: unpacked([package], tmp_path), range(8)))
    assert [len(contents(tree)) for tree in trees] == [200]
    assert list(tmp_path.iterdir()) == list(trees)


def test_a_file_changes_its_time_with_its_content_alone(tmp_path: Path) -> None:
    old, new = (unpacked([archive({"a.py": text, "b.py": "X"})], tmp_path) for text in ("A = 1", "A = 2"))
    assert (old / "a.py").stat().st_mtime != (new / "a.py").stat().st_mtime
    assert (old / "b.py").stat().st_mtime == (new / "b.py").stat().st_mtime


def test_every_kind_of_change_shows_in_the_fingerprint(tmp_path: Path) -> None:
    tree = unpacked([archive({"a.py": "A = 1", "folder/b": "B"})], tmp_path)
    prints = [fingerprint(tree), fingerprint(tree)]
    times = (tree / "a.py").stat()
    (tree / "a.py").write_text("A = 2")
    os.utime(tree / "a.py", ns=(times.st_atime_ns, times.st_mtime_ns))  # as a tar would
    prints.append(fingerprint(tree))
    (tree / "folder/new").write_text("")
    prints.append(fingerprint(tree))
    (tree / "empty").mkdir()
    prints.append(fingerprint(tree))
    (tree / "folder/b").unlink()
    prints.append(fingerprint(tree))
    assert prints[0] == prints[1]
    assert len(set(prints)) == 5


def test_what_nobody_asked_for_in_a_fortnight_goes_when_something_new_comes(tmp_path: Path) -> None:
    old, used = (unpacked([archive({"a": text})], tmp_path) for text in "12")
    for tree in (old, used):
        os.utime(tree, (1, 1))
    unpacked([archive({"a": "2"})], tmp_path)
    new = unpacked([archive({"a": "3"})], tmp_path)
    assert set(tmp_path.iterdir()) == {used, new}


def test_what_was_removed_is_unpacked_anew(tmp_path: Path) -> None:
    package = archive({"a": "1"})
    tree = unpacked([package], tmp_path)
    (tree / "a").write_text("2")
    remove(tree)
    assert list(tmp_path.iterdir()) == []
    assert contents(unpacked([package], tmp_path)) == {"a": "1"}

"""Lookup files as people save them: read where they can be, else refused by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.authoring.lookups import read_lookups


def read(folder: Path, content: bytes) -> tuple[dict[str, tuple[str, ...]] | None, list[str]]:
    (folder / "codes.csv").write_bytes(content)
    lookups, problems = read_lookups(folder)
    return (dict(lookups[0].columns) if lookups else None), [str(problem) for problem in problems.items]


CODES = {"code": ("A", "B"), "title": ("First", "Second, the")}


@pytest.mark.parametrize(
    "content",
    [
        b'code,title\nA,First\nB,"Second, the"\n',
        b'code,title\r\nA,First\r\nB,"Second, the"',
        b'\xef\xbb\xbfcode,title\nA,First\nB,"Second, the"\n',
        b'code,title\n\nA,First\nB,"Second, the"\n\n\n',
    ],
    ids=["plain", "of Windows", "with a byte-order mark", "with blank lines"],
)
def test_a_file_is_read_however_it_was_saved(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == (CODES, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lookups/codes.csv: .: has no rows"),
        (b"code,title\n", "lookups/codes.csv: .: has no rows"),
        (b"code,title\nA,First\nB\n", "lookups/codes.csv: line 3: has 1 values for 2 columns"),
        (b"code,title\nB,Second, the\n", "lookups/codes.csv: line 2: has 3 values for 2 columns"),
        ("code,title\nA,Café\n".encode("latin-1"), "lookups/codes.csv: .: is no UTF-8: byte 16 is 0xe9"),
        (b"code,code\nA,B\n", "does not name each column once"),
        (b"code,\nA,B\n", "does not name each column once"),
        (b"code,title\nA,First\nA,Again\n", "lookups/codes.csv: line 3: 'A' stands in line 2 too"),
        (b'code,title\nA,"First\n', "is no CSV"),
    ],
)
def test_a_file_that_says_two_things_or_nothing_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    columns, messages = read(tmp_path, content)
    assert columns is None
    assert message in messages[0]


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    columns, messages = read(tmp_path, b"a,b\n1,2\n")
    assert columns == {"a": ("1",), "b": ("2",)}
    assert len(messages) == 1


def test_without_a_folder_there_are_no_lookups(tmp_path: Path) -> None:
    lookups, problems = read_lookups(tmp_path / "lookups")
    assert (lookups, problems.items) == ((), [])

"""A plan that was shown on one machine and is carried out on another."""

from __future__ import annotations

from pathlib import Path

import pytest

from aws.account import Account
from core.errors import Misuse
from deploy.packaging import CodePackage, Packages
from deploy.saved_plans import origin_of, planned_at, save_plan, take_plan
from deploy.target import Target

ORIGIN = {"environment": "prod", "account": "1", "region": "eu-west-1", "contracts": "c", "code": "d", "base": "e"}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    (tmp_path / "plan").write_bytes(b"terraform's own")
    save_plan(tmp_path / "plan", ORIGIN, tmp_path / "saved.zip", at=1_790_000_000)
    return tmp_path / "saved.zip"


def test_a_saved_plan_says_when_it_was_made(saved: Path) -> None:
    assert planned_at(saved) == 1_790_000_000


def test_a_saved_plan_comes_back_byte_by_byte_where_everything_is_as_it_was(saved: Path, tmp_path: Path) -> None:
    assert take_plan(saved, ORIGIN, tmp_path / "taken").read_bytes() == b"terraform's own"


@pytest.mark.parametrize("name", sorted(ORIGIN))
def test_a_plan_for_anything_else_is_refused_by_name(name: str, saved: Path, tmp_path: Path) -> None:
    for origin in ({**ORIGIN, name: "other"}, {key: value for key, value in ORIGIN.items() if key != name}):
        with pytest.raises(Misuse, match=f"made for another {name} than"):
            take_plan(saved, origin, tmp_path / "taken")
    assert not (tmp_path / "taken").exists()


def test_what_a_plan_is_made_from_includes_where_its_files_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform said "no file exists" of another checkout's, after the agreement and in the midst of its changes."""
    (tmp_path / "contracts.json").write_bytes(b"{}")
    packages = Packages(tmp_path / "contracts.json", CodePackage("c", tmp_path), None, ())
    target = Target("prod", (), {"project": "shop", "region": "eu-west-1"})
    object.__setattr__(target, "account", Account("1" * 12, "aws"))
    origins = []
    for checkout in ("one", "two"):
        (tmp_path / checkout).mkdir()
        monkeypatch.chdir(tmp_path / checkout)
        origins.append(origin_of(target, packages, ()))
    (tmp_path / "plan").write_bytes(b"terraform's own")
    save_plan(tmp_path / "plan", origins[0], tmp_path / "saved.zip", at=1)
    with pytest.raises(Misuse, match=rf"another folder than.* where {tmp_path}/one/build/prod is built"):
        take_plan(tmp_path / "saved.zip", origins[1], tmp_path / "taken")
    assert take_plan(tmp_path / "saved.zip", origins[0], tmp_path / "taken").exists()


@pytest.mark.parametrize("body", [b"", b"no zip", None])
def test_what_is_no_saved_plan_is_refused_with_the_way_to_make_one(body: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "file"
    if body is not None:
        file.write_bytes(body)
    with pytest.raises(Misuse, match="deploy plan --output"):
        take_plan(file, ORIGIN, tmp_path / "taken")


def test_a_plan_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "plan").write_bytes(b"terraform's own")
    with pytest.raises(Misuse, match="Name a file that can be written"):
        save_plan(tmp_path / "plan", ORIGIN, tmp_path / "missing/saved.zip", at=1)

"""Packages that a function may import."""

from __future__ import annotations

from pathlib import Path

from local.emulator.lambda_packages import lay_out


def test_the_folder_holds_what_the_layers_hold_and_nothing_of_the_developers(tmp_path: Path) -> None:
    folder = lay_out(lay_out(tmp_path / "packages"))
    held = {link.name for link in folder.iterdir()}
    assert {"boto3", "pyarrow", "orjson", "aws_lambda_powertools"} <= held
    assert held.isdisjoint({"pydantic", "typer", "duckdb", "pytest"})
    assert all(link.is_symlink() for link in folder.iterdir())

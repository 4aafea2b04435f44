"""Engines that read a mirror in an environment of their own: ``.venv-engines``, which ``make chaos`` builds.

Run as a program by that environment's Python, it answers requests line by line: it imports nothing of the project.
Metadata lie in a folder, or in a bucket of an S3 that the environment names (``AWS_ENDPOINT_URL`` and the usual keys).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).parents[2] / ".venv-engines" / "bin" / "python"
ENGINES = ("duckdb", "polars", "pyiceberg")


def text_rows(rows: Iterable[Iterable[Any]]) -> list[list[str]]:
    """Rows as texts, sorted: what every engine's values look like in Python."""
    return sorted([str(value) for value in row] for row in rows)


class Engines:
    """A process of the engines' own Python."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def rows(self, engine: str, metadata: str, *, snapshot: int | None = None) -> list[list[str]]:
        """What an engine reads of the table at a snapshot, or as it is, as ``text_rows``.

        Raises ``AssertionError`` with its error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"engine": engine, "metadata": metadata, "snapshot": snapshot}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, f"{engine}: {answer['error']}"
        rows: list[list[str]] = answer["rows"]
        return rows


@contextmanager
def engines(store: Mapping[str, str] = {}) -> Iterator[Engines]:
    """The engines, until the block ends; ``store`` are the variables of the S3 that they read."""
    process = subprocess.Popen(
        [PYTHON, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"POLARS_ICEBERG_PLANNER": "pyiceberg", **store},
    )
    with process:
        yield Engines(process)
        assert process.stdin is not None
        process.stdin.close()


def _connected() -> Any:
    import duckdb
    import duckdb_extension_avro
    import duckdb_extension_httpfs
    import duckdb_extension_iceberg

    connection = duckdb.connect()
    for package in (duckdb_extension_httpfs, duckdb_extension_avro, duckdb_extension_iceberg):
        (file,) = Path(package.__file__ or "").parent.glob("extensions/*/*.duckdb_extension")
        connection.execute(f"load '{file}'")
    if "AWS_ENDPOINT_URL" in os.environ:
        scheme, _, host = os.environ["AWS_ENDPOINT_URL"].partition("://")
        connection.execute(
            f"create secret (type s3, key_id '{os.environ['AWS_ACCESS_KEY_ID']}', "
            f"secret '{os.environ['AWS_SECRET_ACCESS_KEY']}', region '{os.environ['AWS_REGION']}', "
            f"endpoint '{host}', url_style 'path', use_ssl {str(scheme == 'https').lower()})"
        )
    return connection


def _store() -> dict[str, str]:
    """The S3 of the environment, in PyIceberg's words."""
    if "AWS_ENDPOINT_URL" not in os.environ:
        return {}
    return {
        "s3.endpoint": os.environ["AWS_ENDPOINT_URL"],
        "s3.access-key-id": os.environ["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "s3.region": os.environ["AWS_REGION"],
    }


def _read(connection: Any, engine: str, metadata: str, snapshot: int | None) -> list[tuple[Any, ...]]:
    if engine == "duckdb":
        at = f", snapshot_from_id = {snapshot}" if snapshot is not None else ""
        return list(connection.execute(f"select * from iceberg_scan('{metadata}'{at})").fetchall())
    if engine == "polars":
        import polars

        options = _store() or None
        return list(polars.scan_iceberg(metadata, snapshot_id=snapshot, storage_options=options).collect().rows())
    from pyiceberg.table import StaticTable

    table = StaticTable.from_metadata(metadata, _store()).scan(snapshot_id=snapshot).to_arrow()
    return [tuple(row.values()) for row in table.to_pylist()]


def _serve() -> None:
    connection = _connected()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = {"rows": text_rows(_read(connection, **request))}
        except Exception as error:  # noqa: BLE001 (whoever asked is told)
            answer = {"error": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()

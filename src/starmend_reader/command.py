"""``starmend-reader``: tables and rows from the terminal, as CSV, JSON lines or Parquet."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
from pyarrow import csv, parquet

from core.errors import Misuse, StarmendError
from starmend_reader.lake import LAKE, connect
from starmend_reader.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = ("csv", "json", "parquet")
_CONDITION = re.compile(r"\s*(?P<column>\w+)\s*(?P<operator>[<>=!]+)\s*(?P<value>.*?)\s*", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 where it did what was asked, 2 where that cannot be meant, 3 where it failed."""
    given = parser().parse_args(arguments)
    try:
        _tables(given) if given.command == "tables" else _read(given)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has enough
    except StarmendError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, Misuse) else 3
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    lake = argparse.ArgumentParser(add_help=False)
    lake.add_argument(
        "--lake", metavar="S3", help=f"the code bucket of a deployment; else ${LAKE}, else the stack here"
    )
    top = argparse.ArgumentParser(prog="starmend-reader", description="Read the tables of a Starmend lake.")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("tables", parents=[lake], help="list tables, views and records, with their columns")
    read = commands.add_parser("read", parents=[lake], help="write the rows of a table or view")
    read.add_argument("table")
    read.add_argument(
        "--where", metavar="CONDITION", action="append", default=[], help="such as 'minute >= 2026-11-20'"
    )
    read.add_argument("--columns", metavar="NAMES", help="separated by commas; else all")
    read.add_argument("--as-of", metavar="WHEN", help="a time (2026-11-20T15:00:00Z) or a certificate (quotes/12)")
    read.add_argument("--format", choices=FORMATS, help="else that of the file's ending, else csv")
    read.add_argument("--output", metavar="FILE", type=Path, help="a file, which appears when it is whole")
    return top


def _tables(given: argparse.Namespace) -> None:
    for relation in connect(given.lake).relations.values():
        sys.stdout.write(f"{relation.name} ({relation.kind}): {relation.description}\n")
        for column in relation.columns:
            key = " (partition key)" if column.name in relation.keys else ""
            sys.stdout.write(f"    {column.name} {column.type}{key}\n")


def _read(given: argparse.Namespace) -> None:
    where = [_condition(text) for text in given.where]
    columns = [name.strip() for name in given.columns.split(",")] if given.columns else None
    rows = connect(given.lake).read(given.table, where=where, columns=columns, as_of=given.as_of)
    ending = given.output.suffix.removeprefix(".") if given.output else ""
    form = given.format or (ending if ending in FORMATS else "csv")
    if form == "parquet" and not given.output and sys.stdout.isatty():
        raise Misuse("read", "parquet", "is not for a terminal", "Name a file: --output rows.parquet")
    with _sink(given.output) as sink:
        write_rows(rows, form, sink)


def _condition(text: str) -> tuple[str, str, str | None]:
    """``column operator value``; a value may stand in quotes, and ``null`` is null."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise Misuse("read where", text, "is no condition", "Such as: --where 'minute >= 2026-11-20'")
    value = match["value"]
    if value.lower() == "null":
        return match["column"], match["operator"], None
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return match["column"], match["operator"], value[1:-1] if is_quoted else value


def write_rows(rows: Rows, form: str, sink: BinaryIO) -> None:
    """Write rows while they are read; in JSON, a row a line, decimals are text, so that they are exact.

    CSV has no lists: it holds them as JSON.
    """
    batches = rows.batches()
    if form == "json":
        for batch in batches:
            sink.writelines(_lines(batch.to_pylist()))
        return
    stream = pa.PythonFile(sink, mode="w")
    if form == "parquet":
        with parquet.ParquetWriter(stream, rows.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return
    with csv.CSVWriter(stream, _flat(rows.schema.empty_table()).schema) as writer:
        for batch in batches:
            writer.write_table(_flat(pa.Table.from_batches([batch])))


def _flat(rows: pa.Table) -> pa.Table:
    """Rows with their lists and structs as JSON."""
    for place, column in enumerate(rows.schema):
        if pa.types.is_nested(column.type):
            texts = [None if value is None else _text(value) for value in rows.column(place).to_pylist()]
            rows = rows.set_column(place, pa.field(column.name, pa.string()), [pa.array(texts, pa.string())])
    return rows


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for row in rows:
        yield _text(row).encode() + b"\n"


def _text(value: Any) -> str:
    return json.dumps(value, default=_json, ensure_ascii=False)


def _json(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


@contextmanager
def _sink(file: Path | None) -> Iterator[BinaryIO]:
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    fresh = file.with_name(f"{file.name}.new")
    try:
        with fresh.open("wb") as stream:
            yield stream
        fresh.replace(file)
    except StarmendError:
        raise
    except OSError as error:
        raise Misuse("write rows", str(file), str(error), "Name a file that can be written") from error
    finally:
        fresh.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())

"""Formats of rows: a table for people, and CSV, TSV, JSON and Parquet for programs, written while the rows come."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cli.output import json_value, width
from cli.rows.cells import data_cell
from cli.rows.table import Heading, table_lines
from core.errors import Misuse

if TYPE_CHECKING:
    import pyarrow as pa


class Format(StrEnum):
    """The forms in which rows are written; a file's ending names its own."""

    TABLE = "table"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    PARQUET = "parquet"


TABLE_ROWS = 1000  # that a table shows where no limit is given


@dataclass
class Rows:
    """Rows as Arrow batches of one schema, read once. ``written`` and ``left`` count them once they were."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    written: int = 0
    left: int = 0

    def upto(self, limit: int) -> Iterator[pa.RecordBatch]:
        """The batches of the first ``limit`` rows (0: all of them); the others are read and counted."""
        for batch in self.batches:
            room = batch.num_rows if not limit else max(0, min(limit - self.written, batch.num_rows))
            self.written += room
            self.left += batch.num_rows - room
            if room:
                yield batch.slice(0, room)


def chosen(form: Format | None, file: Path | None, *, as_json: bool) -> Format:
    """The format that is meant: the one that is given, ``--json``, that of the file's ending, or a table.

    Raises ``Misuse`` where they contradict each other, or where bytes would be written to a terminal.
    """
    if as_json and form not in (None, Format.JSON):
        raise Misuse("choose a format", f"--format {form}", "contradicts --json", "Give one of them")
    ending = file.suffix.removeprefix(".").lower() if file else ""
    meant = form or (Format.JSON if as_json else None) or (Format(ending) if ending in set(Format) else Format.TABLE)
    if meant is Format.PARQUET and file is None and sys.stdout.isatty():
        raise Misuse("choose a format", "parquet", "is not for a terminal", "Name a file: --output rows.parquet")
    return meant


def write_rows(rows: Rows, form: Format, file: Path | None, *, limit: int) -> None:
    """Write rows to standard output, or to a file that appears when it is whole."""
    with _sink(file) as sink:
        _WRITERS[form](rows, sink, limit)


@contextmanager
def _sink(file: Path | None) -> Iterator[BinaryIO]:
    if file is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    fresh = file.parent / f"{file.name}.new"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as stream:
            yield stream
        fresh.replace(file)
    except OSError as error:
        raise Misuse(
            "write rows", str(file), error.strerror or str(error), "Name a file that can be written"
        ) from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _write_table(rows: Rows, sink: BinaryIO, limit: int) -> None:
    headings = [Heading(data_cell(field.name), numeric=_is_number(field.type)) for field in rows.schema]
    cells = (
        [data_cell(value) for value in row]
        for batch in rows.upto(limit)
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    )
    for line in table_lines(headings, cells, width=width(), wrap=False):
        sink.write(f"{line}\n".encode(errors="backslashreplace"))
    count = f"{rows.written + rows.left:,} row{'s' * (rows.written + rows.left != 1)}"
    rest = f"; the first {rows.written:,} are shown, all of them: --limit 0, or --format csv" if rows.left else ""
    sink.write(f"({count}{rest})\n".encode())


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _delimited(delimiter: str) -> Callable[[Rows, BinaryIO, int], None]:
    def write(rows: Rows, sink: BinaryIO, limit: int) -> None:
        from pyarrow import csv

        options = csv.WriteOptions(delimiter=delimiter)
        with csv.CSVWriter(_Unclosed(sink), rows.schema, write_options=options) as writer:
            for batch in rows.upto(limit):
                writer.write_batch(batch)

    return write


def _write_json(rows: Rows, sink: BinaryIO, limit: int) -> None:
    """An array, a row a line; decimals as text, so that they are exact."""
    first = True
    for batch in rows.upto(limit):
        lines = (json.dumps(_plain(row), default=json_value, ensure_ascii=False) for row in batch.to_pylist())
        text = ",\n".join(lines)
        sink.write(f"{'[' if first else ','}\n{text}".encode(errors="backslashreplace"))
        first = False
    sink.write(b"[]\n" if first else b"\n]\n")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no infinity and no NaN: they are text."""
    return {
        name: str(value) if isinstance(value, float) and value - value != 0 else value for name, value in row.items()
    }  # fmt: skip


def _write_parquet(rows: Rows, sink: BinaryIO, limit: int) -> None:
    from pyarrow import parquet

    with parquet.ParquetWriter(_Unclosed(sink), rows.schema, compression="zstd") as writer:
        for batch in rows.upto(limit):
            writer.write_batch(batch)


class _Unclosed:
    """A sink that Arrow may close without closing standard output."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self.closed = False

    def write(self, data: bytes) -> int:
        return self._sink.write(data)

    def flush(self) -> None:
        self._sink.flush()

    def close(self) -> None:
        self.closed = True


_WRITERS: Mapping[Format, Callable[[Rows, BinaryIO, int], None]] = {
    Format.TABLE: _write_table,
    Format.CSV: _delimited(","),
    Format.TSV: _delimited("\t"),
    Format.JSON: _write_json,
    Format.PARQUET: _write_parquet,
}

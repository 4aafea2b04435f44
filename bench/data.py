"""Data of the contestants: TPC-H line items, as they would come from a database that keeps changing them.

Generated once and kept. Line items come from ``tpchgen-cli``; ``last_updated`` is added (with milliseconds, as an OLTP
``timestamp(3)`` has), four lines of a hundred are later versions of other lines, one is a repetition, and the lines lie
in the order in which they were written, not in key order: what an extraction gives.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from isal import igzip

KEY = ("l_orderkey", "l_linenumber")
VERSION = "last_updated"
MONEY = pa.decimal128(15, 2)
SCHEMA = pa.schema(
    [
        ("l_orderkey", pa.int64()),
        ("l_partkey", pa.int64()),
        ("l_suppkey", pa.int64()),
        ("l_linenumber", pa.int32()),
        ("l_quantity", MONEY),
        ("l_extendedprice", MONEY),
        ("l_discount", MONEY),
        ("l_tax", MONEY),
        ("l_returnflag", pa.string()),
        ("l_linestatus", pa.string()),
        ("l_shipdate", pa.date32()),
        ("l_commitdate", pa.date32()),
        ("l_receiptdate", pa.date32()),
        ("l_shipinstruct", pa.string()),
        ("l_shipmode", pa.string()),
        ("l_comment", pa.string()),
        ("last_updated", pa.timestamp("us")),
    ]
)
REPEATING = (  # columns with few distinct values, worth a dictionary
    "l_quantity",
    "l_discount",
    "l_tax",
    "l_returnflag",
    "l_linestatus",
    "l_shipdate",
    "l_commitdate",
    "l_receiptdate",
    "l_shipinstruct",
    "l_shipmode",
)
_UPDATED, _REPEATED = 0.04, 0.01
_FROM = int(dt.datetime(2026, 11, 1, tzinfo=dt.UTC).timestamp() * 1000)
_DAYS_IN_MS = 14 * 86_400_000
_SEED = 20_261_120


def line_items(folder: Path, rows: int) -> pa.Table:
    """The first line items of TPC-H in key order, as they were first written."""
    scale = rows / 6_000_000 * 1.01  # a scale of 1 has about six million line items
    name = folder / f"tpch-{rows}"
    if not (name / "lineitem.parquet").exists():
        program = Path(sys.executable).with_name("tpchgen-cli")
        wanted = ["parquet", "-s", f"{scale:.5f}", "-T", "lineitem", "-o", str(name), "--overwrite", "-q"]
        subprocess.run([program, *wanted], check=True)
    table = pq.read_table(name / "lineitem.parquet").slice(0, rows)
    written = _FROM + np.random.default_rng(_SEED).integers(0, _DAYS_IN_MS, table.num_rows)
    columns = [table[field.name].cast(field.type) for field in SCHEMA if field.name != VERSION]
    return pa.Table.from_arrays([*columns, _instants(written)], schema=SCHEMA)


def _instants(milliseconds: np.ndarray) -> pa.Array:
    return pa.array(milliseconds * 1000, pa.timestamp("us"))


def _money(cents: np.ndarray) -> pa.Array:
    return pa.array([Decimal(amount).scaleb(-2) for amount in cents.tolist()], MONEY)


def changed(rows: pa.Table, *, seed: int = _SEED) -> pa.Table:
    """Newer versions of rows: other quantity and price, written up to a day later."""
    random = np.random.default_rng(seed)
    later = np.asarray(rows[VERSION].cast(pa.int64())) // 1000 + random.integers(1, 86_400_000, rows.num_rows)
    news = {
        "l_extendedprice": _money(random.integers(100_00, 90_000_00, rows.num_rows)),
        "l_quantity": _money(random.integers(1, 51, rows.num_rows) * 100),
        VERSION: _instants(later),
    }
    return pa.Table.from_arrays([news.get(field.name, rows[field.name]) for field in SCHEMA], schema=SCHEMA)


def as_extracted(items: pa.Table, lines: int, *, seed: int = _SEED) -> pa.Table:
    """``lines`` rows of items, updates and repetitions, in the order in which they were written."""
    random = np.random.default_rng(seed)
    updates, repeats = int(lines * _UPDATED), int(lines * _REPEATED)
    base = items.slice(0, lines - updates - repeats)
    again = changed(base.take(pa.array(random.choice(base.num_rows, updates, replace=False))), seed=seed)
    rows = pa.concat_tables([base, again])
    rows = pa.concat_tables([rows, rows.take(pa.array(random.choice(rows.num_rows, repeats, replace=False)))])
    return rows.sort_by([(VERSION, "ascending")])


def json_lines(rows: pa.Table) -> bytes:
    """Rows as PostgreSQL's ``row_to_json`` writes them: decimals as numbers with their zeros, times with a ``T``."""
    parts: list[pa.Array | pa.Scalar] = []
    for number, field in enumerate(rows.schema):
        values = rows[field.name].combine_chunks()
        quote = '"' if pa.types.is_string(field.type) or pa.types.is_temporal(field.type) else ""
        if pa.types.is_timestamp(field.type):
            texts = pc.strftime(values.cast(pa.timestamp("ms")), "%Y-%m-%dT%H:%M:%S")
        else:
            texts = values.cast(pa.string())
        if pa.types.is_string(field.type) and pc.any(pc.match_substring_regex(texts, r'["\\\x00-\x1f]')).as_py():
            raise ValueError(f"{field.name} holds characters that JSON escapes")
        closing = "," if number + 1 < len(rows.schema) else "}\n"
        parts += [pa.scalar(f'{"{" if number == 0 else ""}"{field.name}":{quote}'), texts, pa.scalar(quote + closing)]
    return "".join(pc.binary_join_element_wise(*parts, "").to_pylist()).encode()


def write_lines(rows: pa.Table, path: Path) -> None:
    """Gzip at level 1, as the extraction writes it."""
    _whole(path, lambda unfinished: unfinished.write_bytes(igzip.compress(json_lines(rows), compresslevel=1)))


def extracted(folder: Path, lines: int) -> Path:
    """A file of JSON lines."""
    path = folder / f"line-items-{lines}.jsonl.gz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_lines(as_extracted(line_items(folder, lines), lines), path)
    return path


def batch_for(items: pa.Table, size: int, *, seed: int = _SEED) -> pa.Table:
    """A batch for a partition that holds ``items``: half newer versions of them, half new keys scattered among them."""
    random = np.random.default_rng(seed)
    half = items.take(pa.array(random.choice(items.num_rows, size // 2, replace=False)))
    other = items.take(pa.array(random.choice(items.num_rows, size - size // 2, replace=False)))
    numbers = pc.add(other["l_linenumber"], pa.scalar(7, pa.int32()))  # an order has at most seven lines
    place = SCHEMA.get_field_index("l_linenumber")
    new = other.set_column(place, SCHEMA.field("l_linenumber"), numbers.cast(pa.int32()))
    return pa.concat_tables([changed(half, seed=seed), new]).sort_by([(VERSION, "ascending")])


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """A file appears whole: an interrupted run leaves none that the next would believe."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    write(unfinished)
    unfinished.replace(path)

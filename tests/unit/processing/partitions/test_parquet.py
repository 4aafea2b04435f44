"""Objects of partitions as Parquet: sealed by a digest, readable by anybody."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import PipelineBug
from core.warehouse.footer import (
    NAME,
    Footer,
)
from core.warehouse.partition_objects import open_object
from processing.partitions.parquet import encode

ALTERED = Path(__file__).with_name("altered_before_seals.parquet")


def test_the_digest_covers_every_byte_of_the_rows() -> None:
    rows = pa.table({"number": pa.array(range(1000), pa.int64()), "text": [str(n % 7) for n in range(1000)]})
    body = encode(rows, Footer("fact", "fact", 1, "merge", 1000))
    opened = open_object("k", body)
    assert opened.is_sound
    tail = int.from_bytes(body[-8:-4], "little") + 8
    assert opened.footer.digest_bytes == len(body) - tail
    for place in (4, 100, opened.footer.digest_bytes - 1):
        altered = bytearray(body)
        altered[place] ^= 1
        assert not open_object("k", bytes(altered)).is_sound


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_the_seal_covers_every_bit_of_what_parquet_says_of_the_rows(bit: int) -> None:
    rows = pa.table({"number": pa.array(range(100), pa.int64()), "text": [str(n % 7) for n in range(100)]})
    body = encode(rows, Footer("fact", "fact", 1, "merge", 100, hold='no "seal":"" here'))
    named = range(body.rindex(b'"seal":"'), body.rindex(b'"seal":"') + len('"seal":"'))
    for place in range(open_object("k", body).footer.digest_bytes, len(body)):
        altered = bytearray(body)
        altered[place] ^= bit
        if place in named:  # under another name it is none: as in files of before
            continue
        with pytest.raises(PipelineBug):
            open_object("k", bytes(altered))


def test_an_altered_object_of_before_there_were_seals_ends_no_commit_on_top_of_it() -> None:
    """Two levels of definition in a column that has one: Arrow ends the process that asks for its dictionaries."""
    parent = open_object("k", ALTERED.read_bytes())
    assert (parent.footer.seal, parent.dictionaries) == ("", [])
    with pytest.raises(PipelineBug, match="cannot be decoded"):
        parent.read(parent.schema)
    rows = pa.table({"number": pa.array(range(parent.footer.rows), pa.int64())})
    assert open_object("k", encode(rows, Footer("fact", "fact", 2, "derive", 19), parent=parent)).is_sound


def test_any_parquet_reader_reads_the_object() -> None:
    rows = pa.table({"at": pa.array([0, 1], pa.timestamp("us")), "price": pa.array([1, 2], pa.decimal128(18, 6))})
    body = encode(rows, Footer("fact", "fact", 1, "merge", 2))
    table = pq.read_table(pa.BufferReader(body))
    assert table.column("price").to_pylist() == rows.column("price").to_pylist()
    assert table.schema.field("at").type == pa.timestamp("us")
    assert NAME in (table.schema.metadata or pq.ParquetFile(pa.BufferReader(body)).metadata.metadata)


def test_a_parquet_file_without_a_footer_of_ours_is_refused() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"number": [1]}), sink)
    with pytest.raises(PipelineBug, match="no footer"):
        open_object("k", sink.getvalue().to_pybytes())

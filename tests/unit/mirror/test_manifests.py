"""Manifests that are put together of what was written before: PyIceberg reads what its own writer writes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    read_manifest_list,
    write_manifest,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.typedef import Record
from pyiceberg.types import DecimalType, LongType, NestedField, StringType, TimestampType

from core.mirroring.state import MirroredFile, packed, unpacked
from mirror.iceberg.manifests import Encoding, encode_details, encode_manifest, encode_manifest_list

SCHEMA = Schema(
    NestedField(1, "sale_id", LongType()),
    NestedField(2, "created_at", TimestampType()),
    NestedField(3, "shop", StringType()),
    NestedField(4, "price", DecimalType(9, 2)),
)
SPEC = PartitionSpec(
    PartitionField(2, 1000, DayTransform(), "created_at_day"),
    PartitionField(3, 1001, IdentityTransform(), "shop"),
    spec_id=3,
)
COLUMNS = (
    (1, 90, 7, 0, (1).to_bytes(8, "little").hex(), (2**62).to_bytes(8, "little").hex()),
    (2, 80, 7, None, None, None),
    (4, 70, 7, 7, "00", "7fffffff"),
)
NOW, SEQUENCE = 2**59 + 12345, 129


def file_of(number: int, snapshot: int, sequence: int) -> MirroredFile:
    path = f"day={number}/shop=Zürich {number}"
    return MirroredFile(path, f"{number:032x}", f"data/{path}/v.parquet", 10**number, number, snapshot, sequence, 0)


def values_of(path: str) -> Record:
    day, shop = path.split("/")
    return Record(int(day[4:]), shop[5:] if not day.endswith("2") else None)


FILES = [file_of(1, NOW, SEQUENCE), *(file_of(number, 2**40 + number, number) for number in range(2, 6))]
REMOVED = [file_of(9, 77, 100)]
ENCODING = Encoding("s3://lake/", SPEC, SCHEMA, NOW, SEQUENCE, values_of)


def details_of(file: MirroredFile) -> bytes:
    return encode_details(size=file.size, rows=file.rows, columns=COLUMNS, offsets=(4, 2**31))


def by_pyiceberg(path: Path) -> list[ManifestEntry]:
    """The same entries by its own writer, read again."""
    output = PyArrowFileIO().new_output(str(path))
    with write_manifest(2, SPEC, SCHEMA, output, NOW, "deflate") as writer:
        for file in FILES:
            (writer.add if file.snapshot == NOW else writer.existing)(entry_of(file))
        for file in REMOVED:
            writer.delete(entry_of(file))
    return read(writer.to_manifest_file())


def entry_of(file: MirroredFile) -> ManifestEntry:
    is_new = file.snapshot == NOW
    data_file = DataFile.from_args(
        _table_format_version=2,
        content=DataFileContent.DATA,
        file_path=f"s3://lake/{file.key}",
        file_format=FileFormat.PARQUET,
        partition=values_of(file.partition),
        record_count=file.rows,
        file_size_in_bytes=file.size,
        column_sizes={number: size for number, size, *_ in COLUMNS},
        value_counts={number: values for number, _, values, *_ in COLUMNS},
        null_value_counts={number: nulls for number, _, _, nulls, *_ in COLUMNS if nulls is not None},
        nan_value_counts={},
        lower_bounds={number: bytes.fromhex(low) for number, *_, low, _ in COLUMNS if low is not None},
        upper_bounds={number: bytes.fromhex(high) for number, *_, high in COLUMNS if high is not None},
        split_offsets=[4, 2**31],
        spec_id=SPEC.spec_id,
    )
    return ManifestEntry.from_args(
        _table_format_version=2,
        status=ManifestEntryStatus.ADDED,
        snapshot_id=file.snapshot,
        sequence_number=None if is_new else file.sequence,
        file_sequence_number=None if is_new else file.sequence,
        data_file=data_file,
    )


def read(manifest: ManifestFile) -> list[ManifestEntry]:
    return manifest.fetch_manifest_entry(PyArrowFileIO(), discard_deleted=False)


def as_data(entry: ManifestEntry) -> dict[str, Any]:
    file = entry.data_file
    return {
        "status": entry.status,
        "numbers": (entry.snapshot_id, entry.sequence_number, entry.file_sequence_number),
        "file": [file[place] for place in range(len(file))],
    }


def test_entries_are_those_that_pyiceberg_writes_and_so_is_what_the_list_says(tmp_path: Path) -> None:
    details = {file.key: details_of(file) for file in [*FILES, *REMOVED]}
    encoding = Encoding(f"{tmp_path}/", SPEC, SCHEMA, NOW, SEQUENCE, values_of)
    manifest, _ = encode_manifest("m.avro", FILES, REMOVED, details, encoding)
    body = encode_manifest("m.avro", FILES, REMOVED, details, ENCODING)[1]
    (tmp_path / "m.avro").write_bytes(body)
    listed = encode_manifest_list("l.avro", [manifest], root=f"{tmp_path}/", snapshot=NOW, parent=None, sequence=129)
    (tmp_path / "l.avro").write_bytes(listed)
    (ours,) = _lists(tmp_path / "l.avro")
    theirs = by_pyiceberg(tmp_path / "theirs.avro")
    assert [as_data(each) for each in read(ours)] == [
        as_data(each) | {"numbers": tuple(SEQUENCE if number is None or number < 0 else number for number in numbers)}
        for each in theirs
        for numbers in [as_data(each)["numbers"]]
    ]
    assert (ours.added_files_count, ours.existing_files_count, ours.deleted_files_count) == (1, 4, 1)
    assert (ours.added_rows_count, ours.existing_rows_count, ours.deleted_rows_count) == (1, 2 + 3 + 4 + 5, 9)
    assert (ours.sequence_number, ours.min_sequence_number) == (SEQUENCE, 2)
    assert [each.contains_null for each in ours.partitions or []] == [False, True]


def _lists(path: Path) -> list[ManifestFile]:
    return list(read_manifest_list(PyArrowFileIO().new_input(str(path))))


@pytest.mark.parametrize("count", [0, 1, 500])
def test_what_is_packed_is_unpacked_in_order(count: int) -> None:
    draw = random.Random(count)
    pieces = [draw.randbytes(draw.choice([0, 1, 300, 70_000])) for _ in range(count)]
    assert unpacked(packed(pieces)) == pieces

"""Manifests and lists of manifests, as bytes: ``pyiceberg`` writes Avro, and what it writes is put by others.

Data files are made by hand, for ``add_files`` takes partition values from statistics of columns that lie in no object.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyiceberg.io import InputFile, OutputFile
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    PartitionFieldSummary,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record

from core.mirroring.state import Manifest, MirroredFile

VERSION: Any = 2
_CODEC: Any = "deflate"
_COUNTS = (
    "manifest_length",
    "partition_spec_id",
    "sequence_number",
    "min_sequence_number",
    "added_snapshot_id",
    "added_files_count",
    "existing_files_count",
    "deleted_files_count",
    "added_rows_count",
    "existing_rows_count",
    "deleted_rows_count",
)


class _Buffer(io.BytesIO):
    """A file in memory that keeps its bytes when it is closed."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        super().__init__()
        self._keep = keep

    def close(self) -> None:
        if not self.closed:
            self._keep(self.getvalue())
        super().close()


class _MemoryFile(OutputFile):
    """What ``pyiceberg`` writes to, so that whoever calls decides where the bytes go."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.body = b""

    def __len__(self) -> int:
        return len(self.body)

    def exists(self) -> bool:
        return False

    def to_input_file(self) -> InputFile:
        raise NotImplementedError(f"{self.location} is only written")

    def create(self, overwrite: bool = False) -> Any:  # noqa: ARG002 (pyiceberg passes it)
        return _Buffer(self._keep)

    def _keep(self, body: bytes) -> None:
        self.body = body


@dataclass(frozen=True, slots=True)
class Encoding:
    """What all manifests of a snapshot have in common. ``values`` gives a path's partition values."""

    root: str
    spec: PartitionSpec
    schema: Schema
    snapshot: int
    sequence: int
    values: Callable[[str], Record]


def encode_manifest(
    key: str, files: Sequence[MirroredFile], removed: Sequence[MirroredFile], encoding: Encoding
) -> tuple[Manifest, bytes]:
    """A manifest of live files, and of those that this snapshot removes; at least one of the two has some."""
    output = _MemoryFile(f"{encoding.root}{key}")
    writer = write_manifest(VERSION, encoding.spec, encoding.schema, output, encoding.snapshot, _CODEC)
    with writer:
        for file in files:
            entry = _entry(file, encoding)
            if file.snapshot == encoding.snapshot:
                writer.add(entry)
            else:
                writer.existing(entry)
        for file in removed:
            writer.delete(_entry(file, encoding))
    written = writer.to_manifest_file()
    written.sequence_number = encoding.sequence
    if written.min_sequence_number < 0:
        written.min_sequence_number = encoding.sequence
    return Manifest(key, _stored(written), tuple(files)), output.body


def _entry(file: MirroredFile, encoding: Encoding) -> ManifestEntry:
    is_new = file.snapshot == encoding.snapshot
    return ManifestEntry.from_args(
        _table_format_version=VERSION,
        status=ManifestEntryStatus.ADDED,  # the writer decides
        snapshot_id=file.snapshot,
        sequence_number=None if is_new else file.sequence,
        file_sequence_number=None if is_new else file.sequence,
        data_file=_data_file(file, encoding),
    )


def _data_file(file: MirroredFile, encoding: Encoding) -> DataFile:
    columns = file.columns
    return DataFile.from_args(
        _table_format_version=VERSION,
        content=DataFileContent.DATA,
        file_path=f"{encoding.root}{file.key}",
        file_format=FileFormat.PARQUET,
        partition=encoding.values(file.partition),
        record_count=file.rows,
        file_size_in_bytes=file.size,
        column_sizes={number: size for number, size, *_ in columns},
        value_counts={number: values for number, _, values, *_ in columns},
        null_value_counts={number: nulls for number, _, _, nulls, *_ in columns if nulls is not None},
        nan_value_counts={},
        lower_bounds={number: bytes.fromhex(low) for number, _, _, _, low, _ in columns if low is not None},
        upper_bounds={number: bytes.fromhex(high) for number, *_, high in columns if high is not None},
        key_metadata=None,
        split_offsets=list(file.offsets) or None,
        equality_ids=None,
        sort_order_id=None,
        spec_id=encoding.spec.spec_id,
    )


def encode_manifest_list(
    key: str, manifests: Iterable[Manifest], *, root: str, snapshot: int, parent: int | None, sequence: int
) -> bytes:
    """The list of a snapshot's manifests."""
    output = _MemoryFile(f"{root}{key}")
    with write_manifest_list(VERSION, output, snapshot, parent, sequence, _CODEC) as writer:
        writer.add_manifests([_restored(f"{root}{manifest.key}", manifest.entry) for manifest in manifests])
    return output.body


def _stored(written: ManifestFile) -> Mapping[str, Any]:
    """The entry of the list as JSON, so that the next snapshot lists the manifest without reading it."""
    summaries = [
        [each.contains_null, each.contains_nan, _text(each.lower_bound), _text(each.upper_bound)]
        for each in written.partitions or []
    ]
    return {name: getattr(written, name) for name in _COUNTS} | {"partitions": summaries}


def _restored(location: str, entry: Mapping[str, Any]) -> ManifestFile:
    summaries = [
        PartitionFieldSummary.from_args(
            _table_format_version=VERSION,
            contains_null=null,
            contains_nan=nan,
            lower_bound=_bytes(lower),
            upper_bound=_bytes(upper),
        )
        for null, nan, lower, upper in entry["partitions"]
    ]
    return ManifestFile.from_args(
        _table_format_version=VERSION,
        manifest_path=location,
        content=ManifestContent.DATA,
        partitions=summaries,
        key_metadata=None,
        **{name: entry[name] for name in _COUNTS},
    )


def _text(bound: bytes | None) -> str | None:
    return None if bound is None else base64.b64encode(bound).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)

"""Iceberg tables of the catalog, as Athena reads them: the snapshot that is current, or the one that a query names.

From the Athena User Guide ("Query Apache Iceberg tables", "Perform time travel and version travel queries"): the
parameter ``metadata_location`` of an entry leads to the table, whose columns and files are those of the metadata and
not of the entry; ``FOR VERSION AS OF`` takes a snapshot's number. Stock knows no Iceberg.
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa
from ministack.services import s3
from pyiceberg.io import PY_IO_IMPL, FileIO, InputFile, OutputFile
from pyiceberg.table import StaticTable

from local.emulator.patches.athena.dialect import AT


def read_snapshot(definition: dict[str, Any], name: str) -> tuple[pa.Table, list[str]]:
    """The rows, and the locations of the objects that they lie in; ``name`` ends with the snapshot, if one is named."""
    location = definition["Parameters"].get("metadata_location")
    if not location:
        raise ValueError(f"ICEBERG_INVALID_METADATA: Table is missing [metadata_location] property: {name}")
    table = StaticTable.from_metadata(location, properties={PY_IO_IMPL: f"{__name__}.StoreIO"})
    number = int(name.partition(AT)[2]) if AT in name else None
    if number is not None and table.snapshot_by_id(number) is None:
        raise ValueError(f"INVALID_ARGUMENTS: Iceberg snapshot ID does not exists: {number}")
    scan = table.scan(snapshot_id=number)
    return scan.to_arrow(), [task.file.file_path for task in scan.plan_files()]


class _StoredObject(InputFile):
    """An object of the emulator's own store."""

    def _body(self) -> bytes:
        place = urlparse(self.location)
        data = s3._get_object_data(place.netloc, place.path.lstrip("/"))
        if data is None:
            raise FileNotFoundError(f"ICEBERG_CANNOT_OPEN_SPLIT: {self.location}: the object does not exist")
        return bytes(data)

    def __len__(self) -> int:
        return len(self._body())

    def exists(self) -> bool:
        place = urlparse(self.location)
        return s3._get_object_data(place.netloc, place.path.lstrip("/")) is not None

    def open(self, seekable: bool = True) -> Any:  # noqa: ARG002 (pyiceberg passes it)
        return io.BytesIO(self._body())


class StoreIO(FileIO):
    """What ``pyiceberg`` reads the emulator's store through; it is named to it by the path of this class."""

    def new_input(self, location: str) -> InputFile:
        return _StoredObject(location)

    def new_output(self, location: str) -> OutputFile:
        raise NotImplementedError(f"{location} is only read")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        raise NotImplementedError(f"{location} is only read")

"""Entries of mirrors in the Glue Data Catalog: tables whose parameter names the metadata, as Iceberg's engines expect.

An update names the version of the table that it replaces. Glue takes it only while that is the last one (API
Reference, UpdateTable: VersionId, ConcurrentModificationException); so commits Iceberg's own catalog for Glue.
It keeps no archive of what was replaced: a table may have 100,000 versions, and a mirror makes one every few minutes.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from aws.failures import code_of, reaching
from core.errors import PipelineBug
from core.mirroring.catalog import CatalogColumn, CatalogEntry, CatalogTarget

LOCATION, BEFORE, IDENTITY = "metadata_location", "previous_metadata_location", "starmend.table_uuid"
_ABSENT, _CHANGED = "EntityNotFoundException", "ConcurrentModificationException"
# What GetTable tells of a table and UpdateTable takes back: an update replaces all of it.
_KEPT = ("Description", "Owner", "Retention", "TableType")


class GlueMirrorCatalog:
    """``core.mirroring.catalog.MirrorCatalog`` over a database of Glue."""

    def __init__(self, client: Any, database: str) -> None:
        self._client = client
        self._database = database

    def read(self, table: str) -> CatalogEntry | None:
        with reaching("read the catalog", self._place(table)):
            try:
                shell = self._client.get_table(DatabaseName=self._database, Name=table)["Table"]
            except ClientError as error:
                if code_of(error) == _ABSENT:
                    return None
                raise
        if not shell.get("VersionId"):
            remedy = "Without one no update is safe; look at what answers for Glue"
            raise PipelineBug("read the catalog", self._place(table), "Glue names no version of the table", remedy)
        parameters = shell.get("Parameters", {})
        return CatalogEntry(parameters.get(LOCATION, ""), parameters.get(IDENTITY, ""), shell["VersionId"], shell)

    def move(self, table: str, entry: CatalogEntry, target: CatalogTarget) -> bool:
        shell = entry.rest
        descriptor = {**shell.get("StorageDescriptor", {}), "Location": target.folder}
        table_input = {
            **{name: shell[name] for name in _KEPT if shell.get(name)},
            "Name": table,
            "Parameters": {
                **shell.get("Parameters", {}),
                "table_type": "ICEBERG",
                LOCATION: target.location,
                **({BEFORE: entry.location} if entry.location else {}),
                IDENTITY: target.identity,
            },
            "StorageDescriptor": {**descriptor, "Columns": [_column(column) for column in target.columns]},
        }
        update = {"DatabaseName": self._database, "TableInput": table_input, "VersionId": entry.token}
        with reaching("move the catalog", self._place(table)):
            try:
                self._client.update_table(**update, SkipArchive=True)
            except ClientError as error:
                if code_of(error) == _CHANGED:
                    return False
                raise
        return True

    def _place(self, table: str) -> str:
        return f"{self._database}.{table}"


def _column(column: CatalogColumn) -> dict[str, Any]:
    """A column of Glue's; its parameters are those that Iceberg's own catalog writes."""
    parameters = {
        "iceberg.field.id": str(column.number),
        "iceberg.field.optional": "true",
        "iceberg.field.current": "true",
    }
    comment = {"Comment": column.comment[:255]} if column.comment else {}
    return {"Name": column.name, "Type": column.kind, **comment, "Parameters": parameters}

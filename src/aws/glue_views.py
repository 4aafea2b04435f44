"""Views in the Glue Data Catalog, in the form in which Athena stores its own.

The form is that of ``terraform/analytics.tf``, whose views never change by themselves; these are made anew by whoever
certifies.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from aws.failures import code_of, reaching
from core.mirroring.views import CertifiedView

_ABSENT = "EntityNotFoundException"


class GlueViews:
    """``core.mirroring.views.ViewCatalog`` over a database of Glue."""

    def __init__(self, client: Any, database: str) -> None:
        self._client = client
        self.database = database

    def put_view(self, view: CertifiedView) -> None:
        table_input = _table_input(view)
        with reaching("make view", f"{self.database}.{view.name}"):
            try:
                stored = self._client.get_table(DatabaseName=self.database, Name=view.name)["Table"]
            except ClientError as error:
                if code_of(error) != _ABSENT:
                    raise
                self._client.create_table(DatabaseName=self.database, TableInput=table_input)
                return
            if stored.get("ViewOriginalText") != table_input["ViewOriginalText"]:
                self._client.update_table(DatabaseName=self.database, TableInput=table_input, SkipArchive=True)


def _table_input(view: CertifiedView) -> dict[str, Any]:
    columns = [
        {"Name": column.name, "Type": column.kind} | ({"Comment": column.comment[:255]} if column.comment else {})
        for column in view.columns
    ]
    return {
        "Name": view.name,
        "Description": view.description[:2048],
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": view.original_text,
        "ViewExpandedText": "/* Presto View */",
        # Athena wants a SerDe, and looks at nothing in it.
        "StorageDescriptor": {"Columns": columns, "SerdeInfo": {"Name": "-", "SerializationLibrary": "-"}},
    }

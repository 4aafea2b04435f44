"""Mirrors' entries in a Glue catalog, as Terraform makes them."""

from __future__ import annotations

import uuid
from typing import Any


def database_with(client: Any, *tables: str) -> str:
    """A new database with shells of these tables, as Terraform makes them; its name."""
    name = f"star_{uuid.uuid4().hex[:12]}_iceberg"
    client.create_database(DatabaseInput={"Name": name})
    for table in tables:
        shell = {"Name": table, "Description": f"about {table}", "TableType": "EXTERNAL_TABLE"}
        location = {"Location": f"s3://warehouse/warehouse/_iceberg/{table}"}
        shell |= {"Parameters": {"table_type": "ICEBERG"}, "StorageDescriptor": location}
        client.create_table(DatabaseName=name, TableInput=shell)
    return name

"""News for a catalog after a commit: which metadata a table's name leads to now.

A run that was killed between the two leaves the name at an older snapshot; every run tells the catalog what is so, also
where it has nothing to commit. The name only goes forward: a run that slept after its commit leads nobody back.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyiceberg.table.metadata import TableMetadataV2
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
)

from core.errors import NotDeployed, PipelineBug, TransientFailure
from core.mirroring.catalog import CatalogColumn, CatalogEntry, CatalogTarget
from core.mirroring.names import metadata_key, table_prefix, version_of_metadata
from mirror.reading import MirrorServices

TRIES = 3
_KINDS: dict[type, str] = {
    BooleanType: "boolean",
    IntegerType: "int",
    LongType: "bigint",
    DoubleType: "double",
    DateType: "date",
    StringType: "string",
    TimestampType: "timestamp",
}


def tell_catalog(table: str, version: int, metadata: TableMetadataV2, services: MirrorServices) -> None:
    """Let the catalog's entry lead to a version, unless it leads to a later one. Without a catalog nothing is done.

    Raises ``NotDeployed`` where it has no entry for the table, ``TransientFailure`` where others were faster each time.
    """
    catalog = services.catalog
    if catalog is None:
        return
    location = f"{services.root}{metadata_key(table, version)}"
    target = CatalogTarget(
        location=location,
        identity=str(metadata.table_uuid),
        folder=f"{services.root}{table_prefix(table)}",
        columns=tuple(catalog_columns(metadata)),
    )
    for _ in range(TRIES):
        entry = catalog.read(table)
        if entry is None:
            remedy = "Deploy the contracts that promise it: starmend deploy apply"
            raise NotDeployed("tell the catalog", table, "it has no entry for the table", remedy)
        if _leads_as_far(entry, target) or catalog.move(table, entry, target):
            return
    remedy = "The next run goes on from there"
    raise TransientFailure("tell the catalog", table, "other runs were faster", remedy)


def _leads_as_far(entry: CatalogEntry, target: CatalogTarget) -> bool:
    """Whether the entry leads to the same mirror, at this version or a later one.

    One that began anew counts its versions from 1, and what another engine committed is none of ours.
    """
    same = entry.identity == target.identity and entry.location.startswith(f"{target.folder}/")
    ours, theirs = version_of_metadata(target.location), version_of_metadata(entry.location)
    return same and theirs is not None and ours is not None and theirs >= ours


def catalog_columns(metadata: TableMetadataV2) -> Iterator[CatalogColumn]:
    """The current columns in the words of the catalog."""
    for field in metadata.schema().fields:
        yield CatalogColumn(field.name, _kind(field.field_type, metadata), field.field_id, field.doc or "")


def _kind(kind: IcebergType, metadata: TableMetadataV2) -> str:
    if isinstance(kind, DecimalType):
        return f"decimal({kind.precision},{kind.scale})"
    if type(kind) not in _KINDS:
        raise PipelineBug("tell the catalog", metadata.location, f"no type of the catalog is a {kind}")
    return _KINDS[type(kind)]

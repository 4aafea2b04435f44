"""What a catalog is told of a mirror, read by PyIceberg's own catalog for Glue, which we did not write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyiceberg.catalog import glue
from tests.support.glue import database_with
from tests.support.mirrored import Shop, rows_of
from tests.support.simulated_aws import ClientOf, client_of

from aws.glue_catalog import GlueMirrorCatalog
from core.errors import NotDeployed
from core.mirroring.catalog import CatalogEntry, CatalogTarget
from core.mirroring.names import metadata_prefix
from mirror.catalog import catalog_columns, tell_catalog
from mirror.commit import mirror_table
from mirror.reading import read_mirror

__all__ = ["client_of"]
SALES = "fact_sale"


def test_pyiceberg_s_catalog_for_glue_opens_what_the_mirror_tells_of(tmp_path: Path, client_of: ClientOf) -> None:
    shop, client = Shop(tmp_path), client_of("glue")
    database = database_with(client, SALES)
    shop.services = replace(shop.services, catalog=GlueMirrorCatalog(client, database))
    theirs = glue.GlueCatalog("star", client=client)
    for day in (1, 2):
        shop.sell(3, created=f"2026-11-{day:02d}T00:00:00")
        shop.mirror(SALES)
        opened = theirs.load_table((database, SALES))
        assert rows_of(opened.scan().to_arrow()) == shop.rows_by_pointers(SALES)
    assert client.get_table(DatabaseName=database, Name=SALES)["Table"]["Description"] == f"about {SALES}"


def test_columns_are_told_as_pyiceberg_tells_them(tmp_path: Path) -> None:
    """Of every table: it writes the same names, types, ids and comments, and those of older schemas behind them."""
    shop = Shop(tmp_path)
    shop.sell(3, created="2026-11-01T00:00:00")
    for table in shop.lake.services.contracts.tables():
        shop.mirror(table.name)
        metadata = read_mirror(table.name, shop.objects).metadata
        assert metadata is not None
        theirs = glue._to_columns(metadata)
        ours = [(column.name, column.kind, str(column.number), column.comment) for column in catalog_columns(metadata)]
        assert ours == [
            (each["Name"], each["Type"], each["Parameters"]["iceberg.field.id"], each.get("Comment", ""))
            for each in theirs
        ]


def test_a_mirror_that_began_anew_is_told_though_its_versions_are_lower(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for day in (1, 2, 3):
        shop.sell(1, created=f"2026-11-{day:02d}T00:00:00")
        shop.mirror(SALES)
    shop.objects.delete([info.key for info in shop.objects.list(metadata_prefix(SALES))])
    assert shop.mirror(SALES).version == 1
    entry = shop.catalog.read(SALES)
    assert entry is not None
    assert entry.location.endswith("/v1.metadata.json")


def test_what_another_engine_committed_is_led_back(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sell(1, created="2026-11-01T00:00:00")
    shop.mirror(SALES)
    entry, target = shop.catalog.read(SALES), shop.catalog.target(SALES)
    assert entry is not None
    foreign = f"{target.folder}/metadata/00007-4b7e.metadata.json"
    assert shop.catalog.move(SALES, entry, replace(target, location=foreign))
    mirror_table(shop.table(SALES), shop.services)
    assert shop.catalog.target(SALES).location == target.location


def test_a_table_without_an_entry_is_committed_and_named(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.services = replace(shop.services, catalog=type(shop.catalog)([]))
    shop.sell(1, created="2026-11-01T00:00:00")
    with pytest.raises(NotDeployed, match=SALES):
        shop.mirror(SALES)
    assert read_mirror(SALES, shop.objects).version == 1


def test_a_run_that_slept_before_it_told_leads_nobody_back(tmp_path: Path) -> None:
    """It read the entry before another run moved it, and moves it after."""
    shop = Shop(tmp_path)
    shop.sell(1, created="2026-11-01T00:00:00")
    with_catalog, shop.services = shop.services, replace(shop.services, catalog=None)
    shop.mirror(SALES)
    first, shop.services = read_mirror(SALES, shop.objects), with_catalog
    shop.sell(1, created="2026-11-02T00:00:00")

    class Slept:
        """Reads, and sleeps while the other run goes all its way."""

        def read(self, table: str) -> CatalogEntry | None:
            entry = shop.catalog.read(table)
            if read_mirror(SALES, shop.objects).version == 1:
                assert shop.mirror(SALES).version == 2
            return entry

        def move(self, table: str, entry: CatalogEntry, target: CatalogTarget) -> bool:
            return shop.catalog.move(table, entry, target)

    assert first.metadata is not None
    tell_catalog(SALES, 1, first.metadata, replace(shop.services, catalog=Slept()))
    assert shop.catalog.target(SALES).location.endswith("/v2.metadata.json")

"""Iceberg tables as Athena reads them by the catalog: the mirror's own, over the emulator's S3."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import awswrangler as wr
import boto3
import pytest
from tests.support.contracts import changed
from tests.support.mirrored import Shop
from tests.unit.local.emulator.patches.athena.lake import DATABASE, query

from aws.glue_views import GlueViews
from aws.objects import S3ObjectStore
from aws.pointers import S3PartitionStore
from core.contract.model import Table
from core.mirroring.views import certified_view
from core.time import epoch
from core.warehouse.pointer import partition_of
from mirror.certified.tags import Certified, Claim, certify_snapshot
from mirror.commit import Mirrored, mirror_table
from mirror.reading import MirrorServices, read_mirror

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("lake")]
SALES = "fact_sale"


class MirroredSales:
    """A mirror in the emulator's bucket, and its entry in the catalog."""

    def __init__(self, session: boto3.Session, folder: Path) -> None:
        self._session = session
        s3, bucket = session.client("s3"), f"mirror-{folder.name.replace('_', '-')}"
        s3.create_bucket(Bucket=bucket)
        self.objects, self._partitions = S3ObjectStore(s3, bucket), S3PartitionStore(s3, bucket)
        self.shop = Shop(folder, changed("warehouse/fact_sale/partition_by", ["bucket(sale_id, 2)", "day(created_at)"]))
        self.table: Table = self.shop.table(SALES)
        numbers = itertools.count(1)
        self.services = MirrorServices(
            objects=self.objects,
            partitions=self._partitions,
            root=f"s3://{bucket}/",
            now=lambda: datetime.now(UTC),
            unique=lambda: f"{next(numbers):015x}{'0' * 17}",
            workers=2,
        )

    def sell(self, count: int, *, created: str) -> str:
        """Sell, put what changed into the bucket, mirror it; the location of the metadata."""
        self.shop.sell(count, created=created)
        for path in self.shop.lake.paths(SALES):
            partition = partition_of(self.table.folder, path)
            pointer = self.shop.lake.partitions.read_pointer(partition)
            assert pointer is not None
            stored = self._partitions.read_pointer(partition)
            if stored is None or stored.target != pointer.target:
                body = self.shop.lake.partitions.objects[pointer.target]
                name = pointer.target.rpartition("/")[2]
                key = self._partitions.write_object(partition, name, getattr(body, "body", body))
                self._partitions.swap_pointer(partition, key, expected=stored.etag if stored else None)
        outcome = mirror_table(self.table, self.services)
        assert isinstance(outcome, Mirrored)
        return self.declared(outcome.location)

    def declared(self, location: str) -> str:
        """The entry of the catalog leads to this metadata."""
        glue = self._session.client("glue")
        entry = {
            "Name": SALES,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"table_type": "ICEBERG", "metadata_location": location},
            "StorageDescriptor": {"Columns": [], "Location": location.rpartition("/metadata/")[0]},
        }
        try:
            glue.create_table(DatabaseName=DATABASE, TableInput=entry)
        except glue.exceptions.AlreadyExistsException:
            glue.update_table(DatabaseName=DATABASE, TableInput=entry)
        return location

    def certify(self, until: str) -> Certified:
        mirror = read_mirror(SALES, self.objects)
        claim = Claim(epoch(until), ("shop/1 -",), "-")
        tagged = certify_snapshot(self.table, mirror, claim, self.services)
        self.declared(mirror.metadata.location + f"/metadata/v{tagged.version}.metadata.json")  # type: ignore[union-attr]
        return tagged


@pytest.fixture
def sales(session: boto3.Session, tmp_path: Path) -> MirroredSales:
    return MirroredSales(session, tmp_path)


def test_the_entry_leads_to_the_rows_of_the_current_snapshot(session: boto3.Session, sales: MirroredSales) -> None:
    sales.sell(3, created="2026-11-01T00:00:00")
    first = query(session, "select * from fact_sale order by sale_id")
    assert first["sale_id"].tolist() == [1, 2, 3]
    assert [str(price) for price in first["price"]] == ["1.25", "2.25", "3.25"]
    assert set(first["sale_id_bucket"]) <= {0, 1}
    sales.sell(2, created="2026-11-02T00:00:00")
    counted = query(session, "select created_at, count(*) n from fact_sale group by 1 order by 1")
    assert counted["n"].tolist() == [3, 2]


def test_a_view_of_what_is_certified_names_a_snapshot_and_its_instant(
    session: boto3.Session, sales: MirroredSales
) -> None:
    sales.sell(3, created="2026-11-01T00:00:00")
    sales.sell(2, created="2026-11-02T00:00:00")
    views = GlueViews(session.client("glue"), DATABASE)
    contract = sales.shop.lake.services.contracts.dataset("shop")

    def tag(until: str) -> None:
        tagged = sales.certify(until)
        instant = epoch(until)
        view = certified_view(contract, sales.table, snapshot=tagged.snapshot, until=instant, database=DATABASE)
        views.put_view(view)
        views.put_view(view)

    tag("2026-11-02T00:00:00Z")
    sales.sell(4, created="2026-11-01T12:00:00")  # before the instant, and not in the snapshot
    counted = "select count(*) n, max(created_at) newest from fact_sale_certified"
    assert query(session, counted)["n"].tolist() == [3]
    assert query(session, "select count(*) n from fact_sale")["n"].tolist() == [9]
    tag("2026-11-03T00:00:00Z")  # the view is made anew
    assert query(session, counted)["n"].tolist() == [9]
    both = "select f.sale_id from fact_sale f join fact_sale_certified c on f.sale_id = c.sale_id where c.price > 8"
    assert sorted(query(session, both)["sale_id"].tolist()) == [8, 9]


def test_a_snapshot_that_is_gone_is_told_by_its_number(session: boto3.Session, sales: MirroredSales) -> None:
    sales.sell(1, created="2026-11-01T00:00:00")
    with pytest.raises(wr.exceptions.QueryFailed, match="Iceberg snapshot ID does not exists: 5"):
        query(session, "select * from fact_sale for version as of 5")

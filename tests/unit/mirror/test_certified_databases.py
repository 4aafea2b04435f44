"""Certification of a database's mirrors: slices that hold, dimensions by what they were computed from, and the rest."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.queue import MemoryQueue
from tests.support.audited_shop import AuditedShop
from tests.support.contracts import GOOD, changed
from tests.support.mirrored import Shop, rows_of, without_memory

from auditor.prove import verify
from auditor.state import DatasetState, state_key
from core.mirroring.views import CertifiedView
from core.time import epoch, iso
from mirror.certified.known import known_key
from mirror.certified.star import CertifiedStar, read_star, star_key
from mirror.certified.step import certify_dataset
from mirror.certified.tags import TAG
from mirror.scheduled.requests import MirrorRuntime

SALES, PERSONS = "fact_sale", "dim_person"


@pytest.fixture
def shop(tmp_path: Path) -> AuditedShop:
    shop = AuditedShop(tmp_path)
    shop.hire(*range(7))
    for month in (9, 10, 11):
        shop.sell(3, created=f"2026-{month:02d}-01T00:00:00")
    shop.audit()
    return shop


def tagged(shop: Shop, table: str) -> list[tuple[object, ...]]:
    opened = shop.opened(table)
    snapshot = opened.snapshot_by_name(TAG)
    assert snapshot is not None
    return rows_of(opened.scan(snapshot_id=snapshot.snapshot_id).to_arrow())


def test_all_that_is_owed_is_claimed_and_the_star_is_one_group(shop: AuditedShop) -> None:
    star = shop.certify()
    assert star.until == shop.owed() == int(shop.now.timestamp()) - 60 - 1_800
    assert {table.group for table in star.tables.values()} == {star.group}
    assert set(star.tables) == {SALES, PERSONS}
    assert tagged(shop, SALES) == shop.rows_by_pointers(SALES)


def test_where_extraction_stands_still_no_more_is_claimed_than_it_has_brought(shop: AuditedShop) -> None:
    brought = int(shop.now.timestamp()) - 86_400
    for seen in (brought, 0):
        state = DatasetState(frontier=int(shop.now.timestamp()), seen_until=seen)
        shop.objects.write(state_key("shop"), state.to_json())
        assert shop.owed() == seen


def test_a_table_that_the_last_look_found_amiss_stays_behind_whatever_older_certificates_say(shop: AuditedShop) -> None:
    """Its slice may be none that the next audits have the rows to read for."""
    first = shop.certify()
    shop.now += timedelta(hours=1)
    amiss = DatasetState(frontier=int(shop.now.timestamp()), amiss={SALES: epoch("2026-10-01")})
    shop.objects.write(state_key("shop"), amiss.to_json())
    star = shop.certify()
    assert (star.tables[SALES], set(star.problems)) == (first.tables[SALES], {SALES})
    assert star.tables[PERSONS].until > first.until
    of_source = DatasetState(frontier=int(shop.now.timestamp()), amiss={"_current/person": 0})
    shop.objects.write(state_key("shop"), of_source.to_json())
    star = shop.certify()
    assert set(star.problems) == {PERSONS}
    assert star.tables[SALES].group == star.group


def test_a_slice_that_was_never_certified_bounds_the_claim_by_its_beginning(tmp_path: Path) -> None:
    shop = AuditedShop(tmp_path)
    shop.hire(1)
    for month in (9, 10):
        shop.sell(3, created=f"2026-{month:02d}-01T00:00:00")
    shop.audit(but="2026-10")
    assert shop.certify().until == epoch("2026-10-01")


def test_a_dimension_of_other_rows_than_the_certified_ones_stays_behind_and_its_fact_goes_on(shop: AuditedShop) -> None:
    first = shop.certify()
    before = tagged(shop, PERSONS)
    shop.hire(3, name="Bo")
    shop.sell(1, created="2026-11-02T00:00:00")
    shop.audit(but="_current")
    second = shop.certify()
    assert second.until > first.until
    assert second.tables[SALES].group == second.group != second.tables[PERSONS].group
    assert "_current/person: its rows are not those of certificate" in second.problems[PERSONS]
    assert tagged(shop, PERSONS) == before
    shop.audit()
    third = shop.certify()
    assert {table.group for table in third.tables.values()} == {third.group}
    assert tagged(shop, PERSONS) == shop.rows_by_pointers(PERSONS) != before


class KeptViews:
    """``core.mirroring.views.ViewCatalog`` in memory."""

    database = "star_iceberg"

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def put_view(self, view: CertifiedView) -> None:
        self.texts[view.name] = view.sql


def test_the_function_moves_tags_and_views_after_the_tables_and_a_large_beginning_piece_by_piece(
    shop: AuditedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    views, log = KeptViews(), MemoryLog()
    runtime = MirrorRuntime(
        contracts=shop.lake.services.contracts,
        services=shop.services,
        queue=MemoryQueue(),
        metrics=lambda _dataset: MemoryMetrics(),
        log=log,
        finish=lambda: None,
        views=views,
    )
    asked = {"Records": [{"messageId": "1", "body": json.dumps({"table": SALES, "time": "-"})}]}
    with monkeypatch.context() as patched:
        patched.setattr("mirror.scheduled.requests.MOST_PROVEN", 1)
        for until in ("2026-10-01", "2026-11-01"):
            assert runtime.answer(asked) == {"batchItemFailures": []}
            assert read_star(shop.objects, "shop").until == epoch(until), "the oldest of each table"
        assert runtime.answer(asked) == {"batchItemFailures": []}
    assert log.lines
    assert read_star(shop.objects, "shop").until == shop.owed()
    snapshot = shop.opened(SALES).snapshot_by_name(TAG)
    assert snapshot is not None
    assert f"version as of {snapshot.snapshot_id} where" in views.texts["fact_sale_certified"]
    assert set(views.texts) == {"fact_sale_certified", "dim_person_certified"}


def test_a_view_has_the_columns_of_its_snapshot_until_the_tag_moves(shop: AuditedShop) -> None:
    """Athena reads a snapshot by its own columns: one that the contract has got since is none of them."""
    views = KeptViews()

    def certify() -> object:
        shop.now += timedelta(minutes=1)
        return certify_dataset(shop.lake.services.contracts, "shop", shop.services, views=views)

    certify()
    before = dict(views.texts)
    wider = changed("warehouse/fact_sale/columns/note", "string", contract=GOOD)
    shop.deployed(
        changed("warehouse/dim_person/columns/since", {"type": "timestamp", "from": "changed_at"}, contract=wider)
    )
    less = DatasetState(frontier=int(shop.now.timestamp()) - 86_400)
    shop.objects.write(state_key("shop"), less.to_json())
    star = certify()
    assert isinstance(star, CertifiedStar)
    assert set(star.problems) == {SALES, PERSONS}
    assert views.texts == before


@pytest.mark.parametrize("seed", range(2))
def test_what_is_claimed_piece_by_piece_is_what_a_proof_of_everything_finds(tmp_path: Path, seed: int) -> None:
    """Against ``auditor.prove``, which reads the whole chain, and against itself without a memory."""
    draw = random.Random(seed)
    shop = AuditedShop(tmp_path)
    shop.hire(*range(7))
    for step in range(6):
        for _ in range(draw.randint(0, 3)):
            shop.sell(draw.randint(1, 3), created=f"2026-{draw.randint(8, 11):02d}-{draw.randint(1, 9):02d}T00:00:00")
        if draw.random() < 0.3:
            shop.hire(draw.randint(0, 9), name=f"Name {draw.random()}")
        shop.audit(but=draw.choice(["", "2026-08", "2026-10", "_current", "2026-11"]))
        star = shop.certify()
        bare = without_memory(shop.services, tmp_path / str(step), star_key("shop"), known_key("shop"))
        whole = certify_dataset(shop.lake.services.contracts, "shop", bare)
        assert isinstance(whole, CertifiedStar)
        expected = _oracle(shop)
        assert whole.until == min([least for least in expected.values() if least], default=0)
        assert all(star.tables[name].until <= expected[name] for name in star.tables if name not in star.problems)
        assert star.until == whole.until or star.problems


def _oracle(shop: AuditedShop) -> dict[str, int]:
    """How far each table holds, as the proof of all certificates and rows by the pointers finds it."""
    verified = verify(
        shop.lake.services.contracts, "shop", records=shop.objects, partitions=shop.lake.partitions, workers=2
    )
    ends = dict.fromkeys((SALES, PERSONS), shop.owed())
    bad = {failure.window for failure in verified.failures}
    bad |= {
        f"{SALES}/{iso(epoch(path.removeprefix('month=') + '-01'))}"
        for path in shop.lake.paths(SALES)
        if not any(f"{SALES}/{path}" in certificate.partitions for certificate in verified.links.certificates)
    }
    for window in bad:
        subject, _, start = window.rpartition("/")
        table = SALES if subject == SALES else PERSONS
        ends[table] = min(ends[table], epoch(start))
    if not any("_current/person" in certificate.partitions for certificate in verified.links.certificates):
        ends[PERSONS] = 0
    return ends

"""Certification goes by the table: one that is behind, waits or fails keeps its own tag, and the others go on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.audited_shop import AuditedShop
from tests.support.contracts import changed
from tests.support.mirrored import rows_of
from tests.unit.mirror.test_certified import HOURS, QUOTES, Audited
from tests.unit.mirror.test_certified_databases import PERSONS, SALES, KeptViews, tagged

from auditor.state import DatasetState, state_key
from core.audit.certificate import window_digest
from core.errors import TransientFailure
from core.mirroring.names import hint_key, metadata_prefix
from core.mirroring.views import CertifiedView
from core.time import epoch, iso
from mirror.certified.known import PROVEN, KnownTable, KnownTables, known_key
from mirror.certified.star import CertifiedStar, CertifiedTable, read_star, star_key
from mirror.certified.step import certify_dataset
from mirror.certified.tags import TAG, UNTIL


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    return Audited(tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> AuditedShop:
    """Sales of six months, all of them certified by the audit."""
    shop = AuditedShop(tmp_path)
    shop.hire(*range(7))
    for month in range(6, 12):
        shop.sell(2, created=f"2026-{month:02d}-01T00:00:00")
    shop.audit()
    return shop


def certify(shop: AuditedShop, *, most: int = 0, views: KeptViews | None = None, again: bool = False) -> CertifiedStar:
    shop.now += timedelta(minutes=1)
    contracts = shop.lake.services.contracts
    star = certify_dataset(contracts, "shop", shop.services, views=views, most=most, again=again)
    assert isinstance(star, CertifiedStar), star
    return star


def audits_find(shop: AuditedShop, **amiss: str) -> None:
    """An hour later the audits have seen all, but for what is amiss of tables from an instant on."""
    shop.now += timedelta(hours=1)
    state = DatasetState(
        frontier=int(shop.now.timestamp()), amiss={table: epoch(start) for table, start in amiss.items()}
    )
    shop.objects.write(state_key("shop"), state.to_json())


@contextmanager
def objects_read(lake: Audited | AuditedShop) -> Iterator[list[str]]:
    """The Parquet objects that are read within."""
    read: list[str] = []
    before = lake.objects.before
    lake.objects.before = lambda effect, key: (
        read.append(key) if effect == "read" and key.endswith(".parquet") else None
    )
    yield read
    lake.objects.before = before


def known_of(audited: Audited, table: str) -> KnownTable:
    stored = audited.objects.read(known_key("quotes"))
    assert stored is not None
    return KnownTables.from_json(stored.body).tables[table]


def claimed(shop: AuditedShop, table: str) -> str:
    snapshot = shop.opened(table).snapshot_by_name(TAG)
    assert snapshot is not None
    assert snapshot.summary is not None
    return str(snapshot.summary[UNTIL])


def test_a_table_that_is_behind_stops_no_other_and_follows_as_soon_as_it_may(shop: AuditedShop) -> None:
    """A table of another group once had all of its objects to be proven again, which no run had the time for."""
    first = certify(shop)
    for _ in range(3):
        audits_find(shop, fact_sale="2026-10-01T00:00:00Z")
        star = certify(shop, most=2)
        assert set(star.problems) == {SALES}
        assert (star.tables[PERSONS].until, star.tables[SALES]) == (shop.owed(), first.tables[SALES])
    audits_find(shop)
    with objects_read(shop) as read:
        star = certify(shop, most=2)
    assert (star.until, star.problems, read) == (shop.owed(), {}, [])
    assert {table.group for table in star.tables.values()} == {star.group}


def test_a_table_that_is_behind_is_proven_piece_by_piece_beside_the_others(shop: AuditedShop) -> None:
    certify(shop)
    for month in range(6, 12):
        shop.sell(1, created=f"2026-{month:02d}-02T00:00:00")
    shop.hire(3, name="Bo")
    shop.audit()
    before = shop.owed()
    for left in (5, 2):
        star = certify(shop, most=3)
        assert f"{left} objects have to be read" in star.problems[SALES]
        assert star.tables[PERSONS].until == before
        assert star.considered == ""
    star = certify(shop, most=3)
    assert (star.until, star.problems) == (before, {})
    assert tagged(shop, SALES) == shop.rows_by_pointers(SALES)


def test_the_tag_of_a_table_that_is_behind_moves_by_itself_as_far_as_it_holds(shop: AuditedShop) -> None:
    first = certify(shop)
    audits_find(shop, fact_sale="2026-10-01T00:00:00Z")
    certify(shop)
    shop.sell(1, created="2026-11-02T00:00:00")
    shop.audit()
    further = first.until + 600  # than its own tag, and less than the others hold
    audits_find(shop, fact_sale=iso(further))
    star = certify(shop)
    assert set(star.problems) == {SALES}
    assert star.tables[SALES].until == further < star.until == star.tables[PERSONS].until
    assert star.tables[SALES].group != star.group
    assert epoch(claimed(shop, SALES)) == star.tables[SALES].until
    assert tagged(shop, SALES) == shop.rows_by_pointers(SALES)


def test_what_is_proven_beyond_its_rows_is_not_read_again_when_the_claim_goes_on(audited: Audited) -> None:
    """Some hundred quiet partitions of the month that is running were read in each run."""
    entity = audited.window.feed.entities[1].name
    audited.window.commit(entity, 120, price=2)
    audited.issue("2026-11-20T15:00:00Z", "2026-11-20T16:00:00Z")
    audited.issue("2026-11-20T16:00:00Z", "2026-11-20T17:00:00Z")
    audited.state(DatasetState(frontier=epoch("2026-11-20T16:30:00Z")))
    audited.star()
    quiet = {audited.window.path(each.name) for each in audited.window.feed.entities} - {audited.window.path(entity)}
    month_end = epoch("2026-12-01T00:00:00Z")
    known = known_of(audited, QUOTES)
    assert {known.paths.get(path) for path in quiet} == {month_end}
    assert audited.window.path(entity) not in known.paths, "it has rows that are not claimed yet"
    audited.state(DatasetState(frontier=epoch("2026-11-20T17:00:00Z")))
    assert audited.star().until == epoch("2026-11-20T17:00:00Z")
    assert {*known_of(audited, QUOTES).paths.values()} == {month_end}
    audited.state(DatasetState(frontier=epoch("2026-11-20T18:00:00Z")))
    facts = replace(audited.services.contracts.dataset("quotes"), tables=(audited.window.table,))
    with objects_read(audited) as read:
        star = certify_dataset(replace(audited.services.contracts, contracts=(facts,)), "quotes", audited.mirroring)
    assert isinstance(star, CertifiedStar)
    assert (star.until, read) == (epoch("2026-11-20T18:00:00Z"), [])


def test_a_certificate_of_rows_that_a_quiet_partition_lacks_is_seen_when_its_window_is_claimed(
    audited: Audited,
) -> None:
    """It was there before, of a time that was not claimed yet: no later certificate speaks of it."""
    lost = audited.window.path(audited.window.feed.entities[2].name)
    known = audited.window.certificate.partitions
    named = {name: known[name] for name in known if name.endswith(lost)}
    hour = ["2026-11-20T16:00:00Z", "2026-11-20T17:00:00Z"]
    audited.window.issue(start=hour[0], end=hour[1], partitions=named, digest=window_digest(named))
    assert audited.star().until == epoch(hour[0])
    assert lost not in known_of(audited, QUOTES).paths
    audited.state(DatasetState(frontier=epoch(hour[1])))
    assert audited.star().until == epoch(hour[0])


def test_partitions_that_all_begin_at_the_same_instant_are_proven_piece_by_piece_too(audited: Audited) -> None:
    partitions = len(audited.window.feed.entities)
    outcomes = []
    for _ in range(partitions + 1):
        audited.now += timedelta(minutes=1)
        with objects_read(audited) as read:
            outcomes.append(certify_dataset(audited.services.contracts, "quotes", audited.mirroring, most=1))
        assert len(read) <= 4, "one a table, and what a rollup was made of"
    star = outcomes[partitions - 1]
    assert isinstance(star, CertifiedStar)
    assert (star.problems, {table.until for table in star.tables.values()}) == ({}, {star.until})
    assert star.until == epoch("2026-11-20T16:00:00Z")
    assert outcomes[-1] == star


class TimedOut(BaseException):
    """The function's time is over."""


def test_the_tables_of_a_run_share_the_objects_that_it_has_time_for(audited: Audited) -> None:
    """Each had as many to itself: of a star with ten tables a run read ten times what its time is enough for."""
    for most in (4, 8):
        audited.objects.delete([known_key("quotes"), star_key("quotes")])
        audited.now += timedelta(days=8)
        with objects_read(audited) as read:
            certify_dataset(audited.services.contracts, "quotes", audited.mirroring, most=most)
        assert most <= len({*read}) <= most + 1, "what a rollup was made of is read with it"


def test_a_run_that_is_killed_before_all_is_read_is_gone_on_with(
    shop: AuditedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was kept before the last of the tables: a function that timed out began anew for ever."""
    monkeypatch.setattr("mirror.certified.step.PIECE", 2)
    runs, star = 0, None
    while star is None:
        runs += 1
        assert runs < 6, "nothing is kept of what was read"
        reads = 0

        def read(effect: str, key: str) -> None:
            nonlocal reads
            reads += effect == "read" and key.endswith(".parquet")
            if reads > 5:
                raise TimedOut

        shop.objects.before = read
        with suppress(TimedOut):
            star = certify(shop)
    assert runs > 1
    assert (star.until, star.problems) == (shop.owed(), {})


def test_a_table_that_waits_is_named_and_the_others_go_on(shop: AuditedShop) -> None:
    first = certify(shop)
    shop.deployed(changed("warehouse/fact_sale/columns/price", "decimal(14,4)"))
    audits_find(shop)
    star = certify(shop)
    assert set(star.problems) == {SALES}
    assert "waits for 6 partitions of older types" in star.problems[SALES]
    assert star.tables[PERSONS].until == shop.owed() > first.until
    assert star.tables[SALES] == first.tables[SALES]
    shop.deployed(changed("warehouse/fact_sale/columns/price", {"type": "decimal(10,2)", "check": "> 0"}))
    assert certify(shop).problems == {}, "it is asked in each run"


def test_a_table_whose_mirror_cannot_be_read_is_named_and_the_others_go_on(shop: AuditedShop) -> None:
    first = certify(shop)
    hint = shop.objects.read(hint_key(PERSONS))
    assert hint is not None
    shop.objects.write(hint_key(PERSONS), b"999")
    audits_find(shop)
    star = certify(shop)
    assert set(star.problems) == {PERSONS}
    assert "is not there" in star.problems[PERSONS]
    assert star.tables[SALES].until == shop.owed() > first.until
    shop.objects.write(hint_key(PERSONS), hint.body)
    assert certify(shop).problems == {}


def test_a_table_that_fails_while_it_is_proven_or_tagged_is_named_and_the_others_go_on(shop: AuditedShop) -> None:
    certify(shop)
    for effect, part in (("read", "/_data/fact_sale/"), ("write", f"{metadata_prefix(SALES)}snap-")):
        shop.sell(1, created="2026-11-03T00:00:00")
        shop.mirror(SALES)
        shop.audit()

        def fail(event: str, key: str, effect: str = effect, part: str = part) -> None:
            if event == effect and part in key:
                raise TransientFailure("ask the store", key, "does not answer", "")

        shop.objects.before = fail
        star = certify(shop)
        assert set(star.problems) == {SALES}
        assert star.tables[PERSONS].until == shop.owed()
        shop.objects.before = lambda _effect, _key: None
        assert certify(shop).problems == {}


def test_a_view_that_fails_stops_no_other_and_is_made_by_the_next_run(shop: AuditedShop) -> None:
    class Failing(KeptViews):
        fails = True

        def put_view(self, view: CertifiedView) -> None:
            if self.fails and view.name == "fact_sale_certified":
                raise TransientFailure("make view", view.name, "the catalog does not answer", "")
            super().put_view(view)

    views = Failing()
    star = certify(shop, views=views)
    assert set(views.texts) == {"dim_person_certified"}
    assert set(star.problems) == {SALES}
    views.fails = False
    star = certify(shop, views=views)
    assert star.problems == {}
    assert f"version as of {star.tables[SALES].snapshot} " in views.texts["fact_sale_certified"]


def test_what_the_release_before_has_certified_is_not_proven_again(shop: AuditedShop) -> None:
    certify(shop)
    shop.objects.delete([known_key("shop")])
    audits_find(shop)
    with objects_read(shop) as read:
        assert certify(shop).until == shop.owed()
    assert len(read) == 3, "the month that is running, and the persons, whose rows no time bounds, with their source"


def test_the_star_has_the_fields_that_the_release_before_reads() -> None:
    """It refuses others, and would prove everything again: what is new stands beside it."""
    star = CertifiedStar(tables={"a": CertifiedTable(1, 2, 3, 4, "g")})
    data = json.loads(star.to_json())
    assert {*data} == {
        "until", "at", "number", "hash", "group", "tables", "problems", "considered", "tried",
    }  # fmt: skip
    assert {*data["tables"]["a"]} == {"snapshot", "version", "sequence", "until", "group"}


def test_what_a_later_release_adds_to_what_is_known_is_passed_over(shop: AuditedShop) -> None:
    certify(shop)
    stored = shop.objects.read(f"{PROVEN}shop.json")
    assert stored is not None
    known = KnownTables.from_json(stored.body)
    assert known.tables[SALES].until == shop.owed()
    data = json.loads(stored.body)
    data["tables"][SALES]["later"] = data["later"] = 1
    assert KnownTables.from_json(json.dumps(data).encode()) == known
    assert KnownTables.from_json(known.to_json()) == known


def test_a_mirror_that_began_anew_is_proven_anew(shop: AuditedShop) -> None:
    """Its snapshots are counted from 1 again: what was known of the one before is of other objects."""
    certify(shop)
    for info in list(shop.objects.list(metadata_prefix(SALES))):
        shop.objects.delete([info.key])
    shop.sell(1, created="2026-09-05T00:00:00")  # which no certificate speaks of
    audits_find(shop)
    star = certify(shop)
    assert "its rows are not those of certificate" in star.problems[SALES]
    assert rows_of(shop.opened(SALES).scan().to_arrow()) == shop.rows_by_pointers(SALES)


def test_of_two_runs_that_tagged_the_same_the_next_names_the_snapshots_that_are_tagged(shop: AuditedShop) -> None:
    star = certify(shop)
    shop.objects.write(star_key("shop"), replace(star, considered="", at=star.at + 1).to_json())
    assert read_star(shop.objects, "shop").considered == ""
    assert certify(shop).tables == star.tables


def test_nothing_is_known_of_a_table_that_no_contract_promises_any_more(audited: Audited) -> None:
    audited.star()
    stored = audited.objects.read(known_key("quotes"))
    assert stored is not None
    known = KnownTables.from_json(stored.body)
    gone = KnownTables({**known.tables, "gone": dataclasses.replace(known.tables[HOURS])})
    audited.objects.write(known_key("quotes"), gone.to_json())
    audited.state(DatasetState(frontier=epoch("2026-11-20T15:30:00Z")))
    audited.certify()
    stored = audited.objects.read(known_key("quotes"))
    assert stored is not None
    assert "gone" not in KnownTables.from_json(stored.body).tables


def test_a_dimension_that_stays_behind_its_current_state_is_held_against_the_new_certificate(shop: AuditedShop) -> None:
    """It was proven once, and no certificate names its own folder: it was claimed for ever without another look."""
    certify(shop)
    shop.hire(3, name="Bo", derives=False)
    before = tagged(shop, PERSONS)
    shop.audit()
    for _ in range(2):
        star = certify(shop, again=True)
        assert "its rows are not those of certificate" in star.problems[PERSONS]
        assert (star.tables[SALES].until, tagged(shop, PERSONS)) == (shop.owed(), before)
        assert epoch(claimed(shop, PERSONS)) < shop.owed()
    shop.hire(3, name="Cy")
    shop.audit()
    assert certify(shop).problems == {}
    assert tagged(shop, PERSONS) == shop.rows_by_pointers(PERSONS) != before


def test_a_dimension_is_not_read_again_for_certificates_of_what_it_is_not_computed_from(shop: AuditedShop) -> None:
    certify(shop)
    shop.sell(1, created="2026-11-04T00:00:00")
    shop.audit(but="_current")
    with objects_read(shop) as read:
        assert certify(shop).until == shop.owed()
    assert read
    assert not [key for key in read if PERSONS in key or "_current" in key]

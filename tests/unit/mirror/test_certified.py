"""Certified snapshots: what a tag claims was proven in the snapshot's own objects, and what was not is not claimed."""

from __future__ import annotations

import itertools
import random
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import StaticTable
from tests.fakes.log import MemoryLog
from tests.fakes.mail import MemoryMail
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.objects import MemoryObjects
from tests.fakes.parameters import MemoryParameters
from tests.fakes.partitions import MemoryPartitions
from tests.fakes.queue import MemoryQueue
from tests.support import tables
from tests.support.feeds import contracts_in
from tests.support.mirrored import FolderObjects, rows_of, without_memory, write_through
from tests.unit.auditor.test_prove import OPENING, Certified

from auditor.prove import verify
from auditor.services import Services
from auditor.state import DatasetState, OpenWindow, state_key
from auditor.warehouse.partitions import read_partition
from core.audit.certificate import certificate_key, window_digest
from core.errors import TransientFailure
from core.mirroring.held import held_objects
from core.mirroring.names import hint_key, metadata_key, metadata_prefix
from core.time import epoch
from core.warehouse.arrow_types import stored_schema
from core.warehouse.canonical_rows import proof_of, rows_between
from core.warehouse.pointer import pointer_key
from mirror.certified import step as certifying
from mirror.certified.known import known_key
from mirror.certified.star import CertifiedStar, read_star, star_key
from mirror.certified.static import is_static
from mirror.certified.step import Uncertified, certify_dataset
from mirror.certified.tags import CERTIFICATES, GROUP, TAG, UNTIL, Claim, certify_snapshot
from mirror.commit import mirror_table
from mirror.reading import Mirror, MirrorServices, read_mirror
from processing.derived.dimensions import derive_static
from processing.partitions.attempt import CommitContext
from processing.partitions.commit import rederive, restate

QUOTES, HOURS = "fact_quote", "fact_quote_hourly"
END = "2026-11-20T16:00:00Z"
CLAIM = Claim(epoch(END), ("quotes/1 a",), "group")


class Killed(Exception):
    """The run ends here."""


class Audited:
    """An hour of quotes that is certified, in a folder that engines read."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 11, 20, 20, tzinfo=UTC)
        self.objects = FolderObjects(folder, lambda: self.now)
        partitions, metrics = MemoryPartitions(), MemoryMetrics()
        write_through(partitions, self.objects)
        self.services = Services(
            contracts=contracts_in(),
            ingest=MemoryObjects(),
            records=self.objects,
            partitions=partitions,
            metrics=lambda _dataset: metrics,
            log=MemoryLog(),
            now=lambda: self.now,
            code_version="test",
            processing=MemoryQueue(),
            mail=MemoryMail(),
            parameters=MemoryParameters(),
        )
        self.window = Certified(self.services)
        for entity in self.window.feed.entities:
            self.roll(entity.name)
        for table in self.services.contracts.dataset("quotes").tables:
            if is_static(table):
                derive_static(partitions, table, self.services.contracts)
        self.commits(rolled=True)
        self.state(DatasetState(frontier=epoch(END)))
        numbers = itertools.count(1)
        self.mirroring = MirrorServices(
            objects=self.objects,
            partitions=partitions,
            root=f"{folder}/",
            now=lambda: self.now,
            unique=lambda: f"{next(numbers):015x}{'0' * 17}",
            workers=2,
        )

    def commits(self, *, rolled: bool) -> None:
        """Whether the rollup follows each commit from now on."""

        def commit(entity: str, minutes: int, *, price: int = 1) -> None:
            Certified.commit(self.window, entity, minutes, price=price)
            if rolled:
                self.roll(entity)

        self.window.commit = commit  # type: ignore[method-assign]

    def roll(self, entity: str, *, complete: bool = True) -> None:
        """The rollup of a partition as it says of itself what it was made of, with a row of the certified hour."""
        rollup, path = self.services.contracts.table(HOURS), self.window.path(entity)
        name = f"{self.window.table.folder}/{path}"
        pointer = self.services.partitions.read_pointer(name)
        used = {name: pointer.target if pointer else ""}
        context = CommitContext("c", random=random.Random(f"{entity}{used}"), sleep=lambda _: None)
        hour = OPENING.replace(tzinfo=None)
        rows = tables.rows_of(rollup, [{"symbol": entity, "hour": hour, "complete": complete}])
        rederive(self.services.partitions, rollup, path, lambda: (rows, used), context=context)  # type: ignore[arg-type]

    def lose(self, table: str) -> None:
        """The pointer of one partition."""
        folder = self.services.contracts.table(table).folder
        key = pointer_key(f"{folder}/{self.window.path(self.window.feed.entities[1].name)}")
        self.objects.delete([key])
        self.services.partitions.delete([key])

    def state(self, state: DatasetState) -> None:
        self.objects.write(state_key("quotes"), state.to_json())

    def certify(self, *, again: bool = True) -> CertifiedStar | Uncertified:
        self.now += timedelta(minutes=1)
        return certify_dataset(self.services.contracts, "quotes", self.mirroring, again=again)

    def star(self, *, again: bool = True) -> CertifiedStar:
        star = self.certify(again=again)
        assert isinstance(star, CertifiedStar), star
        return star

    def mirror(self) -> Mirror:
        """The fact, mirrored a minute later."""
        self.now += timedelta(minutes=1)
        mirror_table(self.window.table, self.mirroring)
        return read_mirror(QUOTES, self.objects)

    def issue(self, start: str, end: str) -> None:
        """Certify a window as it is, unless its certificate says the same already."""
        proofs = {}
        for entity in self.window.feed.entities:
            held = read_partition(self.services.partitions, self.window.table, self.window.path(entity.name))
            rows = rows_between(held.rows, "minute", epoch(start), epoch(end))
            if rows.num_rows:
                proofs[held.name] = proof_of(rows)
        with suppress(IndexError):  # none was issued
            self.window.issue(start=start, end=end, partitions=proofs, digest=window_digest(proofs))

    def opened(self, table: str = QUOTES) -> StaticTable:
        version = read_mirror(table, self.objects).version
        return StaticTable.from_metadata(f"{self.objects.folder}/{metadata_key(table, version)}")

    def tagged(self, tag: str = TAG) -> list[tuple[Any, ...]]:
        opened = self.opened()
        snapshot = opened.snapshot_by_name(tag)
        assert snapshot is not None
        return rows_of(opened.scan(snapshot_id=snapshot.snapshot_id).to_arrow())


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    return Audited(tmp_path)


def test_the_tag_names_a_snapshot_whose_summary_says_what_was_proven(audited: Audited) -> None:
    tables = audited.star().tables
    assert set(tables) == {t.name for t in audited.services.contracts.dataset("quotes").tables}
    opened = audited.opened()
    snapshot = opened.snapshot_by_name(TAG)
    assert snapshot is not None
    assert snapshot.summary is not None
    assert snapshot == opened.snapshot_by_name("certified-2026-11-20")
    assert snapshot.summary[UNTIL] == END
    assert snapshot.summary[CERTIFICATES] == f"quotes/1 {audited.window.certificate.hash}"
    groups = {audited.opened(name).snapshot_by_name(TAG).summary[GROUP] for name in tables}  # type: ignore[union-attr, index]
    assert len(groups) == 1
    assert audited.tagged() == rows_of(opened.scan().to_arrow())


def test_a_tag_stays_where_it_was_proven_until_the_certificates_speak_of_what_came_later(audited: Audited) -> None:
    audited.star()
    before = audited.tagged()
    entity = audited.window.feed.entities[1].name
    audited.window.commit(entity, 60, price=2)  # the certified rows are others now
    audited.mirror()
    kept = audited.star()
    assert kept.until == epoch(END)
    assert "its rows from 2026-11-20T15:00:00Z on are not those of certificate 1" in kept.problems[QUOTES]
    assert audited.tagged() == before
    assert rows_of(audited.opened().scan().to_arrow()) != before
    audited.window.issue()
    assert audited.star(again=False).problems == {}
    assert audited.tagged() == rows_of(audited.opened().scan().to_arrow()) != before


def test_nothing_is_claimed_from_the_first_window_on_that_is_not_whole(audited: Audited) -> None:
    hour, late = epoch("2026-11-20T15:00:00Z"), epoch("2026-11-20T18:00:00Z")
    audited.state(DatasetState(frontier=late, open={hour: OpenWindow(epoch(END), 3)}))
    assert audited.star().until == hour
    audited.state(DatasetState(frontier=late, open={epoch(END): OpenWindow(epoch(END) + 3600, 3)}))
    assert audited.star().until == epoch(END)


def test_rows_that_no_certificate_speaks_of_bound_the_claim(audited: Audited) -> None:
    audited.state(DatasetState(frontier=epoch("2026-11-20T18:00:00Z")))
    audited.window.commit(audited.window.feed.entities[1].name, 70, price=2)
    audited.issue("2026-11-20T15:00:00Z", END)  # of ten minutes more no certificate speaks
    star = audited.star()
    assert (star.until, star.problems) == (epoch(END), {})
    assert {tagged.until for tagged in star.tables.values()} == {epoch(END)}  # all of the group


@pytest.mark.parametrize("seed", range(2))
def test_what_is_claimed_piece_by_piece_is_what_the_proof_of_all_finds(tmp_path: Path, seed: int) -> None:
    """Against ``auditor.prove``, which reads the whole chain and all rows, and against itself without a memory."""
    draw, audited = random.Random(seed), Audited(tmp_path / "lake")
    hours = [f"2026-11-20T{hour}:00:00Z" for hour in range(15, 20)]
    entities = [entity.name for entity in audited.window.feed.entities]
    frontier = epoch(hours[draw.randint(1, 4)])
    audited.state(DatasetState(frontier=frontier))
    for step in range(2, 7):
        for _ in range(draw.randint(0, 2)):
            audited.window.commit(draw.choice(entities), draw.randint(1, 240), price=step)
        for start, end in itertools.pairwise(hours):
            if draw.random() < 0.5:
                audited.issue(start, end)
        star = audited.star()
        bare = without_memory(audited.mirroring, tmp_path / str(step), star_key("quotes"), known_key("quotes"))
        whole = certify_dataset(audited.services.contracts, "quotes", bare)
        assert isinstance(whole, CertifiedStar)
        stays = QUOTES in star.problems
        assert whole.until == oracle(audited, frontier)
        assert whole.until <= star.until if stays else whole.until == star.until


def oracle(audited: Audited, frontier: int) -> int:
    """The first instant that is not certified, by the proof of all certificates and a look at the minutes."""
    services, table = audited.services, audited.window.table
    verified = verify(services.contracts, "quotes", records=audited.objects, partitions=services.partitions, workers=2)
    failed = [epoch(failure.window.rpartition("/")[2]) for failure in verified.failures if failure.partition]
    spans = {(epoch(each.start), epoch(each.end)) for each in verified.links.certificates}
    minutes = {
        epoch(f"{minute}")
        for entity in audited.window.feed.entities
        for minute in read_partition(services.partitions, table, audited.window.path(entity.name))
        .rows["minute"]
        .to_pylist()
    }
    unspoken = [minute for minute in minutes if not any(start <= minute < end for start, end in spans)]
    return min([frontier, *failed, *unspoken])


def test_a_rollup_of_other_facts_than_the_certified_ones_stays_behind(audited: Audited) -> None:
    audited.star()
    audited.commits(rolled=False)
    entity = audited.window.feed.entities[1].name
    audited.window.commit(entity, 60, price=2)
    audited.window.issue()
    assert set(audited.star().problems) == {HOURS}
    audited.roll(entity)
    assert audited.star().problems == {}


def test_a_rollup_that_was_made_before_the_certificate_waits_until_it_is_made_again(audited: Audited) -> None:
    """An audit certifies first and has the rollups made again then; runs of the mirror come when they come."""
    audited.star()
    entity = audited.window.feed.entities[1].name
    audited.window.commit(entity, 60, price=2)
    audited.roll(entity, complete=False)
    audited.window.issue()
    star = audited.star(again=False)
    assert set(star.problems) == {HOURS}
    assert "its group of 2026-11-20T15:00:00Z is not complete" in star.problems[HOURS]
    audited.roll(entity)
    assert audited.certify(again=False) == star, "its mirror does not have it yet"
    mirror_table(audited.services.contracts.table(HOURS), audited.mirroring)
    assert audited.star(again=False).problems == {}


def test_a_rollup_that_lacks_an_hour_without_any_point_waits_too(audited: Audited) -> None:
    """What the source has proven not to have has its row as soon as it is certified."""
    entity = audited.window.feed.entities[1].name
    hour = ["2026-11-20T16:00:00Z", "2026-11-20T17:00:00Z"]
    audited.state(DatasetState(frontier=epoch(hour[1])))
    nothing: dict[str, Any] = {"partitions": {}, "digest": window_digest({}), "present": 0, "observed": 0}
    audited.window.issue(start=hour[0], end=hour[1], absent_points={entity: [hour]}, **nothing)
    star = audited.star()
    assert star.until == epoch(hour[0])
    assert HOURS not in star.problems  # it holds as far as all of its group


@pytest.mark.parametrize("table", ["dim_symbol", "dim_date"])
def test_what_is_made_of_the_contract_alone_is_held_against_it(audited: Audited, table: str) -> None:
    promised = audited.services.contracts.table(table)
    context = CommitContext("d", random.Random(1), sleep=lambda _: None)
    first = read_partition(audited.services.partitions, promised, "").rows.slice(1)
    restate(audited.services.partitions, promised, "", lambda: (first, ()), context=context)
    assert audited.star().problems == {table: f"{table}: is not what the contract says"}
    audited.objects.delete([pointer_key(table)])
    audited.services.partitions.delete([pointer_key(table)])
    audited.objects.delete([f"{metadata_prefix(table)}{name}" for name in ("version-hint.text", "v1.metadata.json")])
    assert "has no object" in audited.star().problems[table]


def test_a_rollup_that_does_not_say_what_it_was_made_of_is_certified_of_nothing(audited: Audited) -> None:
    table, entity = audited.services.contracts.table(HOURS), audited.window.feed.entities[1].name
    audited.lose(HOURS)
    rows = stored_schema(table).empty_table()
    context = CommitContext("d", random=random.Random(1), sleep=lambda _: None)
    restate(audited.services.partitions, table, audited.window.path(entity), lambda: (rows, ()), context=context)
    assert audited.star().until == epoch("2026-11-01")


@pytest.mark.parametrize("table", [QUOTES, HOURS])
def test_a_partition_that_is_certified_and_that_the_snapshot_lacks_bounds_the_claim(
    audited: Audited, table: str
) -> None:
    audited.lose(table)
    assert audited.star().until == int(OPENING.timestamp())


def test_a_partition_that_a_later_certificate_of_an_old_window_names_bounds_the_claim_too(audited: Audited) -> None:
    audited.star()
    known = audited.window.certificate.partitions
    named = {**known, f"{audited.window.table.folder}/symbol=GONE/month=2026-11": [1, "0" * 64]}
    audited.window.issue(partitions=named, digest=window_digest(named))
    assert "there is no object" in audited.star().problems[QUOTES]


def test_a_table_that_no_certificate_speaks_of_yet_is_not_claimed_to_have_no_rows(audited: Audited) -> None:
    """The windows were certified before the contract had it, or while it lay in a folder of another generation."""
    known = audited.window.table
    later = replace(known, generation="2")
    contracts = audited.services.contracts
    contract = contracts.dataset("quotes")
    tables = tuple(later if table.name == QUOTES else table for table in contract.tables)
    changed = tuple(replace(each, tables=tables) if each.dataset == "quotes" else each for each in contracts.contracts)
    star = certify_dataset(replace(contracts, contracts=changed), "quotes", audited.mirroring)
    assert isinstance(star, CertifiedStar)
    assert star.until == epoch("2026-11-01")  # the rollup is of the table that was
    assert {table.until for table in star.tables.values()} == {star.until}


def test_a_chain_that_was_altered_is_claimed_of_nothing(audited: Audited) -> None:
    audited.mirror()
    audited.objects.write("warehouse/_certificates/quotes/000000000001.json", b"{}")
    assert isinstance(audited.certify(), Uncertified)
    assert audited.opened().snapshot_by_name(TAG) is None


def test_a_certificate_that_does_not_follow_what_was_claimed_is_claimed_of_nothing(audited: Audited) -> None:
    audited.star()
    tagged = audited.tagged()
    audited.window.commit(audited.window.feed.entities[1].name, 60, price=2)
    issued = audited.window.issue()
    key = certificate_key("quotes", issued.number)
    audited.objects.write(key, replace(issued, previous="0" * 64).to_json())
    refused = audited.certify()
    assert isinstance(refused, Uncertified)
    assert "does not follow" in refused.problem
    assert audited.tagged() == tagged


def test_proving_the_same_again_makes_no_version(audited: Audited) -> None:
    first = audited.star()
    assert audited.star() == first


def test_where_the_audits_say_nothing_new_three_objects_are_read_and_none_is_written(audited: Audited) -> None:
    audited.star()
    audited.window.commit(audited.window.feed.entities[1].name, 60, price=2)
    audited.objects.counts.clear()
    audited.star(again=False)
    assert audited.objects.counts == {"read": 3}


def test_of_what_was_proven_before_no_object_is_read_again(audited: Audited) -> None:
    audited.star()
    entity = audited.window.feed.entities[1].name
    audited.window.commit(entity, 60, price=2)
    read: list[str] = []
    audited.objects.before = lambda effect, key: read.append(key) if effect == "read" else None
    audited.star()
    assert {key for key in read if key.endswith(".parquet")} == {
        file.key
        for table in (QUOTES, HOURS)
        for path, file in read_mirror(table, audited.objects).state.files.items()
        if f"={entity}/" in path
    }


def test_what_went_on_while_it_was_proven_is_not_in_the_tag(audited: Audited) -> None:
    proven = audited.mirror()
    rows = rows_of(audited.opened().scan().to_arrow())
    audited.window.commit(audited.window.feed.entities[1].name, 60, price=2)
    audited.mirror()
    certify_snapshot(audited.window.table, proven, CLAIM, audited.mirroring)
    assert audited.tagged() == rows
    objects = {file.key for file in proven.state.files.values()}
    audited.now += timedelta(hours=7)
    audited.mirror()
    audited.mirror()
    assert audited.tagged() == rows
    assert objects <= held_objects(audited.objects, QUOTES)


def test_tags_go_after_a_week_and_their_objects_with_them_whoever_certifies_or_not(audited: Audited) -> None:
    audited.star()
    held = held_objects(audited.objects, QUOTES)
    audited.window.commit(audited.window.feed.entities[1].name, 60, price=2)
    audited.mirror()
    audited.now += timedelta(days=6)
    audited.mirror()
    assert held <= held_objects(audited.objects, QUOTES)
    audited.now += timedelta(days=1)
    audited.mirror()  # nothing has changed since
    assert set(audited.opened().metadata.refs) == {"main"}
    assert len(held - held_objects(audited.objects, QUOTES)) == 1


def test_a_claim_goes_back_when_what_was_claimed_is_a_week_old(audited: Audited) -> None:
    audited.star()
    audited.window.commit(audited.window.feed.entities[1].name, 60, price=2)
    audited.now += timedelta(days=8)
    assert audited.star().until == int(OPENING.timestamp())
    assert audited.tagged() == rows_of(audited.opened().scan().to_arrow())


def test_what_is_claimed_is_tagged_anew_when_it_is_a_week_old(audited: Audited) -> None:
    """As of a feed that was paused: the tag went with its snapshot, and the star still named it."""
    first = audited.star(again=False)
    for days in (8, 8):
        audited.now += timedelta(days=days)
        audited.mirror()
        audited.mirror()
        star = audited.star(again=False)
        assert star.until == first.until
        tagged = audited.opened().snapshot_by_name(TAG)
        assert tagged is not None
        assert tagged.snapshot_id == star.tables[QUOTES].snapshot
        version = audited.opened().metadata.last_sequence_number
        assert audited.star(again=False) == star
        assert audited.opened().metadata.last_sequence_number == version, "once a week, and not in each run"


def test_a_tag_never_goes_back_whichever_of_two_runs_ends_last(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower run tagged less, after the other had tagged more: the star named a snapshot that went."""
    tag, further = certifying._tagged, []

    def tagged_meanwhile(*given: Any) -> Any:
        if not further:
            audited.window.commit(audited.window.feed.entities[1].name, 60, price=2)
            audited.window.issue()
            audited.state(DatasetState(frontier=epoch("2026-11-20T18:00:00Z")))
            further.append(None)
            further[0] = audited.star(again=False)
        return tag(*given)

    monkeypatch.setattr(certifying, "_tagged", tagged_meanwhile)
    with pytest.raises(TransientFailure, match="another run has certified it further"):
        audited.star(again=False)
    stored, tagged = read_star(audited.objects, "quotes"), audited.opened().snapshot_by_name(TAG)
    assert stored == further[0]
    assert tagged is not None
    assert (tagged.snapshot_id, stored.until) == (stored.tables[QUOTES].snapshot, epoch("2026-11-20T18:00:00Z"))


def test_what_is_committed_while_it_is_proven_neither_helps_nor_harms_the_proof(audited: Audited) -> None:
    entities = [audited.window.feed.entities[1].name]

    def commit(effect: str, key: str) -> None:
        if entities and effect == "read" and "/months/" in key:
            audited.window.commit(entities.pop(), 60, price=2)  # what the pointers lead to now is not certified

    audited.objects.before = commit
    assert audited.star().until == epoch(END)
    assert not entities


def test_what_an_audit_certifies_while_the_snapshots_are_proven_is_not_claimed(audited: Audited) -> None:
    states = [DatasetState(frontier=epoch("2026-11-20T17:00:00Z"))]

    def certify(effect: str, key: str) -> None:
        if states and effect == "read" and "/months/" in key:
            audited.state(states.pop())

    audited.objects.before = certify
    assert audited.star().until == epoch(END)
    assert not states


def test_where_the_hint_lags_the_tag_moves_all_the_same(audited: Audited) -> None:
    audited.star()
    audited.objects.write(hint_key(QUOTES), b"1")
    proven = read_mirror(QUOTES, audited.objects)
    assert proven.version == 1
    table = audited.services.contracts.table(QUOTES)
    assert certify_snapshot(table, proven, CLAIM, audited.mirroring).version == 3
    assert audited.objects.read(hint_key(QUOTES)).body == b"3"  # type: ignore[union-attr]


def test_a_run_that_is_killed_at_any_effect_is_ended_by_the_next(tmp_path: Path) -> None:
    whole = Audited(tmp_path / "whole")
    effects: list[str] = []
    whole.objects.before = lambda effect, key: effects.append(key) if effect == "write" else None
    whole.star()
    of_tags = [number for number, key in enumerate(effects) if "/_iceberg/fact_quote/" in key or "_certified" in key]
    assert len(of_tags[5:]) == 5  # the first ones are of the mirror itself
    for number in of_tags[5:]:
        audited = Audited(tmp_path / str(number))
        left = [number]

        def kill(effect: str, key: str, left: list[int] = left) -> None:
            if effect == "write":
                left[0] -= 1
                if left[0] < 0:
                    raise Killed(key)

        audited.objects.before = kill
        try:
            audited.certify()
        except Killed:
            audited.objects.before = lambda _effect, _key: None
            audited.star(again=False)
        assert audited.star(again=False).until == epoch(END)
        assert audited.tagged() == whole.tagged()

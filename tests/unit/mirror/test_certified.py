"""Certified snapshots: what a tag claims was proven in the snapshot's own objects, and what was not is not claimed."""

from __future__ import annotations

import itertools
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
from tests.support.feeds import contracts_in
from tests.support.mirrored import FolderObjects, rows_of, write_through
from tests.unit.auditor.test_prove import OPENING, Certified

from auditor.prove import Verified, verify
from auditor.services import Services
from auditor.state import DatasetState, OpenWindow, state_key
from cli.certifying import Uncertified, certify_dataset
from core.mirroring.held import held_objects
from core.mirroring.names import hint_key, metadata_key
from core.time import epoch
from mirror.certified import CERTIFICATES, GROUP, TAG, UNTIL, Claim, certify_snapshot
from mirror.commit import mirror_table
from mirror.reading import MirrorServices, read_mirror

QUOTES = "fact_quote"
END = "2026-11-20T16:00:00Z"


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

    def state(self, state: DatasetState) -> None:
        self.objects.write(state_key("quotes"), state.to_json())

    def certify(self) -> Any:
        self.now += timedelta(minutes=1)
        return certify_dataset(self.services.contracts, "quotes", self.mirroring)

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
    tables = audited.certify()
    assert {each.table for each in tables} == {t.name for t in audited.services.contracts.dataset("quotes").tables}
    opened = audited.opened()
    snapshot = opened.snapshot_by_name(TAG)
    assert snapshot is not None
    assert snapshot.summary is not None
    assert snapshot == opened.snapshot_by_name("certified-2026-11-20")
    assert snapshot.summary[UNTIL] == END
    assert snapshot.summary[CERTIFICATES] == f"quotes/1 {audited.window.certificate.hash}"
    groups = {audited.opened(each.table).snapshot_by_name(TAG).summary[GROUP] for each in tables}  # type: ignore[union-attr, index]
    assert len(groups) == 1
    assert audited.tagged() == rows_of(opened.scan().to_arrow())


def test_later_rows_go_into_the_table_and_leave_the_tag_where_it_was_proven(audited: Audited) -> None:
    audited.certify()
    before = audited.tagged()
    entity = audited.window.feed.entities[1].name
    audited.window.commit(entity, 60, price=2)  # the certified rows are others now
    audited.now += timedelta(hours=8)
    mirror_table(audited.window.table, audited.mirroring)
    assert audited.tagged() == before
    assert rows_of(audited.opened().scan().to_arrow()) != before
    refused = audited.certify()
    assert not isinstance(refused, Uncertified)  # nothing of the window holds, and so nothing is claimed of it
    assert {each.claim.until for each in refused} == {int(OPENING.timestamp())}


def test_nothing_is_claimed_from_the_first_window_on_that_is_not_whole(audited: Audited) -> None:
    hour = epoch("2026-11-20T15:00:00Z")
    audited.state(
        DatasetState(frontier=epoch("2026-11-20T18:00:00Z"), open={epoch(END): OpenWindow(epoch(END) + 3600, 3)})
    )
    assert {each.claim.until for each in audited.certify()} == {epoch(END)}
    audited.state(DatasetState(frontier=epoch("2026-11-20T18:00:00Z"), open={hour: OpenWindow(epoch(END), 3)}))
    assert {each.claim.until for each in audited.certify()} == {hour}


def test_a_chain_that_was_altered_is_claimed_of_nothing(audited: Audited) -> None:
    audited.objects.write("warehouse/_certificates/quotes/000000000001.json", b"{}")
    assert isinstance(audited.certify(), Uncertified)
    assert audited.opened().snapshot_by_name(TAG) is None


def test_proving_the_same_again_makes_no_version(audited: Audited) -> None:
    first = audited.certify()
    assert audited.certify() == first


def test_what_went_on_while_it_was_proven_is_not_in_the_tag(audited: Audited) -> None:
    mirror_table(audited.window.table, audited.mirroring)
    proven = read_mirror(QUOTES, audited.objects)
    rows = rows_of(audited.opened().scan().to_arrow())
    audited.window.commit(audited.window.feed.entities[1].name, 60, price=2)
    audited.now += timedelta(minutes=1)
    mirror_table(audited.window.table, audited.mirroring)
    claim = replace(audited.certify()[0].claim, until=epoch(END))
    certify_snapshot(audited.window.table, proven, claim, audited.mirroring)
    assert audited.tagged() == rows
    objects = {file.key for file in proven.state.files.values()}
    audited.now += timedelta(hours=7)
    mirror_table(audited.window.table, audited.mirroring)
    mirror_table(audited.window.table, audited.mirroring)
    assert audited.tagged() == rows
    assert objects <= held_objects(audited.objects, QUOTES)


def test_tags_of_days_go_after_a_week_and_their_objects_with_them(audited: Audited) -> None:
    (first, *_) = audited.certify()
    held = held_objects(audited.objects, QUOTES)
    audited.window.commit(audited.window.feed.entities[1].name, 60, price=2)
    audited.now += timedelta(days=9)
    later = replace(first.claim, until=epoch("2026-11-29T00:00:00Z"))
    mirror_table(audited.window.table, audited.mirroring)
    certify_snapshot(audited.window.table, read_mirror(QUOTES, audited.objects), later, audited.mirroring)
    mirror_table(audited.window.table, audited.mirroring)
    assert set(audited.opened().metadata.refs) == {"main", TAG, "certified-2026-11-29"}
    assert len(held - held_objects(audited.objects, QUOTES)) == 1
    assert audited.tagged() == rows_of(audited.opened().scan().to_arrow())


def test_what_is_committed_while_it_is_proven_neither_helps_nor_harms_the_proof(audited: Audited) -> None:
    entities = [audited.window.feed.entities[1].name]

    def commit(effect: str, key: str) -> None:
        if entities and effect == "list" and key.startswith("warehouse/_certificates/"):
            audited.window.commit(entities.pop(), 60, price=2)  # what the pointers lead to now is not certified

    audited.objects.before = commit
    assert {each.claim.until for each in audited.certify()} == {epoch(END)}
    assert not entities


def test_what_an_audit_certifies_while_the_snapshots_are_proven_is_not_claimed(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*arguments: Any, **named: Any) -> Verified:
        verified = verify(*arguments, **named)
        audited.state(DatasetState(frontier=epoch("2026-11-20T17:00:00Z")))
        return verified

    monkeypatch.setattr("cli.certifying.verify", slow)
    assert {each.claim.until for each in audited.certify()} == {epoch(END)}


def test_where_the_hint_lags_the_tag_moves_all_the_same(audited: Audited) -> None:
    audited.certify()
    audited.objects.write(hint_key(QUOTES), b"1")
    proven = read_mirror(QUOTES, audited.objects)
    assert proven.version == 1
    claim = Claim(epoch(END), ("quotes/1 a",), "group")
    table = audited.services.contracts.table(QUOTES)
    assert certify_snapshot(table, proven, claim, audited.mirroring).version == 3
    assert audited.objects.read(hint_key(QUOTES)).body == b"3"  # type: ignore[union-attr]

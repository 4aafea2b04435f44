"""The end of a database's audit."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from tests.support.audited import CLOCK, DATASET, ORDER_FACT, AuditedDatabase

from auditor.audits import begin_audit, end_audit
from auditor.databases.audit import DatabaseAudit
from auditor.databases.certify import EVERYTHING
from auditor.databases.memory import change_memory, read_memory
from auditor.databases.open_slices.altered import Altered
from auditor.databases.open_slices.looks import Look
from auditor.databases.rows.targets import ALWAYS
from auditor.databases.samples import Sampled
from auditor.evidence.completeness import COMPLETENESS
from auditor.evidence.results import AuditResult
from auditor.run_files import read_run_file, write_run_file
from auditor.standing.reading import read_standing
from auditor.state import OpenWindow, change_state, read_state
from auditor.warehouse.partitions import target_of
from auditor.windows import Scope
from core.audit.findings import BrokenPartition
from core.mirroring.audited import read_audited
from core.warehouse.pointer import partition_of


def audit(lake: AuditedDatabase, run: str) -> Any:
    begun = begin_audit(lake.services, DATASET, run, Scope(int(lake.now.timestamp())))
    begun.scan(attempt=0)
    return end_audit(lake.services, begun, attempt=0)


def rows(lake: AuditedDatabase) -> dict[str, dict[str, Any]]:
    stored = {info.key: lake.records.read(info.key) for info in lake.records.list(COMPLETENESS)}
    return {key: json.loads(row.body) for key, row in stored.items() if row}


def whole() -> AuditedDatabase:
    lake = AuditedDatabase()
    lake.arrive(1)
    lake.source = {1: 10, 2: 20}
    lake.put(lake.source)
    return lake


def test_a_slice_that_is_whole_is_certified_once_and_shown_on_the_day_of_its_audit() -> None:
    lake = whole()
    assert audit(lake, "first").certificates == 1
    assert audit(lake, "second").certificates == 0
    [(key, row)] = rows(lake).items()
    assert key == f"{COMPLETENESS}dataset={DATASET}/day=2026-11-20/{ORDER_FACT.name}-19700101T000000Z.json"
    assert (row["status"], row["certificate"], row["subject"], row["calendar"]) == ("certified", 1, ORDER_FACT.name, "")
    assert read_memory(lake.records, DATASET).of("orders").verified == 1
    assert read_state(lake.records, DATASET).frontier == int(CLOCK.timestamp())


def test_audits_of_an_extraction_that_stands_still_find_whole_no_more_than_it_has_brought() -> None:
    lake = whole()
    lake.source[3] = int(CLOCK.timestamp()) + 60
    contract = lake.services.contracts.dataset(DATASET)
    for run in ("first", "second", "third"):
        audit(lake, run)
        assert read_state(lake.records, DATASET).frontier == int(lake.now.timestamp())
        assert 0 < read_audited(lake.records, contract).until <= int(CLOCK.timestamp())
        lake.now += timedelta(days=1)


def test_what_audits_know_to_be_amiss_bounds_whoever_claims_no_more_than_is_whole() -> None:
    lake = whole()
    contract = lake.services.contracts.dataset(DATASET)
    audit(lake, "first")
    assert read_audited(lake.records, contract).amiss == {}
    lake.source[3] = 30
    audit(lake, "second")
    assert read_audited(lake.records, contract).amiss == {ORDER_FACT.name: 0}
    lake.put({3: 30})
    audit(lake, "third")
    assert read_audited(lake.records, contract).amiss == {}


def test_what_an_audit_found_is_where_the_standing_of_its_tables_looks_for_it() -> None:
    lake = whole()
    lake.source[3] = 30
    audit(lake, "first")
    contract, now = lake.services.contracts.dataset(DATASET), int(lake.now.timestamp())
    (orders,) = read_standing(lake.records, contract, now=now).tables
    assert (orders.table, orders.audited_at, orders.missing, orders.certified) == ("orders", now, 1, 0)


def test_what_no_repair_brought_is_alarmed_and_stays_open_until_it_is_there() -> None:
    lake = whole()
    lake.source[3] = 30
    answer = audit(lake, "first")
    assert (answer.certificates, answer.open) == (0, 1)
    [row] = rows(lake).values()
    assert (row["status"], row["expected"], row["missing"]) == ("alarmed", 3, 1)
    [window] = read_state(lake.records, DATASET).open.values()
    assert window.missing == 1
    looks = read_memory(lake.records, DATASET).open
    assert looks == {(ORDER_FACT.name, *ALWAYS): Look("amiss", int(CLOCK.timestamp()), "first", ("missing_row",))}
    lake.put({3: 30})
    assert audit(lake, "second").certificates == 1
    assert read_state(lake.records, DATASET).open == {}
    assert read_memory(lake.records, DATASET).open == {}


def test_a_run_of_one_table_compares_no_other_and_leaves_open_what_others_lack() -> None:
    lake = whole()
    lake.source[3] = 30
    audit(lake, "first")
    before = read_state(lake.records, DATASET)
    assert before.causes != ()
    now = int(lake.now.timestamp())
    named = begin_audit(lake.services, DATASET, "named", Scope(now, tables=("orders",)))
    assert {part.table for part in named.order.slices} == {ORDER_FACT.name}
    other = begin_audit(lake.services, DATASET, "other", Scope(now, tables=("nothing",)))
    assert (other.order.slices, other.order.scheduled) == ((), False)
    other.scan(attempt=0)
    end_audit(lake.services, other, attempt=0)
    after = read_state(lake.records, DATASET)
    assert (after.open, after.causes, after.frontier) == (before.open, before.causes, before.frontier)


def test_a_run_of_one_table_counts_no_less_open_than_others_left() -> None:
    """The count is the metric ``unhealed``, by which the admins' alarm ends."""
    lake = whole()
    lake.source[3] = 30
    left = OpenWindow(int(CLOCK.timestamp()), 7, ("missing_row/sales/others",))
    change_state(lake.records, DATASET, lambda state: replace(state, open={EVERYTHING: left}, causes=left.causes))
    now = int(lake.now.timestamp())
    named = begin_audit(lake.services, DATASET, "named", Scope(now, tables=("orders",)))
    named.scan(attempt=0)
    end_audit(lake.services, named, attempt=0)
    after = read_state(lake.records, DATASET)
    window = after.open[EVERYTHING]
    assert window.missing == 7
    assert len(window.causes) == 2
    assert {*left.causes} < {*window.causes} == {*after.causes}


def test_a_run_over_a_range_closes_the_cause_of_what_every_run_looks_at() -> None:
    """A mirror that was late and has followed: whoever heals a range sees the alarm end."""
    lake = whole()
    for causes, still in ((("lagging_mirror",), ()), (("lagging_mirror", "orphan_key"), ("orphan_key",))):
        left = OpenWindow(int(CLOCK.timestamp()), 0, causes)
        change_state(
            lake.records, DATASET, lambda state, left=left: replace(state, open={EVERYTHING: left}, causes=left.causes)
        )
        ranged = begin_audit(
            lake.services, DATASET, f"run-{len(causes)}", Scope(int(lake.now.timestamp()), tables=("orders",))
        )
        ranged.scan(attempt=0)
        end_audit(lake.services, ranged, attempt=0)
        after = read_state(lake.records, DATASET)
        assert after.open == ({EVERYTHING: replace(left, causes=still)} if still else {})
        assert after.causes == still


def test_a_run_over_a_range_leaves_open_what_is_open_elsewhere_and_one_over_all_does_not() -> None:
    lake = whole()
    lake.source[3] = 30
    audit(lake, "first")
    before = read_state(lake.records, DATASET)
    lake.put({3: 30})
    now = int(lake.now.timestamp())
    everything = begin_audit(lake.services, DATASET, "everything", Scope(now, 0, now))
    assert isinstance(everything, DatabaseAudit)
    elsewhere = DatabaseAudit(lake.services, replace(everything.order, run="elsewhere", slices=()))
    elsewhere.scan(attempt=0)
    end_audit(lake.services, elsewhere, attempt=0)
    after = read_state(lake.records, DATASET)
    assert before.causes
    assert (after.open, after.causes) == (before.open, before.causes)
    everything.scan(attempt=0)
    end_audit(lake.services, everything, attempt=0)
    assert (read_state(lake.records, DATASET).open, read_state(lake.records, DATASET).causes) == ({}, ())


class Samples:
    """``compare_sample`` that shows the fact altered as often as it is told to."""

    def __init__(self, lake: AuditedDatabase) -> None:
        self._lake = lake
        self.shows = True

    def __call__(self, *_: Any) -> Sampled:
        name = partition_of(ORDER_FACT.folder, "")
        altered = Altered(target_of(self._lake.partitions, name), ORDER_FACT.name, "", "1 of 2 sampled rows")
        return Sampled({name: altered} if self.shows else {}, 2)


def test_what_a_sample_showed_altered_is_certified_when_another_object_has_taken_its_place() -> None:
    lake = whole()
    samples = Samples(lake)
    with patch("auditor.databases.scan.compare_sample", samples):
        audit(lake, "altered")
        samples.shows = False
        for run in ("second", "third"):
            lake.now += timedelta(hours=1)
            answer = audit(lake, run)
            assert (answer.certificates, answer.open) == (0, 1)
            assert read_state(lake.records, DATASET).causes == ("broken_object",)
            result = AuditResult.from_data(read_run_file(lake.records, run, "audit-0"))
            problem = "1 of 2 sampled rows"
            assert result.findings == (BrokenPartition(DATASET, ORDER_FACT.name, "", problem),), "it is made again"
        lake.source[3] = 30
        lake.put({3: 30})
        assert audit(lake, "made-again").certificates == 1
    assert read_memory(lake.records, DATASET).altered == {}
    assert read_state(lake.records, DATASET).causes == ()


def test_a_run_certifies_nothing_that_another_has_shown_altered_since_it_looked() -> None:
    lake = whole()
    samples = Samples(lake)
    now = int(lake.now.timestamp())
    with patch("auditor.databases.scan.compare_sample", samples):
        samples.shows = False
        ranged = begin_audit(lake.services, DATASET, "ranged", Scope(now, 0, now))
        ranged.scan(attempt=0)
        samples.shows = True
        audit(lake, "altered")
    assert end_audit(lake.services, ranged, attempt=0).certificates == 0
    assert {row["status"] for row in rows(lake).values()} == {"open"}
    memory = read_memory(lake.records, DATASET)
    assert [*memory.altered] == [partition_of(ORDER_FACT.folder, "")]
    assert [look.why for look in memory.open.values()] == ["amiss"]


def test_what_a_scan_of_the_release_before_kept_is_merged_and_nothing_that_is_open_is_lost() -> None:
    lake = whole()
    now = int(lake.now.timestamp())
    earlier = begin_audit(lake.services, DATASET, "earlier", Scope(now))
    earlier.scan(attempt=0)
    kept = read_run_file(lake.records, "earlier", "memory")
    memory = json.loads(kept["memory"])
    for name in ("looks", "altered"):
        memory.pop(name, None)
    write_run_file(lake.records, "earlier", "memory", {"memory": json.dumps(memory)})
    looks = {(ORDER_FACT.name, *ALWAYS): Look("amiss", now, "another", ("missing_row",))}
    change_memory(lake.records, DATASET, lambda before: replace(before, open=looks))
    end_audit(lake.services, earlier, attempt=0)
    after = read_memory(lake.records, DATASET)
    assert after.open == looks
    assert (after.of("orders").verified, after.swept_at) == (1, now)

"""A scan of a feed: findings and windows, against what was certified before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.mail import MemoryMail
from tests.support.audited import DATASET, FACT, HOUR, TWO, AuditedFeed, feed_contract, points_of

from auditor.alarms.conclude import conclude
from auditor.audits import begin_audit, end_audit
from auditor.events import Notices
from auditor.evidence.absent import absences_of, keep
from auditor.evidence.results import AuditResult
from auditor.repairs.outcomes import JobReport
from auditor.run_files import read_run_file
from auditor.state import change_state, read_state
from auditor.windows import Scope
from core.audit.findings import DeadLetters, LostObject
from core.audit.history import Evidence
from core.audit.repair_jobs import Redrive
from core.contract.model import Sample
from core.evolution.deployments import record_deployment
from core.landing.zone import landing_of
from core.time import at_epoch, iso
from core.warehouse.pointer import partition_of, pointer_key

PATH = "symbol=ZM/month=2026-11"


@pytest.fixture
def lake() -> AuditedFeed:
    """One whole hour."""
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + HOUR))
    return lake


def scan(lake: AuditedFeed, *, certify: bool = False, run: str = "run", attempt: int = 0) -> AuditResult:
    begun = begin_audit(lake.services, DATASET, run, Scope(lake.now, TWO, TWO + HOUR))
    result = begun.scan(attempt=attempt)
    if certify:
        end_audit(lake.services, begun, attempt=attempt)
    return result


def test_a_whole_window_has_no_findings_and_the_result_is_a_file_of_the_run(lake: AuditedFeed) -> None:
    result = scan(lake)
    [window] = result.windows
    assert result.findings == ()
    assert window.whole
    assert window.counts["expected"] == window.counts["observed"] == 180
    assert AuditResult.from_data(read_run_file(lake.records, "run", "audit-0")) == result


def test_missing_and_absent_points_are_told_apart() -> None:
    lake = AuditedFeed()
    lake.put([point for point in points_of(TWO, TWO + HOUR) if point != ("ZM", TWO) and point != ("AAPL", TWO + 60)])
    evidence = Evidence("GET /candle", 200, "no_data", "")
    keep(
        lake.records,
        absences_of(DATASET, "AAPL", ((TWO + 60, TWO + 120),), [evidence], found_at=lake.now, proof="whole"),
    )
    result = scan(lake)
    [window], [finding] = result.windows, result.findings
    assert (window.counts["missing"], window.counts["absent"]) == (1, 1)
    assert window.absent == {"AAPL": [[iso(TWO + 60), iso(TWO + 120)]]}
    assert window.missing == {"ZM": [[iso(TWO), iso(TWO + 60)]]}
    assert len(window.evidence) == 1
    assert finding.kind == "missing_point"


def test_certified_rows_that_are_gone_are_a_broken_partition(lake: AuditedFeed) -> None:
    scan(lake, certify=True)
    name = partition_of(FACT.name, PATH)
    lake.partitions.delete([pointer_key(name), *lake.partitions.list_objects(name)])  # an object alone is merged again
    lake.put([("ZM", slot) for slot in range(TWO, TWO + HOUR - 120, 60)])
    result = scan(lake, run="again")
    kinds = {finding.kind: finding for finding in result.findings}
    broken: Any = kinds["broken_object"]
    assert (broken.partition, broken.problem) == (PATH, "2 rows that were certified are gone")
    assert not result.windows[0].whole


def test_a_broken_partition_touches_its_windows(lake: AuditedFeed) -> None:
    del lake.partitions.objects[lake.partitions.history[partition_of(FACT.name, PATH)][-1]]
    [window] = scan(lake).windows
    assert window.touched_by == (f"broken_object: {FACT.name}/{PATH}",)
    assert not window.whole


def test_the_sample_is_chosen_in_the_first_attempt_only() -> None:
    lake = AuditedFeed(feed_contract(sample=Sample(1)))
    lake.put(points_of(TWO, TWO + HOUR))
    assert len(scan(lake).sample) == 1
    assert scan(lake, attempt=1).sample == ()


class Letters:
    """``auditor.services.DeadLetterQueue`` in which every message stays."""

    def __init__(self, bodies: Mapping[str, str]) -> None:
        self._bodies = bodies

    def peek(self) -> Mapping[str, str]:
        return self._bodies

    def redrive(self, messages: Collection[str]) -> Collection[str]:
        return messages


def test_dead_letters_of_the_feed_have_one_second_chance() -> None:
    letters = {"a": f'{{"key": "feeds%2F{DATASET}%2F2026%2F1"}}', "b": '{"key": "feeds/another/1"}'}
    lake = AuditedFeed(dead_letters=Letters(letters))
    lake.put(points_of(TWO, TWO + HOUR))
    assert scan(lake).findings == (DeadLetters(DATASET, ("a",)),)
    for _ in range(2):
        audit = begin_audit(lake.services, DATASET, "run", Scope(lake.now, TWO, TWO + HOUR))
        audit.settle([JobReport(1, Redrive(DATASET, ("a",)), "done")])
        assert scan(lake, run="again").findings == ()
    begun = begin_audit(lake.services, DATASET, "scheduled", Scope(lake.now))
    begun.scan(attempt=0)
    end_audit(lake.services, begun, attempt=0)
    assert read_state(lake.records, DATASET).redriven == ("a",)  # the state that an audit leaves remembers it too


def test_letters_that_no_repair_moves_are_mailed_once_each_and_are_over_when_the_queue_is_empty_of_them() -> None:
    letters = {"a": f'{{"key": "feeds/{DATASET}/1"}}', "b": 'garb\x00ge "\u00e4" ' + "x" * 200}
    mail = MemoryMail()
    lake = AuditedFeed(dead_letters=Letters(letters), mail=mail)
    lake.put(points_of(TWO, TWO + HOUR))
    change_state(lake.records, DATASET, lambda before: replace(before, redriven=("a",)))

    def audit(run: str) -> Notices:
        audit = begin_audit(lake.services, DATASET, run, Scope(lake.now, TWO, TWO + HOUR))
        audit.scan(attempt=0)
        end_audit(lake.services, audit, attempt=0)
        return conclude(lake.services, DATASET, run, environment="dev", counts={})

    assert audit("one").sent == ("dead_letter", "unclaimed_message")
    assert audit("two").sent == ()
    (_, returned), (_, unclaimed) = mail.sent
    assert f'message "{{\\"key\\": \\"feeds/{DATASET}/1\\"}}"' in returned
    assert 'message "garb\\u0000ge \\"\\u00e4\\" xxx' in unclaimed
    letters.clear()
    assert audit("three").recovered == ("dead_letter", "unclaimed_message")


def test_the_first_objects_of_a_feed_are_missed_when_they_are_lost(lake: AuditedFeed) -> None:
    """Else the lake would look as if it had begun with the first that is left."""
    record_deployment(lake.records, lake.services.contracts, DATASET, now=TWO - 4 * HOUR, collecting=True)
    first, later = (f"feeds/{DATASET}/{at_epoch(time):%Y/%m/%d/%H}/a" for time in (TWO - 3 * HOUR, TWO))
    for key in (first, later):
        lake.services.ingest.write(key, b"")  # type: ignore[attr-defined]
        landing = landing_of(key)
        assert landing is not None
        lake.records.write(landing.receipt_key, b"{}")
    assert [each.key for each in scan(lake).findings if isinstance(each, LostObject)] == []
    lake.services.ingest.delete([first])  # type: ignore[attr-defined]
    assert [each.key for each in scan(lake).findings if isinstance(each, LostObject)] == [first]

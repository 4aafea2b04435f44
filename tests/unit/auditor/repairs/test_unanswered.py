"""Entities of which nothing ever comes keep no healthy one waiting, however many they are and old their gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.fakes.log import MemoryLog
from tests.unit.auditor.conftest import NOW
from tests.unit.auditor.repairs.test_draft import START, of_many

from auditor.evidence.results import AuditResult
from auditor.repairs.execute import write_jobs
from auditor.repairs.history.unanswered import remember_unanswered, unanswered
from auditor.repairs.outcomes import JobReport, read_reports
from auditor.run_files import write_run_file
from auditor.services import Services
from auditor.windows import DAY
from core.audit.findings import MissingPoints
from core.audit.history import Evidence, HistoryOutcome, HistoryRequest, Result
from core.audit.repair_jobs import UNREACHED, FetchHistory
from ingestion.repair.histories import FIRST
from ingestion.repair.job import RepairClients, carry_out

COUNT, ATTEMPTS, TRIES = 30, 3, 3


@dataclass(frozen=True)
class Order:
    run: str
    dataset: str = "quotes"
    scheduled: bool = True


@dataclass
class Provider:
    """Answers all but the ``ill``, of which it says this; what it answers is missing no more."""

    services: Services
    ill: Mapping[str, Result | Exception]
    missing: dict[str, tuple[tuple[int, int], ...]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = HistoryRequest.from_data(request)
        self.asked.append(asked.entity)
        result = self.ill.get(asked.entity, "answered")
        if isinstance(result, Exception):
            raise result
        if result != "answered":
            evidence = (Evidence("GET /history", 429 if result == "limited" else 500, "", ""),)
            return HistoryOutcome(result, reason=f"is {result}", evidence=evidence).to_data()
        del self.missing[asked.entity]
        return HistoryOutcome("answered", ((asked.start, asked.end),)).to_data()

    def run(self, run: str, *, now: Callable[[], Any] = lambda: NOW) -> None:
        """A run of the audit, with all attempts and all tries of the state machine."""
        services, order = replace(self.services, now=now), Order(run)
        for attempt in range(1, ATTEMPTS + 1):
            findings = tuple(MissingPoints("quotes", name, ranges, 1) for name, ranges in self.missing.items())
            result = AuditResult("quotes", "quotes", (), findings, {}, "", "2026-11-20T20:00:00Z")
            write_run_file(services.records, run, f"audit-{attempt - 1}", result.to_data())
            for key, _ in write_jobs(services, order, attempt=attempt)[1]:
                deleted: Any = None
                clients = RepairClients(services.records, self, deleted, now, MemoryLog())
                for _ in range(TRIES):
                    if carry_out(clients, key).error not in FIRST:
                        break
            reports = read_reports(services, run, attempts=range(1, attempt + 1))
            remember_unanswered(services.records, "quotes", reports, now=int(now().timestamp()))


def provider_of(services: Services, ill: int, result: Result | Exception) -> Provider:
    """The last entities are ill, and have the oldest gaps, as it is once all others are healed."""
    contracts, _ = of_many(COUNT, per_minute=2_000)
    names = [entity.name for entity in contracts.feed("quotes").entities]
    of_ill = dict.fromkeys(names[COUNT - ill :], result)
    missing = {name: ((START, START + 60) if name in of_ill else (START + 600, START + 660),) for name in names}
    return Provider(replace(services, contracts=contracts), of_ill, missing)


@pytest.mark.parametrize("result", ["broken", "limited", RuntimeError("poison")])
@pytest.mark.parametrize("ill", [3, 10, 25])
def test_healthy_entities_are_healed_beside_any_number_that_never_answers(
    services: Services, ill: int, result: Any
) -> None:
    """The first run learns who they are; from then on the others have their turn before them."""
    provider = provider_of(services, ill, result)
    healthy = provider.missing.keys() - provider.ill.keys()
    for number in range(5):
        provider.run(f"r{number}")
        if provider.missing.keys() == provider.ill.keys():
            break
    asked = len(provider.asked)
    assert not provider.missing.keys() & healthy
    provider.missing.update(dict.fromkeys(healthy, ((START + 1200, START + 1260),)))
    provider.run("next")
    assert not provider.missing.keys() & healthy
    assert len(provider.asked) - asked <= len(healthy) + ATTEMPTS * TRIES * max(ill, 3)


def test_of_those_that_never_answered_the_longest_unasked_come_first_and_one_that_recovers_is_healed(
    services: Services,
) -> None:
    provider = provider_of(services, 29, "broken")
    recovered = sorted(provider.ill)[-1]
    provider.ill = {name: result for name, result in provider.ill.items() if name != recovered}
    for number in range(3):
        provider.run(f"r{number}", now=lambda number=number: NOW.replace(minute=number))
    assert provider.ill.keys() == provider.missing.keys() == {*unanswered(services.records, "quotes")}


ASK = FetchHistory("quotes", "A", ((START, START + 60),), 1)


def reported(result: str, *outcomes: Result, attempt: int = 1, at: int = START) -> JobReport:
    return JobReport(attempt, ASK, result, "", at, tuple(map(HistoryOutcome, outcomes)))


@pytest.mark.parametrize(
    ("reports", "is_remembered"),
    [
        ([reported("done", "broken")], True),
        ([reported("failed")], True),
        ([reported("done", "broken", "answered")], False),
        ([reported("done", "not_entitled")], False),  # a refusal is remembered by itself
        ([reported(UNREACHED)], False),
        ([reported("unknown")], False),
        ([reported("done", "broken"), reported("done", "answered", attempt=2)], False),
        ([reported("done", "broken"), reported(UNREACHED, attempt=2)], True),
    ],
)
def test_whoever_was_last_asked_in_vain_is_remembered_until_an_answer_or_for_a_week(
    services: Services, reports: list[JobReport], is_remembered: bool
) -> None:
    records = services.records
    remember_unanswered(records, "quotes", reports, now=START)
    assert unanswered(records, "quotes") == ({"A": START} if is_remembered else {})
    other = replace(reported("failed"), repair=replace(ASK, entity="B"))
    remember_unanswered(records, "quotes", [other], now=START + 8 * DAY)
    assert unanswered(records, "quotes") == {"B": START}
    remember_unanswered(
        records, "quotes", [replace(other, result="done", outcomes=(HistoryOutcome("answered"),))], now=START
    )
    assert unanswered(records, "quotes") == {}

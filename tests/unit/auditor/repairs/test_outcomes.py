"""What jobs report is read whole, and settles what is absent and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.auditor.conftest import NOW

from auditor.evidence.claims import read_claims
from auditor.repairs.outcomes import JobReport, latest_by_entity, read_reports, refused_now, settle_history, tried
from auditor.services import Services
from auditor.windows import Window
from core.audit.history import Evidence, HistoryOutcome, Ranges
from core.audit.repair_jobs import (
    UNREACHED,
    Compare,
    FetchHistory,
    HistoryCall,
    RepairJob,
    RepairOutcome,
    Restate,
    write_asking,
    write_job,
    write_outcome,
)

START = int(NOW.timestamp()) // 3600 * 3600
HOUR: Ranges = ((START, START + 3600),)
ASK = FetchHistory("quotes", "AAPL", HOUR, 60)


def report(repair: FetchHistory | Compare = ASK, *outcomes: HistoryOutcome, attempt: int = 1) -> JobReport:
    return JobReport(attempt, repair, "done", "", START, outcomes)


def refusal(status: int = 403) -> HistoryOutcome:
    return HistoryOutcome("not_entitled", reason="no access", evidence=(Evidence("GET /candle", status, "", ""),))


def claims(services: Services) -> list[tuple[str, Ranges]]:
    kept = read_claims(services.records, "quotes", [Window(START, START + 3600)])
    return [(claim.entity, claim.ranges) for claim in kept]


def test_a_job_is_reported_with_its_outcome_or_as_unknown(services: Services) -> None:
    restate = Restate("quotes", "fact_quote", ("symbol=AAPL/month=2026-11",))
    done = write_job(services.records, RepairJob("quotes", "r", ASK), attempt=1, number=0)
    left = write_job(services.records, RepairJob("quotes", "r", restate), attempt=2, number=0)
    answer = HistoryOutcome("answered", healed=HOUR)
    write_outcome(services.records, done, RepairOutcome("done", "", START, history=(HistoryCall(*HOUR[0], answer),)))
    assert read_reports(services, "r", attempts=[1, 2]) == [
        replace(report(ASK, answer), job=done, asked=(HOUR[0][0],)),
        JobReport(2, restate, "unknown", "it left no word", job=left),
    ]


def test_each_repair_of_a_job_is_reported_by_itself_and_the_job_is_counted_once(services: Services) -> None:
    """An absence is that of the entity whose answer lacked the point; one that was not reached had no turn."""
    amd, zm = replace(ASK, entity="AMD"), replace(ASK, entity="ZM")
    key = write_job(services.records, RepairJob("quotes", "r", ASK, (amd, zm)), attempt=1, number=0)
    lacks = HistoryOutcome("answered", absent=HOUR, evidence=(Evidence("GET /candle", 200, "[]", ""),))
    others = (
        RepairOutcome("done", "", START, history=(HistoryCall(*HOUR[0], lacks),)),
        RepairOutcome(UNREACHED, "no time", START),
    )
    write_outcome(
        services.records,
        key,
        RepairOutcome(
            "done", "", START, history=(HistoryCall(*HOUR[0], HistoryOutcome("answered", HOUR)),), others=others
        ),
    )
    reports = read_reports(services, "r", attempts=[1])
    assert [each.result for each in reports] == ["done", "done", UNREACHED]
    assert tried(reports) == ("fetch history: 1 jobs",)
    assert settle_history(services, "quotes", reports, run="r") == 1
    assert claims(services) == [("AMD", HOUR)]
    assert set(latest_by_entity(reports)) == {"AAPL", "AMD"}


def test_what_the_provider_does_not_have_is_kept_as_a_claim_once(services: Services) -> None:
    outcome = HistoryOutcome("answered", absent=HOUR, evidence=(Evidence("GET /candle", 200, "[]", ""),))
    for _ in range(2):
        assert settle_history(services, "quotes", [report(ASK, outcome)], run="r") == 1
    assert claims(services) == [("AAPL", HOUR)]


def test_a_point_that_was_compared_is_never_absent(services: Services) -> None:
    compared = report(Compare("quotes", "AAPL", HOUR), HistoryOutcome("answered", absent=HOUR))
    assert settle_history(services, "quotes", [compared], run="r") == 0
    assert claims(services) == []


@pytest.mark.parametrize(("status", "entities"), [(403, ["AAPL"]), (401, ["*"])])
def test_a_refusal_is_remembered_for_the_entity_and_one_of_the_token_for_all(
    services: Services, status: int, entities: list[str]
) -> None:
    settle_history(services, "quotes", [report(ASK, refusal(status))], run="r")
    assert refused_now(services, "quotes") == dict.fromkeys(entities, "no access")


def test_a_refusal_is_forgotten_after_a_day_and_with_another_contract(services: Services) -> None:
    settle_history(services, "quotes", [report(ASK, refusal())], run="r")
    for hours, refused in ((23, {"AAPL": "no access"}), (25, {})):
        later = replace(services, now=lambda hours=hours: NOW + timedelta(hours=hours))  # type: ignore[misc]
        assert refused_now(later, "quotes") == refused
    contracts = services.contracts
    changed = tuple(replace(each, hash="another") for each in contracts.contracts)
    assert refused_now(replace(services, contracts=replace(contracts, contracts=changed)), "quotes") == {}


def test_an_answer_ends_the_refusal_of_its_entity_and_of_the_token(services: Services) -> None:
    other = replace(ASK, entity="MSFT")
    settle_history(
        services, "quotes", [report(ASK, refusal()), report(other, refusal()), report(ASK, refusal(401))], run="r"
    )
    assert set(refused_now(services, "quotes")) == {"AAPL", "MSFT", "*"}
    settle_history(services, "quotes", [report(other, HistoryOutcome("answered"))], run="r")
    assert set(refused_now(services, "quotes")) == {"AAPL"}


def test_other_repairs_teach_nothing_about_the_provider(services: Services) -> None:
    assert settle_history(services, "quotes", [JobReport(1, Restate("quotes", "fact_quote", ()), "done")], run="r") == 0
    assert list(services.records.list("audit/")) == []


def test_of_one_attempt_the_jobs_of_an_entity_count_together_and_a_later_attempt_alone() -> None:
    first, second = report(ASK, HistoryOutcome("answered")), report(ASK, HistoryOutcome("limited"))
    failed = replace(second, result="failed", reason="no route")
    assert latest_by_entity([first, failed])["AAPL"] == replace(failed, outcomes=first.outcomes + second.outcomes)
    again = report(ASK, HistoryOutcome("broken"), attempt=2)
    assert latest_by_entity([first, second, again]) == {"AAPL": again}
    assert latest_by_entity([report(Compare("quotes", "AAPL", HOUR))]) == {}


def test_of_a_job_that_ended_its_function_the_entity_that_was_asked_for_failed_and_the_others_stay_owed(
    services: Services,
) -> None:
    amd, zm = replace(ASK, entity="AMD"), replace(ASK, entity="ZM")
    key = write_job(services.records, RepairJob("quotes", "r", ASK, (amd, zm)), attempt=1, number=0)
    assert [each.result for each in read_reports(services, "r", attempts=[1])] == ["unknown"] * 3
    write_asking(services.records, key, 1)
    reports = read_reports(services, "r", attempts=[1])
    assert [each.result for each in reports] == [UNREACHED, "failed", UNREACHED]
    assert set(latest_by_entity(reports)) == {"AMD"}

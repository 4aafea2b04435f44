"""The admins hear of a cause once, hear nothing twice after a crash but a message, and what is over is closed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fakes.event_bus import MemoryEventBus

from auditor.alarms.conclude import conclude, conclude_failure
from auditor.alarms.outages import MOST_SPANS
from auditor.events import Notices
from auditor.evidence.journal import Entry, entries_between, last_ended
from auditor.interventions.pauses import change_pauses
from auditor.interventions.silences import Silence, write_silence
from auditor.notifications.compose import ALARM
from auditor.repairs.cause_memory import cause_key
from auditor.repairs.causes import MEANINGS, Cause
from auditor.run_files import write_run_file
from auditor.services import Services
from auditor.standing.alarms import open_alarms
from auditor.state import DatasetState, OpenWindow, change_state, read_state
from core.audit.repair_jobs import Redrive, RepairJob, write_job
from core.errors import NotGranted, TransientFailure
from core.time import format_second

SOURCE_DOWN = {
    "errorMessage": "ask the source: starmend-dev-check: OutOfReach: connect: 127.0.0.1:5432/totesys: "
    "[Errno 111] Connection refused. Look at the secret's host and port, the security group and the server. "
    "Look at its log: /aws/lambda/starmend-dev-check",
    "errorType": "TransientFailure",
    "requestId": "0f1e2d3c",
    "stackTrace": ['  File "/var/task/auditor/handler.py", line 13, in audit\n    return build_runtime()\n'] * 9,
}
LIMITED = MEANINGS["limited"][0]
COUNTS = {"expected": 60, "present": 50, "absent": 3, "missing": 7, "certificates": 1, "repaired": 5}


def ended(services: Services, *causes: str, run: str = "r", counts: dict[str, int] | None = None) -> Notices:
    data = {"causes": [Cause(name, "quotes", 7).to_data() for name in causes], "healing": 0, "alarmed": 7}
    write_run_file(services.records, run, "judgement", data)
    return conclude(services, "quotes", run, environment="test", counts=counts or COUNTS)


def sent(services: Services) -> list[tuple[str, str]]:
    mail: Any = services.mail
    return mail.sent  # type: ignore[no-any-return]


def test_an_audit_that_failed_after_repairs_says_what_they_were(services: Services) -> None:
    write_job(services.records, RepairJob("quotes", "r", Redrive("quotes", ("a",))), attempt=2, number=0)
    conclude_failure(services, "quotes", "r", environment="test", error="States.Timeout: late")
    write_run_file(services.records, "s", "jobs/1-000", ["what is no job"])
    conclude_failure(services, "other", "s", environment="test", error="States.Timeout: late")
    (_, tried), (_, unreadable) = sent(services)
    assert ("Tried:     redrive: 1 jobs" in tried, "Attempts:  2" in tried) == (True, True)
    assert "Tried:     no repair yet" in unreadable


def metric(services: Services, name: str) -> list[float]:
    metrics: Any = services.metrics("quotes")
    return metrics.values.get(name, [])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'{"open": true}',
        b'{"open": true, "since": "2026", "cause": {"name": "limited"}}',
        b'{"open": true, "since": "2026", "told": {"AAPL": 5}, "cause": {}}',
        b"[" * 100_000,
    ],
    ids=range(7),
)
@pytest.mark.parametrize("name", ["limited", "overdue"])
def test_what_lies_among_causes_and_silences_and_is_none_keeps_no_mail_back(
    services: Services, body: bytes, name: str
) -> None:
    """The memory of one cause that cannot be read ended each audit before its mails; now that cause is told anew."""
    assert ended(services, "broken", "limited").sent == ("broken", "limited")
    services.records.write(cause_key("quotes", name), body)
    services.records.write(f"audit/silences/quotes/{name}.json", body)
    bad = {"dataset": "quotes", "cause": name, "since": "", "by": "", "until": "some day"}
    services.records.write("audit/silences/quotes/other.json", json.dumps(bad).encode())
    notices = ended(services, "limited")
    assert notices.sent == (("limited",) if name == "limited" else ())
    assert notices.recovered == ("broken",)
    assert [alarm["alarm"] for alarm in open_alarms(services.records, "quotes", now=0)] == ["limited"]


def test_a_cause_is_mailed_once_until_it_is_over_and_comes_again(services: Services) -> None:
    assert ended(services, "limited") == Notices(("limited",), (), ())
    assert ended(services, "limited") == Notices((), ("limited",), ())
    assert ended(services) == Notices((), (), ("limited",))
    assert ended(services) == Notices((), (), ())
    assert ended(services, "limited") == Notices(("limited",), (), ())
    assert [subject.split(": ")[1] for subject, _ in sent(services)] == [LIMITED, "over", LIMITED]
    stored = services.records.read(cause_key("quotes", "limited"))
    assert stored is not None
    assert json.loads(stored.body)["sent"] == 2


def test_causes_that_are_over_are_told_in_one_mail_and_what_was_held_back_in_none(services: Services) -> None:
    silence(services, "overdue", until="2100-01-01T00:00:00Z")
    ended(services, "limited", "broken", "overdue")
    assert set(ended(services).recovered) == {"broken", "limited", "overdue"}
    subject, text = sent(services)[-1]
    assert (len(sent(services)), subject) == (3, "[test] quotes: over: 2 causes")
    assert f"- {LIMITED} (limited, told 2026-" in text
    assert "(overdue" not in text


def test_an_end_that_could_not_be_mailed_is_mailed_by_the_retry(services: Services) -> None:
    ended(services, "limited")
    mail: Any = services.mail
    mail.broken = 1
    with pytest.raises(TransientFailure):
        ended(services)
    assert ended(services).recovered == ("limited",)
    assert "over" in sent(services)[-1][0]


def test_a_cause_of_another_window_that_is_still_open_is_not_over(services: Services) -> None:
    ended(services, "limited", "broken_object")
    window = OpenWindow(3600, 7, ("limited",))
    change_state(services.records, "quotes", lambda _: DatasetState(open={0: window}, causes=("broken_object",)))
    assert ended(services) == Notices((), (), ())
    assert metric(services, "PointsUnhealed") == [0, 7]
    assert metric(services, "CausesOpen") == [2, 2]


def test_a_message_that_was_not_taken_is_sent_by_the_retry(services: Services) -> None:
    mail: Any = services.mail
    mail.broken = 1
    with pytest.raises(TransientFailure):
        ended(services, "limited")
    assert services.records.read(cause_key("quotes", "limited")) is None
    assert ended(services, "limited").sent == ("limited",)


def test_the_counts_of_the_audit_are_metrics_of_the_dataset(services: Services) -> None:
    ended(services)
    names = ("AuditExpected", "AuditMissing", "AuditAbsent", "CertificatesIssued", "PointsRepaired", "AuditFinished")
    assert [metric(services, name) for name in names] == [[60], [7], [3], [1], [5], [1]]
    assert metric(services, "CanaryHealed") == []


def test_a_run_that_left_no_triage_has_no_new_causes(services: Services) -> None:
    assert conclude(services, "quotes", "r", environment="test", counts=COUNTS) == Notices((), (), ())


def test_a_failed_audit_is_a_cause_and_finished_once_it_was_told(services: Services) -> None:
    error = "TransientFailure: " + "x" * 600
    for known in (False, True):
        notices = conclude_failure(services, "quotes", "r", environment="test", error=error)
        expected = Notices(() if known else ("audit_failed",), ("audit_failed",) if known else (), ())
        assert replace(notices, failure="") == expected
        assert notices.failure == error
    assert (metric(services, "AuditFailed"), metric(services, "AuditFinished")) == ([1, 1], [1, 1])
    assert ended(services).recovered == ("audit_failed",)


def test_a_failed_audit_says_everywhere_what_its_step_said_and_no_stack_trace(services: Services) -> None:
    """The mail, the journal and the execution named neither source nor cause, but the begin of a stack trace."""
    said = "TransientFailure: " + json.dumps(SOURCE_DOWN)
    notices = conclude_failure(services, "quotes", "r", environment="test", error=said)
    ((_, mail),) = sent(services)
    (alarm,) = open_alarms(services.records, "quotes", now=int(services.now().timestamp()))
    now = int(services.now().timestamp())
    (entry,) = entries_between(services.records, "quotes", now, now + 1)
    for text in (notices.failure, mail, alarm["answer"], entry.error):
        assert f"TransientFailure: {SOURCE_DOWN['errorMessage']}" in text
        assert "stackTrace" not in text
        assert "handler.py" not in text
    remedy = "Look at the secret's host and port, the security group and the server"
    assert f"What to do: {remedy}." in mail
    assert alarm["what_to_do"] == remedy


def outage(services: Services, places: dict[str, tuple[tuple[str, str], ...]]) -> Notices:
    cause = Cause("broken", "quotes", 7, entities=tuple(places), places=places)
    data = {"causes": [cause.to_data()], "healing": 0, "alarmed": 7}
    write_run_file(services.records, "r", "judgement", data)
    return conclude(services, "quotes", "r", environment="test", counts=COUNTS)


THURSDAY = ("2026-11-19T20:30:00Z", "2026-11-19T21:00:00Z")
NEXT_MORNING = ("2026-11-20T14:30:00Z", "2026-11-20T15:00:00Z")
NEXT_NOON = ("2026-11-20T17:00:00Z", "2026-11-20T17:10:00Z")


def test_an_open_cause_does_not_mute_another_entity_or_another_day(services: Services) -> None:
    assert outage(services, {"AAPL": (THURSDAY,)}).sent == ("broken",)
    assert outage(services, {"AAPL": (THURSDAY,)}).known == ("broken",)
    assert outage(services, {"AAPL": (THURSDAY,), "AMD": (THURSDAY,)}).sent == ("broken",)
    assert outage(services, {"AAPL": (THURSDAY, NEXT_NOON)}).sent == ("broken",)
    assert outage(services, {"AAPL": (THURSDAY, NEXT_NOON), "AMD": (THURSDAY,)}).known == ("broken",)
    assert len(sent(services)) == 3
    assert ended(services).recovered == ("broken",)
    assert outage(services, {"AAPL": (THURSDAY,)}).sent == ("broken",)


def test_an_outage_that_goes_on_over_a_night_is_one(services: Services) -> None:
    assert outage(services, {"AAPL": (THURSDAY,)}).sent == ("broken",)
    assert outage(services, {"AAPL": (THURSDAY, NEXT_MORNING)}).known == ("broken",)
    assert outage(services, {"AAPL": (NEXT_MORNING, NEXT_NOON)}).known == ("broken",)  # of a day that was told
    assert len(sent(services)) == 1


@pytest.mark.parametrize("apart", [1, 3])
def test_an_outage_of_many_days_is_told_once_for_each_day_that_comes(services: Services, apart: int) -> None:
    """Only the newest days were remembered, so that the oldest were news in every audit."""
    first = datetime(2026, 11, 2, tzinfo=UTC)
    days = [first + timedelta(days=apart * number) for number in range(30)]
    spans = tuple((format_second(day), format_second(day + timedelta(days=1))) for day in days)
    for number in range(1, 31):
        outage(services, {"AAPL": spans[:number]})
        assert outage(services, {"AAPL": spans[:number]}).known == ("broken",)
    assert outage(services, {"AAPL": spans[:4]}).known == ("broken",)
    assert (len(sent(services)) == 1) == (apart == 1), "days that follow one another are one outage"
    memory = services.records.read(cause_key("quotes", "broken"))
    assert memory is not None
    assert len(json.loads(memory.body)["told"]["AAPL"]) <= MOST_SPANS


# ---------------------------------------------------------------- silences and pauses


def silence(services: Services, cause: str, *, until: str = "") -> None:
    write_silence(services.records, Silence("quotes", cause, "2026-11-20T00:00:00Z", "alice", until, "known"))


def test_a_silenced_cause_is_held_back_and_told_when_the_silence_is_over(services: Services) -> None:
    now = services.now()
    silence(services, "limited", until=format_second(now + timedelta(hours=1)))
    assert ended(services, "limited", "broken") == Notices(("broken",), (), (), ("limited",))
    assert ended(services, "limited", "broken") == Notices((), ("broken",), (), ("limited",))
    assert [name for name in ("limited", "broken") if any(name in text for _, text in sent(services))] == ["broken"]
    assert metric(services, "CausesOpen") == [1, 1]  # those that the admins were told of
    [row] = [row for row in open_alarms(services.records, "quotes", now=0) if row["alarm"] == "limited"]
    assert row["silence"] == f"silenced until {format_second(now + timedelta(hours=1))} by alice: known"
    later = replace(services, now=lambda: now + timedelta(hours=2))
    assert ended(later, "limited", "broken") == Notices(("limited",), ("broken",), ())
    assert "This was held back: silenced until" in sent(services)[-1][1]
    assert sorted(ended(later, "limited", "broken").known) == ["broken", "limited"]
    assert ended(later).recovered == ("broken", "limited")


def test_a_cause_that_was_held_back_and_is_over_is_told_to_nobody(services: Services) -> None:
    silence(services, "limited", until="2100-01-01T00:00:00Z")
    assert ended(services, "limited").silenced == ("limited",)
    assert ended(services).recovered == ("limited",)
    assert sent(services) == []


def test_an_acknowledgement_holds_further_outages_back_until_the_cause_is_over(services: Services) -> None:
    assert outage(services, {"AAPL": (THURSDAY,)}).sent == ("broken",)
    silence(services, "broken")
    assert outage(services, {"AAPL": (THURSDAY,)}).known == ("broken",)
    assert outage(services, {"AAPL": (THURSDAY,), "AMD": (THURSDAY,)}).silenced == ("broken",)
    assert metric(services, "CausesOpen")[-1] == 1  # it was told of before
    assert ended(services).recovered == ("broken",)
    assert outage(services, {"AMD": (THURSDAY,)}).sent == ("broken",)
    assert [": over: " in subject for subject, _ in sent(services)] == [False, True, False]


def test_what_nobody_would_hear_of_is_told_when_somebody_has_confirmed(services: Services) -> None:
    """It was remembered as told: whoever confirmed a day later never heard of what was open since."""
    bus = MemoryEventBus()
    services = replace(services, bus=bus)
    mail: Any = services.mail
    mail.heard = False
    for run in ("first", "second"):
        assert ended(services, "limited", "broken", run=run) == Notices((), (), (), unheard=("limited", "broken"))
    assert (sent(services), metric(services, "CausesOpen")) == ([], [2, 2])
    assert [alarm["alarm"] for alarm in open_alarms(services.records, "quotes", now=0)] == ["broken", "limited"]
    assert ended(services, "limited").recovered == ("broken",)
    assert sent(services) == [], "nobody was told that it was, so nobody is told that it is over"
    mail.heard = True
    assert ended(services, "limited").sent == ("limited",)
    assert ended(services, "limited").known == ("limited",)
    (_, text), *others = sent(services)
    assert ("Note:      This was held back: nobody heard of alarms" in text, others) == (True, [])
    alarms = [(each["kind"], each["state"]) for each in bus.details(ALARM)]
    assert alarms == [("limited", "open"), ("broken", "open"), ("broken", "over")]


def test_the_journal_says_whether_anybody_heard_and_a_refused_question_keeps_no_mail_back(services: Services) -> None:
    mail: Any = services.mail
    mail.heard = False
    ended(services)
    now = int(services.now().timestamp())
    (entry,) = entries_between(services.records, "quotes", now, now + 1)
    assert not entry.heard
    assert Entry.from_json(entry.to_json()) == entry

    def refused() -> bool:
        raise NotGranted("count subscriptions", "alarms", "AuthorizationError", "Grant sns:GetTopicAttributes")

    mail.is_heard = refused
    assert ended(services, "limited").sent == ("limited",)


def test_the_mail_of_a_paused_dataset_says_so(services: Services) -> None:
    change_pauses(services.records, "quotes", lambda before: before.paused(0, by="alice", reason="move"))
    ended(services, "limited")
    assert "Note:      quotes is paused since 1970-01-01T00:00:00Z by alice: move" in sent(services)[0][1]


def test_each_audit_has_an_entry_in_the_journal(services: Services) -> None:
    silence(services, "limited", until="2100-01-01T00:00:00Z")
    ended(services, "limited", run="first")
    conclude_failure(services, "quotes", "second", environment="test", error="it fell")
    now = int(services.now().timestamp())
    entries = {entry.run: entry for entry in entries_between(services.records, "quotes", now, now + 1)}
    assert (entries["first"].causes, entries["first"].silenced, entries["first"].error) == (
        ("limited",),
        ("limited",),
        "",
    )
    assert (entries["second"].error, entries["first"].certificates) == ("it fell", 1)
    assert last_ended(services.records, "quotes", now=now) == now
    assert last_ended(services.records, "sales", now=now) is None


def test_what_another_run_opens_while_this_one_ends_is_not_over(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state was read before the memories were listed: a run over a range that ended in between was told over."""

    waiting = ["a run over a range"]

    def read_late(records: Any, dataset: str) -> DatasetState:
        state = read_state(records, dataset)
        if waiting:
            waiting.clear()
            change_state(records, dataset, lambda before: replace(before, causes=("broken_chain",)))
            ended(services, "broken_chain", run="ranged")
        return state

    monkeypatch.setattr("auditor.alarms.conclude.read_state", read_late)
    write_run_file(services.records, "r", "judgement", {"causes": []})
    assert conclude(services, "quotes", "r", environment="test", counts={}).recovered == ()
    assert len(sent(services)) == 1

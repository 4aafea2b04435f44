"""The state machine hears of each job by its token; a job whose store fails comes again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.objects import MemoryObjects

from core.audit.repair_jobs import Compare, RepairJob, Revive, find_outcome, write_job
from core.errors import OutOfReach
from ingestion.repair.job import RepairClients
from ingestion.repair.runtime import answer

NOW = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())


class Machine:
    def __init__(self) -> None:
        self.answers: list[tuple[str, ...]] = []

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        self.answers.append((token, json.dumps(output, sort_keys=True)))

    def fail(self, token: str, error: str, cause: str) -> None:
        self.answers.append((token, error, cause))


class NothingDeleted:
    def revive(self, key: str) -> bool:
        return "/known" in key


def clients(records: MemoryObjects) -> RepairClients:
    def ask(_request: Mapping[str, Any]) -> dict[str, Any]:
        raise OutOfReach("ask", "provider", "no answer" * 300)

    return RepairClients(records, ask, NothingDeleted(), lambda: datetime(2026, 11, 20, tzinfo=UTC), MemoryLog())


def event(*messages: dict[str, Any]) -> dict[str, Any]:
    records = [{"messageId": f"m{number}", "body": json.dumps(message)} for number, message in enumerate(messages)]
    return {"Records": records}


def test_jobs_succeed_or_fail_by_their_token_and_one_by_hand_needs_none() -> None:
    records, machine = MemoryObjects(), Machine()
    revive = write_job(records, RepairJob("quotes", "r", Revive("quotes", ("feeds/known",))), attempt=1, number=0)
    compare = write_job(records, RepairJob("quotes", "r", Compare("quotes", "A", ((0, 60),))), attempt=1, number=1)
    messages = ({"job": revive, "token": "t0"}, {"job": compare, "token": "t1"}, {"job": revive})
    assert answer(event(*messages), clients(records), machine) == {"batchItemFailures": []}
    succeeded, failed = machine.answers
    assert succeeded == ("t0", '{"lost": 0, "reason": "", "revived": 1}')
    assert failed[:2] == ("t1", "OutOfReach")
    assert len(failed[2]) == 1000


def test_a_job_that_cannot_even_be_read_comes_again() -> None:
    records, machine = MemoryObjects(), Machine()
    records.fail = lambda effect, key: OutOfReach(effect, key, "no answer")
    reply = answer(event({"job": "audit/runs/r/jobs/1-000.json", "token": "t0"}), clients(records), machine)
    assert reply == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert machine.answers == []


@pytest.mark.parametrize(
    ("within", "waited", "is_done"), [(900, 899, True), (900, 901, False), (0, 9_000, True), ("x", 9_000, True)]
)
def test_a_job_of_which_the_task_is_over_is_passed_over(within: Any, waited: int, is_done: bool) -> None:
    """It waited in the queue, or its function was killed: the run's next attempt asks for the same by then."""
    records, machine = MemoryObjects(), Machine()
    revive = write_job(records, RepairJob("quotes", "r", Revive("quotes", ("feeds/known",))), attempt=1, number=0)
    message = event({"job": revive, "token": "t0", "within": within})
    message["Records"][0]["attributes"] = {"SentTimestamp": str((NOW - waited) * 1000)}
    assert answer(message, clients(records), machine) == {"batchItemFailures": []}
    assert (len(machine.answers), find_outcome(records, revive) is not None) == (is_done, is_done)


def test_a_job_of_a_message_without_a_time_is_done() -> None:
    """Earlier state machines say none."""
    records, machine = MemoryObjects(), Machine()
    revive = write_job(records, RepairJob("quotes", "r", Revive("quotes", ())), attempt=1, number=0)
    answer(
        event({"job": revive, "token": "t0"}, {"job": revive, "token": "t1", "within": 1}), clients(records), machine
    )
    assert [token for token, _ in machine.answers] == ["t0", "t1"]

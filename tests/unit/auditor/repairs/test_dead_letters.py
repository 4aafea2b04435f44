"""Dead letters: found by their dataset until they had a second chance; only what was moved had it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

import pytest
from tests.fakes.mail import MemoryMail
from tests.support.audited import DATASET, AuditedFeed, feed_contract

from auditor.alarms.conclude import conclude
from auditor.interventions.pauses import change_pauses
from auditor.repairs.cause_memory import cause_key
from auditor.repairs.causes import Cause
from auditor.repairs.dead_letters import (
    NAMED,
    REDRIVEN,
    causes_of_letters,
    look_at_dead_letters,
    newest_redriven,
    redriven_messages,
)
from auditor.repairs.outcomes import JobReport
from auditor.run_files import write_run_file
from core.audit.findings import UnprocessedObject
from core.audit.repair_jobs import Redrive, Revive


def test_of_redriven_dead_letters_the_newest_are_remembered() -> None:
    known = [str(number) for number in range(REDRIVEN)]
    assert newest_redriven(known, ["new", "1"]) == (*known[1:], "new")


def test_what_a_redrive_did_not_move_keeps_its_chance() -> None:
    reports = [
        JobReport(1, Redrive("quotes", ("a", "b")), "done", redriven=("b",)),
        JobReport(1, Redrive("quotes", ("c",)), "failed"),
        JobReport(1, Redrive("quotes", ("d",)), "done", redriven=()),
        JobReport(1, Redrive("quotes", ("e",)), "done"),  # all of them
        JobReport(1, Revive("quotes", ("f",)), "done"),
    ]
    assert list(redriven_messages(reports)) == ["b", "e"]


class Queue:
    """``auditor.services.DeadLetterQueue`` that holds these."""

    def __init__(self, *bodies: str) -> None:
        self.bodies = {str(number): body for number, body in enumerate(bodies)}

    def peek(self) -> dict[str, str]:
        return self.bodies

    def redrive(self, messages: Collection[str]) -> Collection[str]:
        return messages


def test_what_concerns_no_dataset_is_told_by_the_first_that_is_not_paused() -> None:
    lake = AuditedFeed(dead_letters=Queue("garbage", "{}", f"tables/{DATASET}/orders/1", "tables/gone/orders/1"))
    (contract,) = lake.services.contracts
    both = replace(lake.services.contracts, contracts=(contract, replace(feed_contract(), dataset="a_first")))
    services = replace(lake.services, contracts=both)
    assert look_at_dead_letters(services, DATASET, ()).left == {}
    seen = look_at_dead_letters(services, "a_first", ()).left
    assert seen == {"unclaimed_message": {"0": '"garbage"', "1": '"{}"', "3": '"tables/gone/orders/1"'}}
    change_pauses(lake.records, "a_first", lambda pauses: pauses.paused(0, by="admin", reason=""))
    assert look_at_dead_letters(services, "a_first", ()).left == {}
    assert look_at_dead_letters(services, DATASET, ()).left == seen
    change_pauses(lake.records, DATASET, lambda pauses: pauses.paused(0, by="admin", reason=""))
    assert look_at_dead_letters(services, "a_first", ()).left == seen, "whoever heals by hand meanwhile is told"


def test_the_letters_of_nobody_are_told_once_and_are_over_when_they_are_gone_whoever_is_paused_meanwhile() -> None:
    """Whoever told of them goes on to; another tells only of different ones."""
    queue = Queue("garbage")
    lake = AuditedFeed(dead_letters=queue, mail=MemoryMail())
    (contract,) = lake.services.contracts
    both = replace(lake.services.contracts, contracts=(contract, replace(feed_contract(), dataset="a_first")))
    services = replace(lake.services, contracts=both)

    def audit(dataset: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        causes = causes_of_letters(dataset, look_at_dead_letters(services, dataset, ()).left, ())
        data = {"causes": [cause.to_data() for cause in causes], "healing": 0, "alarmed": 0}
        write_run_file(services.records, "run", "judgement", data)
        notices = conclude(services, dataset, "run", environment="dev", counts={})
        return notices.sent, notices.recovered

    unclaimed, nothing = ("unclaimed_message",), ((), ())
    assert [audit(DATASET), audit("a_first"), audit(DATASET)] == [nothing, (unclaimed, ()), nothing]
    change_pauses(lake.records, "a_first", lambda pauses: pauses.paused(0, by="admin", reason=""))
    assert [audit(DATASET), audit("a_first")] == [nothing, nothing], "the paused one is audited by hand"
    queue.bodies["9"] = "more of it"
    assert [audit(DATASET), audit("a_first")] == [(unclaimed, ()), nothing]
    change_pauses(lake.records, "a_first", lambda pauses: pauses.resumed(1))
    assert [audit("a_first"), audit(DATASET)] == [nothing, nothing]
    queue.bodies.clear()
    assert [audit("a_first"), audit(DATASET)] == [((), unclaimed), ((), unclaimed)]
    queue.bodies["1"] = "garbage"
    assert [audit(DATASET), audit("a_first")] == [nothing, (unclaimed, ())]


S3_EVENT = '{{"Records": [{{"s3": {{"object": {{"key": "{}", "size": 9}}}}}}]}}'
FAILING = f"feeds/{DATASET}/2026/11/20/15/points-1-2026-11-20-15-00-00-abc"


@pytest.mark.parametrize(
    ("body", "is_told"),
    [
        (S3_EVENT.format(FAILING), False),
        (S3_EVENT.format(FAILING.replace("/", "%2F")), False),
        (json.dumps({"objects": [f"feeds/{DATASET}/1", FAILING]}), False),
        (json.dumps({"Message": S3_EVENT.format(FAILING)}), False),
        (S3_EVENT.format(f"{FAILING}-other"), True),
        (S3_EVENT.format(f"feeds/{DATASET}/1"), True),
        (f"garbage of feeds/{DATASET}/", True),
    ],
)
def test_a_letter_that_came_back_is_told_unless_the_very_object_that_it_names_fails(body: str, is_told: bool) -> None:
    """One object that failed took every letter of the dataset for told, and mailed that they were over."""
    services = AuditedFeed(dead_letters=Queue(body)).services
    failing = [UnprocessedObject(DATASET, FAILING, "it has no receipt")]
    left = look_at_dead_letters(services, DATASET, ["0"], failing).left
    assert ("dead_letter" in left) == is_told
    assert "dead_letter" in look_at_dead_letters(services, DATASET, ["0"]).left


def test_a_letter_that_was_told_is_not_over_when_its_object_fails_later() -> None:
    services = AuditedFeed(dead_letters=Queue(S3_EVENT.format(FAILING))).services
    memory = {"open": True, "since": "2026-11-20T15:00:00Z", "cause": Cause("dead_letter", DATASET, 1).to_data()}
    services.records.write(cause_key(DATASET, "dead_letter"), json.dumps(memory).encode())
    failing = [UnprocessedObject(DATASET, FAILING, "it has no receipt")]
    assert "dead_letter" in look_at_dead_letters(services, DATASET, ["0"], failing).left


def test_letters_are_causes_beside_others() -> None:
    left = {"dead_letter": {"a": '"x"'}, "unclaimed_message": {str(number): f'"{number}"' for number in range(7)}}
    returned, unclaimed = causes_of_letters("quotes", left, [Cause("unprocessed_object", "quotes", 1)])
    assert returned == Cause("dead_letter", "quotes", 1, details=('message "x"',))
    assert (unclaimed.count, len(unclaimed.details), unclaimed.details[-1]) == (7, NAMED + 1, "and 2 more")
    assert causes_of_letters("quotes", left, [Cause("dead_letter", "quotes", 1)]) == (unclaimed,)

"""Dead letters: found by their dataset until they had a second chance; only what was moved had it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tests.support.audited import DATASET, AuditedFeed, feed_contract

from auditor.interventions.pauses import change_pauses
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


def test_where_an_object_fails_its_messages_are_no_second_cause() -> None:
    left = {"dead_letter": {"a": '"x"'}, "unclaimed_message": {str(number): f'"{number}"' for number in range(7)}}
    returned, unclaimed = causes_of_letters("quotes", left, ())
    assert returned == Cause("dead_letter", "quotes", 1, details=('message "x"',))
    assert (unclaimed.count, len(unclaimed.details), unclaimed.details[-1]) == (7, NAMED + 1, "and 2 more")
    for known in ("dead_letter", "unprocessed_object"):
        assert causes_of_letters("quotes", left, [Cause(known, "quotes", 1)]) == (unclaimed,)

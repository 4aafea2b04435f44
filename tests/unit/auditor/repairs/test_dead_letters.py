"""Dead letters: found by their dataset until they had a second chance; only what was moved had it."""

from __future__ import annotations

from auditor.repairs.dead_letters import REDRIVEN, newest_redriven, redriven_messages
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

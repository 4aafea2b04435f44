"""The story of a row whose time of change is no time: it is taken by audits alone, and told so."""

from __future__ import annotations

import pytest
from tests.support.zoo import Cage, zoo

from auditor.stories.tell import tell

pytestmark = pytest.mark.database
CLOCK = Cage(
    "clock", {"id": ("int", "int"), "note": ("text", "string"), "changed_at": ("timestamp", "timestamp?")}, ("id",)
)


@pytest.mark.parametrize(
    ("wrong", "word"), [("timestamp 'infinity'", "infinite"), ("timestamp '2100-01-01'", "2100-01-01")]
)
def test_an_unplaced_row_is_told_before_and_after_an_audit_took_it(wrong: str, word: str) -> None:
    with zoo(CLOCK) as simulation:
        for number, at in ((1, "timestamp '2026-11-10 12:00'"), (7, wrong)):
            row = {"id": str(number), "note": "'a'", "created_at": "timestamp '2026-11-10 12:00'", "changed_at": at}
            simulation.insert("clock", row)
        simulation.extract()

        def story(number: int):  # type: ignore[no-untyped-def]
            table = simulation.contracts.table("fact_clock")
            return tell(simulation.services(), table, {"id": str(number)})

        before = story(7)
        assert before.verdict == "unplaced", before
        assert word in before.sentence
        simulation.heal()
        after = story(7)
        assert (after.verdict, after.is_fine) == ("unplaced", False), after
        assert {"found", "tried", "arrived", "stored"} <= {event.what for event in after.events}, after
        assert story(1).verdict == "extracted"

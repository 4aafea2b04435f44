"""What the admins read of a cause, wherever they read it: its meaning, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

from auditor.repairs.causes import MEANINGS, REBUILD, Cause, meaning_of, remedy_of

RUNBOOK = Path(__file__).parents[4] / "docs" / "runbook.md"


def test_every_cause_that_is_mailed_has_a_section_in_the_runbook() -> None:
    sections = {line.lstrip("# ") for line in RUNBOOK.read_text().splitlines() if line.startswith("##")}
    assert {name.replace("_", "-") for name in MEANINGS} <= sections


def test_a_cause_of_another_release_is_called_by_its_name() -> None:
    assert meaning_of("limited") == MEANINGS["limited"][0]
    assert (meaning_of("made_of_glass"), remedy_of({"name": "made_of_glass"})) == ("made of glass", "See the runbook")


def test_a_remedy_names_the_partitions_that_the_cause_is_about() -> None:
    paths = tuple(f"fact_payment/month=2026-{month:02d}" for month in range(1, 7))
    few = Cause("broken_object", "sales", 2, partitions=("dim_staff", paths[0]))
    assert remedy_of(few.to_data()) == (
        "Run: starmend rebuild dim_staff; starmend rebuild fact_payment --partition month=2026-01"
    )
    assert Cause.from_data(json.loads(json.dumps(few.to_data()))) == few
    many = Cause("broken_object", "sales", 9, partitions=paths)
    assert remedy_of(many.to_data()).endswith(" --partition month=2026-05; and the others likewise")
    for name in MEANINGS:
        assert remedy_of({"name": name}) == MEANINGS[name][1], "where no partition is named"
    assert REBUILD in remedy_of({"name": "broken_object"})

"""What the auditor mails ends with a link; what it links to is there."""

from __future__ import annotations

from pathlib import Path

from auditor.repairs.triage import MEANINGS

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"


def test_every_cause_that_is_mailed_has_a_section() -> None:
    sections = {line.lstrip("# ") for line in RUNBOOK.read_text().splitlines() if line.startswith("##")}
    assert {name.replace("_", "-") for name in MEANINGS} <= sections

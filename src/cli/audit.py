"""``starmend audit``: find what is missing or broken, in this process, and plan its repair without carrying it out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from auditor.audits import begin_audit, summarise
from auditor.events import to_event
from auditor.promises import with_promises
from auditor.repairs.execute import make_plan
from cli.auditing import Dataset, From, To, auditor_of, datasets_of, finding_rows, plan_rows, range_of, run_name
from cli.deployed import DEFAULT, deployment
from cli.output import FINDINGS, FINE, Environment, Json, print_json, show, steps


def audit(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the repairs that `heal` would plan.")] = False,
    dataset: Dataset = "",
    start: From = "",
    end: To = "",
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Audit the windows that are due, or a range. Repairs nothing; exits 1 when there are findings."""
    deployed = deployment(environment)
    auditor = auditor_of(deployed)
    first, last = range_of(start, end)
    findings: list[dict[str, Any]] = []
    planned: list[dict[str, Any]] = []
    summaries: list[dict[str, Any]] = []
    with steps() as progress:
        for name in datasets_of(deployed, dataset):
            with progress.step(f"auditing {name}"):
                now = auditor.now()
                seconds = int(now.timestamp())
                services = with_promises(auditor, name)
                begun = begin_audit(services, name, run_name(now), start=first, end=last, now=seconds)
                result = begun.scan(attempt=0)
            summaries.append(to_event(summarise(begun.order, result, attempt=0)))
            findings += finding_rows(name, result.findings)
            if dry_run:
                planned += plan_rows(make_plan(services, begun.order, attempt=1))
    if as_json:
        print_json({"audits": summaries, "findings": findings} | ({"plan": planned} if dry_run else {}))
    else:
        names = ("dataset", "windows", "whole", "expected", "present", "absent", "missing")
        show("Audited", [{name: audited[name] for name in names} for audited in summaries], as_json=False)
        show("Findings", findings, as_json=False)
        if dry_run:
            show("Plan", planned, as_json=False)
    raise typer.Exit(FINE if all(audited["findings"] == 0 for audited in summaries) else FINDINGS)

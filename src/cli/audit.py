"""``starmend audit``: find what is missing or broken, in this process, and plan its repair without carrying it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from cli.auditing import (
    auditor_of,
    datasets_of,
    finding_rows,
    in_words,
    kept_datasets,
    plan_rows,
    run_name,
    whole_range,
)
from cli.commands import examples
from cli.deployed import deployment
from cli.operating import check_compared
from cli.options import DEFAULT, AtScale, Dataset, DryRun, Environment, From, Full, Json, Resume, Source, To
from cli.output import FINDINGS, FINE, out, print_json, show, show_first, steps
from cli.ranges import range_of, refuse_range_and_full
from core.errors import Misuse
from core.time import iso


@examples(
    "audit",
    "audit --dataset quotes --from 2026-11-20T14:30 --to 2026-11-20T21:00",
    "audit --dataset sales --full --dry-run --json",
    "audit --dataset quotes --full --at-scale",
)
def audit(
    dry_run: DryRun = False,
    dataset: Dataset = "",
    table: Source = "",
    start: From = "",
    end: To = "",
    full: Full = False,
    at_scale: AtScale = False,
    resume: Resume = "",
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Look for what is missing or broken; repair nothing.

    Audits the windows that are due, those of a range, or with --full all; with --table the rows of that one table are
    compared. --dry-run also shows the repairs that `heal` would plan. With --at-scale a range, or with --full all, is
    audited in shares by functions side by side. Exits with 1 where there are findings.
    """
    from auditor.audits import begin_audit, summarise
    from auditor.events import to_event
    from auditor.promises import with_promises
    from auditor.repairs.execute import make_plan
    from auditor.windows import Scope

    first, last = range_of(start, end, operation="audit")
    if full:
        refuse_range_and_full(start, end, operation="audit")
    deployed = deployment(environment)
    check_compared(deployed.contracts, dataset, table)
    datasets = datasets_of(deployed, dataset, operation="audit")
    datasets = kept_datasets(deployed.contracts, datasets, table, last, operation="audit")
    if at_scale or resume:
        if dry_run:
            raise Misuse("audit", "--dry-run", "plans repairs of one audit, and this is many", "Leave --at-scale out")
        if first is None and not (full or resume):
            raise Misuse("audit", "--at-scale", "of which range?", "Give --from and --to, or --full")
        from cli.at_scale.looks import audit_at_scale

        tables = (table,) if table else ()
        audit_at_scale(deployed, datasets, (first, last), tables, resume=resume, as_json=as_json)
        return
    auditor = auditor_of(deployed)
    findings: list[dict[str, Any]] = []
    planned: list[dict[str, Any]] = []
    summaries: list[dict[str, Any]] = []
    with steps() as progress:
        for name in datasets:
            with progress.step(f"auditing {name}"):
                now = auditor.now()
                seconds = int(now.timestamp())
                services = with_promises(auditor, name)
                begin, until = whole_range(deployed, name) if full else (first, last)
                scope = Scope(seconds, begin, until, tables=(table,) if table else ())
                begun = begin_audit(services, name, run_name(now), scope)
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
        show_first("Findings", findings, total=in_words(findings))
        for line in covered(summaries, first, last, full=full):
            out.print(line)
        if dry_run:
            show_first("Plan", planned, total=f"{len(planned):,} steps")
    raise typer.Exit(FINE if all(audited["findings"] == 0 for audited in summaries) else FINDINGS)


def covered(
    summaries: Sequence[Mapping[str, Any]], first: int | None, last: int | None, *, full: bool = False
) -> Iterator[str]:
    """What an audit says nothing about: windows that are not whole, and what lies outside of those it looked at."""
    for audited in summaries:
        if rest := audited["windows"] - audited["whole"]:
            yield f"{audited['dataset']}: {rest} of {audited['windows']} windows are not whole"
        if not audited["windows"]:
            yield f"{audited['dataset']}: no window was looked at"
    if full:
        yield "This covers all that there is"
    elif first is None or last is None:
        yield "This covers the windows that are due, no others; older ones: --from and --to; how all stands: status"
    else:
        yield f"This covers {iso(first)} to {iso(last)}, nothing else"

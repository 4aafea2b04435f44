"""``starmend audits``: the audits that ended lately, and one of them in full."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.auditing import datasets_of, finding_rows, how_started, in_words
from cli.commands import examples, group
from cli.deployed import deployment
from cli.options import DEFAULT, Dataset, Environment, From, Json, Limit, To
from cli.output import FINDINGS, FINE, out, print_json, show, show_first
from cli.ranges import range_of
from core.errors import Misuse

if TYPE_CHECKING:
    from auditor.evidence.journal import Entry
    from core.ports import ObjectReader

app = group("See the audits that there were, what each found and did.")

LATELY = dt.timedelta(days=2)


def utc_now() -> dt.datetime:
    """The present."""
    return dt.datetime.now(dt.UTC)


@app.command("list")
@examples("audits list", "audits list --dataset quotes --from 2026-11-01 --to 2026-11-08 --json")
def list_audits(
    dataset: Dataset = "",
    start: From = "",
    end: To = "",
    limit: Limit = 50,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """List the audits that ended, the newest first: of two days, or of a range.

    Exits with 1 where the last audit of a dataset failed or left an alarm.
    """
    from auditor.evidence.journal import entries_between
    from aws.objects import S3ObjectStore

    first, last = range_of(start, end, operation="list audits")
    now = int(utc_now().timestamp())
    deployed = deployment(environment)
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    since, until = (now - int(LATELY.total_seconds()), now + 1) if first is None or last is None else (first, last)
    entries: list[Entry] = []
    for name in datasets_of(deployed, dataset, operation="list audits"):
        entries += [entry for entry in entries_between(records, name, since, until) if since <= _ended(entry) < until]
    entries.sort(key=lambda entry: (entry.ended_at, entry.run), reverse=True)
    rows = [_row(entry) for entry in entries]
    if as_json:
        print_json([entry_data(entry) for entry in entries])
    elif rows:
        shown = rows[: limit or None]
        show("Audits", shown, as_json=False)
        if len(shown) < len(rows):
            out.print(f"{len(rows):,} audits; the newest {len(shown):,} are shown, all of them: --limit 0")
        _print_failures(entries[: limit or None])
    else:
        out.print("no audit ended in that time")
    newest = {entry.dataset: entry for entry in reversed(entries)}
    raise typer.Exit(FINDINGS if any(entry.error or entry.causes for entry in newest.values()) else FINE)


@app.command("show")
@examples("audits show 0f1e2d3c", "audits show command-20261121T090000000000 --json")
def show_audit(
    run: Annotated[str, typer.Argument(help="The name of a run, as `audits list` shows it, or its beginning.")],
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show one audit in full: what it found, planned, repaired and left.

    Exits with 1 where it failed or left something behind.
    """
    from aws.objects import S3ObjectStore

    deployed = deployment(environment)
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    datasets = datasets_of(deployed, "", operation="show an audit")
    known = _run_named(records, run, datasets)
    detail = read_audit(records, known, datasets)
    if as_json:
        print_json(detail)
    else:
        _print(detail)
    raise typer.Exit(FINDINGS if detail["error"] or detail["left"] or detail["causes"] else FINE)


def entry_data(entry: Entry) -> dict[str, Any]:
    """JSON of an audit in the journal; ``failure`` has the parts of its error, and is null where it did not fail."""
    from dataclasses import asdict

    return {**asdict(entry), "failure": failure_data(entry.error)}


def failure_data(error: str) -> dict[str, str] | None:
    """JSON of the parts of what an audit failed with; None where it did not."""
    from auditor.evidence.failures import failure_of

    return failure_of(error).to_data() if error else None


def _print_failures(entries: Sequence[Entry]) -> None:
    """What each audit that failed said, and once what several did in the same words."""
    alike: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        if entry.error:
            alike.setdefault((entry.dataset, entry.error), []).append(entry.run)
    if alike:
        out.print()
    for (dataset, error), runs in alike.items():
        times = f", {len(runs)} times" if len(runs) > 1 else ""
        out.print(f"{dataset} failed{times}: ", style="red", end="")
        out.print(error)


def _ended(entry: Entry) -> int:
    from core.time import epoch

    return epoch(entry.ended_at)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "ended": f"{entry.ended_at[:10]} {entry.ended_at[11:16]}",
        "dataset": entry.dataset,
        "windows": entry.windows,
        "found": sum(entry.findings.values()),
        "left": sum(entry.left.values()),
        "certificates": entry.certificates,
        "outcome": f"failed: {_kind(entry.error)}" if entry.error else ", ".join(entry.causes) or "well",
        "run": entry.run,
    }


def _kind(error: str) -> str:
    from auditor.evidence.failures import failure_of

    return failure_of(error).error or "see below"


def _run_named(records: ObjectReader, run: str, datasets: Sequence[str]) -> str:
    """The run of that name or beginning. Raises ``Misuse`` where there is none, or more than one.

    One that failed before its first file is known to the journal alone, by its whole name.
    """
    from core.audit.repair_jobs import RUNS

    names: dict[str, None] = {}
    for info in records.list(f"{RUNS}{run}"):
        names[info.key.removeprefix(RUNS).partition("/")[0]] = None
        if run in names:
            return run
        if len(names) > 1:
            raise Misuse("show an audit", run, "begins the names of several runs", "Write more of it")
    if not names and _dataset_of(records, run, datasets):
        return run
    if not names:
        remedy = "starmend audits list shows those that there are; files of a run are kept for a while only"
        raise Misuse("show an audit", run, "there is no such run", remedy)
    return next(iter(names))


def _dataset_of(records: ObjectReader, run: str, datasets: Sequence[str]) -> str:
    """The dataset whose journal has the run; empty where none has."""
    from auditor.evidence.journal import find_entry

    return next((dataset for dataset in datasets if find_entry(records, dataset, run)), "")


def read_audit(records: ObjectReader, run: str, datasets: Sequence[str]) -> dict[str, Any]:
    """An audit by its files: order, findings of the first and the last scan, repairs and their outcomes, causes."""
    from auditor.evidence.journal import find_entry
    from auditor.evidence.results import AuditResult
    from auditor.repairs.causes import Cause, meaning_of
    from auditor.run_files import find_run_file
    from auditor.stories.efforts import MOST_ATTEMPTS, efforts_of

    order = find_run_file(records, run, "order") or {}
    dataset = str(order.get("dataset", "")) or _dataset_of(records, run, datasets)
    scans = [find_run_file(records, run, f"audit-{number}") for number in range(MOST_ATTEMPTS)]
    results = [AuditResult.from_data(scan) for scan in scans if scan is not None]
    efforts = efforts_of(records, [run], lambda _repair: True)
    entry = find_entry(records, dataset, run)
    causes = [Cause.from_data(cause) for cause in (find_run_file(records, run, "judgement") or {}).get("causes", [])]
    return {
        "run": run,
        "dataset": dataset,
        "error": entry.error if entry else "",
        "failure": failure_data(entry.error if entry else ""),
        "started": how_started(run, scheduled=bool(order.get("scheduled", True))),
        "scheduled": bool(order.get("scheduled", False)),
        "range": bool(order) and not order.get("scheduled"),
        "scanned_at": [result.audited_at for result in results],
        "windows": len(results[-1].windows) if results else 0,
        "whole": sum(window.whole for window in results[-1].windows) if results else 0,
        "found": finding_rows(dataset, results[0].findings) if results else [],
        "left": finding_rows(dataset, results[-1].findings) if results else [],
        "repairs": [
            {
                "attempt": effort.attempt,
                "repair": effort.repair.kind.replace("_", " "),
                "of": getattr(effort.repair, "entity", "") or getattr(effort.repair, "table", "") or dataset,
                "result": effort.outcome.result if effort.outcome else "left no word",
                "reason": effort.outcome.reason if effort.outcome else "",
                "ended_at": effort.at or None,
                "job": effort.job,
            }
            for effort in efforts
        ],
        "causes": [{"alarm": cause.name, "rows": cause.count, "meaning": meaning_of(cause.name)} for cause in causes],
    }


def _print(detail: dict[str, Any]) -> None:
    how = detail["started"] + (", of a range" if detail["range"] else "")
    out.print(
        f"{detail['run']}: {detail['dataset']}, {how}; {detail['whole']:,} of {detail['windows']:,} windows whole"
    )
    if detail["error"]:
        out.print(f"failed: {detail['error']}", style="red")
    for name, title in (("found", "Found"), ("left", "Left")):
        rows = detail[name]
        out.print()
        show_first(
            title, [{key: row[key] for key in ("finding", "rows", "what")} for row in rows], total=in_words(rows)
        )
    out.print()
    repairs = [{key: row[key] for key in ("attempt", "repair", "of", "result", "reason")} for row in detail["repairs"]]
    show_first("Repairs", repairs, total=f"{len(repairs):,} repairs")
    if detail["causes"]:
        out.print()
        show("For the admins", detail["causes"], as_json=False)

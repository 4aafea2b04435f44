"""``starmend audit | verify --at-scale``: a long range in shares, each looked at by a function of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from cli.at_scale.following import run_of_functions, tell_left
from cli.auditing import finding_rows, in_words, whole_range
from cli.output import FINDINGS, FINE, show, show_first
from cli.ranges import Range
from core.audit.at_scale.jobs import Prove, Scan
from core.errors import Misuse
from core.json import canonical_text
from core.time import at_epoch, iso

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from cli.at_scale.run import Done
    from core.contract.model import Contracts

DAY = 86_400
SHARE_DAYS, MOST_SHARES = 7, 400
LONG_UNITS = ("year", "month")  # of partitions, each of which is read by one share
NO_UNITS: Mapping[str, str] = {}
EVER = (0, 4_102_444_800)  # what a share at the range's end may reach to, where all there is was asked for


def shares_of(start: int, end: int, unit: str = "") -> list[tuple[int, int]]:
    """A range (epoch seconds) in shares of whole days, of a week each or of more where it is very long.

    Of whole months or years where that is the ``unit``: a slice or partition that two shares had a part of would be
    looked at by both.
    """
    days = [day for day in range(start // DAY, -(-end // DAY)) if _begins(unit, day)]
    size = max(1 if unit else SHARE_DAYS, -(-len(days) // MOST_SHARES))
    bounds = [start, *(day * DAY for day in days[::size] if start < day * DAY < end), end]
    return [(begin, until) for begin, until in itertools.pairwise(bounds) if begin < until]


def _begins(unit: str, day: int) -> bool:
    at = at_epoch(day * DAY)
    return not unit or (at.day == 1 and (unit == "month" or at.month == 1))


def units_of(contracts: Contracts, datasets: Iterable[str]) -> dict[str, str]:
    """The longest unit of time by which facts of each dataset are partitioned, where it is longer than a week."""
    units = {}
    for dataset in datasets:
        facts = (table for table in contracts.dataset(dataset).tables if table.kind == "fact")
        used = {level.transform for fact in facts for level in fact.partition_by}
        units[dataset] = next((unit for unit in LONG_UNITS if unit in used), "")
    return units


def scans(ranges: Mapping[str, Range], tables: tuple[str, ...], units: Mapping[str, str] = NO_UNITS) -> Iterator[Scan]:
    """The shares of an audit of datasets, of which the first looks at all that no time bounds.

    Raises ``Misuse`` for a dataset of which nothing is known yet.
    """
    for dataset, (start, end) in _bounded(ranges):
        for number, (begin, until) in enumerate(shares_of(start, end, units.get(dataset, ""))):
            yield Scan(dataset, iso(begin), iso(until), tables, beside=not number)


def proofs(ranges: Mapping[str, Range], units: Mapping[str, str] = NO_UNITS, *, of_all: bool) -> Iterator[Prove]:
    """The shares of a proof; ``of_all``: also of windows before and behind the range, such as those without a time."""
    for dataset, (start, end) in _bounded(ranges):
        shares = shares_of(start, end, units.get(dataset, ""))
        if of_all:
            shares[0] = (EVER[0], shares[0][1])
            shares[-1] = (shares[-1][0], EVER[1])
        yield from (Prove(dataset, iso(begin), iso(until)) for begin, until in shares)


def _bounded(ranges: Mapping[str, Range]) -> Iterator[tuple[str, tuple[int, int]]]:
    for dataset, (start, end) in ranges.items():
        if start is None or end is None:
            raise Misuse("work at scale", dataset, "has no beginning yet", "Name the range: --from and --to")
        yield dataset, (start, end)


def ranges_of(deployed: Deployment, datasets: Sequence[str], span: Range) -> dict[str, Range]:
    """The range of each dataset: what was asked for, or all that it has."""
    return {name: whole_range(deployed, name) if span[0] is None else span for name in datasets}


def distinct(shares: Sequence[Done], what: str) -> dict[str, list[dict[str, Any]]]:
    """What the shares found, by dataset, each once: some of it concerns no window, and every share finds it."""
    known: dict[str, dict[str, dict[str, Any]]] = {}
    for share in shares:
        kept = known.setdefault(share.work.dataset, {})
        kept.update((canonical_text(each), each) for each in share.details.get(what, ()))
    return {dataset: list(kept.values()) for dataset, kept in known.items()}


def summed(shares: Sequence[Done], names: Sequence[str]) -> list[dict[str, Any]]:
    """The counts of each dataset's shares together."""
    rows: dict[str, dict[str, Any]] = {}
    for share in shares:
        row = rows.setdefault(share.work.dataset, {"dataset": share.work.dataset, **dict.fromkeys(names, 0)})
        for name in names:
            row[name] += share.counts.get(name, 0)
    return list(rows.values())


def audit_at_scale(
    deployed: Deployment, datasets: Sequence[str], span: Range, tables: tuple[str, ...], *, resume: str, as_json: bool
) -> None:
    """Carry the audit out and print what it found; exits with 1 where there are findings, or shares were left."""
    from aws.objects import S3ObjectStore
    from core.audit.findings import findings_from_data

    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    units = units_of(deployed.contracts, datasets)
    plan = lambda: list(scans(ranges_of(deployed, datasets, span), tables, units))  # noqa: E731
    followed = run_of_functions(deployed, records, "audit", "-".join(datasets), plan, resume=resume)
    if followed is None:
        return
    run, manifest = followed
    shares = run.done()
    counts = summed(shares, ("windows", "whole", "expected", "present", "absent", "missing"))
    findings = [
        row
        for name, each in distinct(shares, "findings").items()
        for row in finding_rows(name, findings_from_data(each))
    ]
    if not as_json:
        show("Audited", counts, as_json=False)
        show_first("Findings", findings, total=in_words(findings))
    tell_left(run, manifest, as_json=as_json, more={"audits": counts, "findings": findings}, parts="shares")
    raise typer.Exit(FINDINGS if findings else FINE)


def verify_at_scale(deployed: Deployment, datasets: Sequence[str], span: Range, *, resume: str, as_json: bool) -> None:
    """Carry the proof out and print what does not hold; exits with 1 where anything does not, or shares were left."""
    from aws.objects import S3ObjectStore

    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    units = units_of(deployed.contracts, datasets)
    plan = lambda: list(proofs(ranges_of(deployed, datasets, span), units, of_all=span[0] is None))  # noqa: E731
    followed = run_of_functions(deployed, records, "verify", "-".join(datasets), plan, resume=resume)
    if followed is None:
        return
    run, manifest = followed
    shares = run.done()
    details = {what: distinct(shares, what) for what in ("failures", "restated", "uncertified")}
    totals = summed(shares, ("windows",))
    for total in totals:
        of_dataset = [share.counts["certificates"] for share in shares if share.work.dataset == total["dataset"]]
        total["certificates"] = max(of_dataset)  # each share reads all of the chain
        total |= {what: len(each.get(total["dataset"], ())) for what, each in details.items()}
    failures = [failure for each in details["failures"].values() for failure in each]
    if not as_json:
        show("Verified", totals, as_json=False)
        if failures:
            show_first("Does not hold", failures, total=f"{len(failures):,} certificates or partitions do not hold")
    said = {"verified": totals, "failures": failures}
    tell_left(run, manifest, as_json=as_json, more=said, parts="shares")
    raise typer.Exit(FINDINGS if failures else FINE)

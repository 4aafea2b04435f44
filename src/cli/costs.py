"""``starmend costs``: costs of the deployment per component, base work apart from repairs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.options import DEFAULT, Environment, Json
from cli.output import FINDINGS, out, print_json, say, show
from core.errors import Misuse
from core.landing.records import LOG_DAYS

if TYPE_CHECKING:
    from aws.costs import Cost
    from aws.deployment import Deployment
    from cli.repair_costs import MeasuredCost

ACTIVATE = "https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html"
REPAIR = "repair"
MEASURED = "Repairs as measured, at list prices"


class By(StrEnum):
    """What costs are told apart by: the parts of the pipeline, or the ideas by which it repairs itself."""

    COMPONENT = "component"
    REPAIR = "repair"


NO_TAG = {By.COMPONENT: "(no tag)", By.REPAIR: "(shared)"}

# Repairs that have functions of their own (audits, asking again, making partitions again) are told apart by their tags.
# What they share is processing: there the road of a receipt's object tells which strategy asked for it. What a
# provider's history brought comes by the feed's own road, among what is observed.
_ROADS = """
    select case when object like 'repair/%' then 're-extract' else 'base' end as strategy,
           count(*) as objects, sum(milliseconds) as milliseconds
    from processing_log where day >= '{start}' and day < '{end}'
    group by 1 order by 1"""


@examples("costs --env prod", "costs --env prod --days 7 --by repair --json")
def costs(
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="How many whole days back.")] = 30,
    by: Annotated[By, typer.Option("--by", help="Per component, or per idea of repair.")] = By.COMPONENT,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show what the deployment costs, by its own tags.

    Per component, base work apart from repairs; --by repair tells the ideas of repair apart, with what the pipeline
    measured of them itself, at list prices (on the emulator, which bills nothing, that alone). Each run asks Cost
    Explorer for 0.02 USD. Exits with 1 where costs cannot be told apart, for tags are not activated.
    """
    from aws.costs import CostExplorer

    deployed = deployment(environment)
    on_emulator = "AWS_ENDPOINT_URL" in deployed.aws_environment
    if on_emulator and by is By.COMPONENT:
        remedy = "Name one on AWS: --env. What repairs took is measured everywhere: --by repair"
        raise Misuse("read costs", environment, "runs on the emulator, which bills nothing", remedy)
    now = dt.datetime.now(dt.UTC)
    end = now.date()
    start = end - dt.timedelta(days=days)
    if on_emulator:
        shares = processing_by_strategy(deployed, start=start, end=end + dt.timedelta(days=1))
        report_measured(_measured(deployed, start, now, shares), shares, since=start, as_json=as_json)
        return
    explorer = CostExplorer(deployed.clients("ce"))
    inactive = _needed(explorer.inactive_tags(), by)
    ask = explorer.by_repair if by is By.REPAIR else explorer.by_component
    charged = ask(deployed.project, deployed.environment, start=start, end=end)
    shares = processing_by_strategy(deployed, start=max(start, end - dt.timedelta(days=LOG_DAYS)), end=end)
    measured = _measured(deployed, start, _midnight(end), shares) if by is By.REPAIR else ()
    title = f"Costs from {start} to {end}"
    report(charged, shares, inactive, title=title, by=by, measured=measured, as_json=as_json)
    if inactive:
        raise typer.Exit(FINDINGS)


def report(
    costs: Sequence[Cost],
    shares: Sequence[Mapping[str, Any]],
    inactive: Sequence[str] | None,
    *,
    title: str,
    by: By = By.COMPONENT,
    measured: Sequence[MeasuredCost] = (),
    as_json: bool,
) -> None:
    """Print costs, processing's work by strategy, and the tags by which costs are not yet told apart.

    ``measured`` are the repairs as the pipeline measured them, where that was asked for.
    """
    rows = [
        {by.value: cost.component or NO_TAG[by], "purpose": cost.purpose or "(no tag)", "cost": _money(cost.amount),
         "currency": cost.currency}
        for cost in costs
    ]  # fmt: skip
    if as_json:
        known = {"measured": [cost.to_data() for cost in measured]} if by is By.REPAIR else {}
        answer = {"costs": rows, "totals": totals(costs), "processing": list(shares), "inactive_tags": inactive}
        print_json(answer | known)
    else:
        show(title, rows, as_json=False)
        for total in totals(costs):
            out.print(f"{total['total']} {total['currency']}, of which repairs {total['repair']}")
        show("Processing, by what asked for it", shares, as_json=False)
        if measured:
            show(MEASURED, [cost.to_data() for cost in measured], as_json=False)
    if inactive is None:
        say(f"Which cost allocation tags are active only the payer's account tells; where rows lack tags: {ACTIVATE}")
    elif inactive:
        say(
            f"Not activated as cost allocation tags: {', '.join(inactive)}. Costs cannot be told apart by them; "
            f"activate them in the payer's account, they count from then on: {ACTIVATE}"
        )


def report_measured(
    measured: Sequence[MeasuredCost], shares: Sequence[Mapping[str, Any]], *, since: dt.date, as_json: bool
) -> None:
    """Print what repairs took since a day, where there is no bill to show beside it."""
    rows = [cost.to_data() for cost in measured]
    if as_json:
        print_json({"measured": rows, "processing": list(shares)})
        return
    show(f"{MEASURED}, since {since}", rows, as_json=False)
    show("Processing, by what asked for it", shares, as_json=False)
    whole = sum((cost.usd for cost in measured), Decimal())
    out.print(f"{whole} USD at list prices (docs/cost/prices.yaml); the emulator bills nothing")


def _measured(
    deployed: Deployment, start: dt.date, until: dt.datetime, shares: Sequence[Mapping[str, Any]]
) -> list[MeasuredCost]:
    from aws.objects import S3ObjectStore
    from cli.repair_costs import measured_costs, with_processing

    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    return with_processing(measured_costs(records, start=_midnight(start), end=until), shares)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _needed(inactive: Sequence[str] | None, by: By) -> Sequence[str] | None:
    """Those of the inactive tags that the question needs."""
    return inactive if inactive is None or by is By.REPAIR else [tag for tag in inactive if tag != REPAIR]


def totals(costs: Sequence[Cost]) -> list[dict[str, Any]]:
    """Per currency: everything, base work and repairs. What has no purpose counts into the total alone."""
    rows = []
    for currency in sorted({cost.currency for cost in costs}):
        charged = [cost for cost in costs if cost.currency == currency]
        by_purpose = {
            purpose: sum((cost.amount for cost in charged if cost.purpose == purpose), Decimal())
            for purpose in ("base", REPAIR)
        }
        total = sum((cost.amount for cost in charged), Decimal())
        rows.append({"currency": currency, "total": _money(total)} | {k: _money(v) for k, v in by_purpose.items()})
    return rows


def processing_by_strategy(deployed: Deployment, *, start: dt.date, end: dt.date) -> list[dict[str, Any]]:
    """The processing function's work, from its receipts: objects, milliseconds and share per strategy."""
    frame = deployed.athena.query(_ROADS.format(start=start.isoformat(), end=end.isoformat()))
    rows = frame.to_dict("records")
    whole = sum(float(row["milliseconds"] or 0) for row in rows)
    return [
        {
            "strategy": row["strategy"],
            "objects": int(row["objects"]),
            "milliseconds": round(float(row["milliseconds"] or 0)),
            "percent": round(100 * float(row["milliseconds"] or 0) / whole, 1) if whole else 0.0,
        }
        for row in rows
    ]


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))

"""``starmend why`` and ``starmend trace``: the story of a point, a row or an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.auditing import auditor_of
from cli.commands import examples
from cli.completion import complete_table
from cli.deployed import deployment
from cli.operating import table_of
from cli.options import DEFAULT, Environment, Json
from cli.output import FINDINGS, FINE, out, print_json, show, steps
from core.errors import Misuse

if TYPE_CHECKING:
    from auditor.stories.story import Story

Named = Annotated[str, typer.Argument(help="A table of the warehouse.", autocompletion=complete_table)]


@examples(
    "why fact_quote --entity AAPL --at 2026-11-20T15:03",
    "why fact_sales_order sales_order_id=17",
    "why fact_sales_order sales_order_id=17 created_at=2026-11-20T14:30 --json",
)
def why(
    table: Named,
    where: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="The row's key, and what else is known of it."),
    ] = None,
    entity: Annotated[str, typer.Option("--entity", help="The entity of a feed's point, such as a symbol.")] = "",
    at: Annotated[
        str, typer.Option("--at", help="An instant of the point's slot, ISO 8601, UTC where it names no offset.")
    ] = "",
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Tell how a point or a row came to be, or why it is missing.

    Which object brought it, when it was asked for, its receipt, refusals, versions, audits, repairs and certificates;
    of what is missing what was tried, and what happens next. Exits with 1 where somebody should look at it.
    """
    from auditor.stories.tell import tell

    values = _values(where or [])
    deployed = deployment(environment)
    contract = table_of(deployed.contracts, table)
    with steps() as progress, progress.step(f"looking at {table}"):
        story = tell(auditor_of(deployed), contract, values, entity=entity, at=at)
    _tell(story, as_json=as_json)


@examples(
    "trace tables/sales/currency/000000000001.jsonl.gz",
    "trace feeds/quotes/2026/11/20/15/starmend-1-2026-11-20-15-03-00-abc",
    "trace s3://BUCKET/warehouse/_data/dim_currency/v000000000001-0123.parquet --json",
)
def trace(
    key: Annotated[
        str,
        typer.Argument(metavar="OBJECT", help="The key (or s3://...) of an object of either bucket."),
    ],
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Tell what an object brought, and where its rows are now.

    Of an ingest object, its receipt or its refused lines, or of a partition's object. Exits with 1 where somebody
    should look at it.
    """
    from auditor.stories.object import trace as trace_object

    story = trace_object(auditor_of(deployment(environment)), key)
    _tell(story, as_json=as_json)


def _values(where: list[str]) -> dict[str, str]:
    values = {}
    for pair in where:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Misuse("tell the story", pair, "is no KEY=VALUE", "Write it like sales_order_id=17")
        values[name] = value
    return values


def _tell(story: Story, *, as_json: bool) -> None:
    if as_json:
        print_json(story.to_data())
    else:
        out.print(f"{story.verdict.replace('_', ' ')}: {story.sentence}", style="green" if story.is_fine else "red")
        if story.events:
            out.print()
            rows = [
                {"when": _second(event.at), "what": event.what, "how": event.text, "object": event.object or None}
                for event in story.events
            ]
            show("What happened", rows, as_json=False)
        for title, sentences in (("What happens next", story.next), ("Where nobody looked", story.limits)):
            if sentences:
                out.print(f"\n{title}", style="bold")
                for sentence in sentences:
                    out.print(f"  {sentence}")
    raise typer.Exit(FINE if story.is_fine else FINDINGS)


def _second(at: str) -> str | None:
    return f"{at[:10]} {at[11:19]}" if at else None

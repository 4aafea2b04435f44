"""``starmend query``: Athena SQL from the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.options import DEFAULT, Environment, Json
from cli.output import show, steps


@examples('query "select * from dim_currency"')
def query(
    sql: Annotated[str, typer.Argument(help="A SELECT in Athena's SQL.")],
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Ask Athena in SQL."""
    athena = deployment(environment).athena
    with steps() as progress, progress.step("asking Athena"):
        frame = athena.query(sql)
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    rows = [{str(name): value for name, value in record.items()} for record in records]
    show(f"{len(rows)} rows", rows, as_json=as_json)

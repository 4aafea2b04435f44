"""``starmend query``: Athena SQL from the terminal, a file or a pipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.formats import TABLE_ROWS, Format, Rows, chosen, write_rows
from cli.options import DEFAULT, LIMIT, OUTPUT, Environment, Json
from cli.output import steps
from core.errors import Misuse

Form = Annotated[Format | None, typer.Option("--format", help="The form of the rows; else that of the file's ending.")]


@examples(
    'query "select * from dim_currency"',
    "query -f monthly.sql --output monthly.parquet",
    "query --format csv --limit 100 < monthly.sql",
)
def query(
    sql: Annotated[str | None, typer.Argument(help="A SELECT in Athena's SQL; - reads it from standard input.")] = None,
    source: Annotated[Path | None, typer.Option("--file", "-f", help="A file that holds the SELECT.")] = None,
    form: Form = None,
    file: Annotated[Path | None, typer.Option("--output", help=OUTPUT)] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help=LIMIT)] = None,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Ask Athena in SQL.

    Rows are written as they come; decimals are exact, NULL is told from every text. A table shows a thousand rows
    unless --limit says otherwise, and says how many there are; the other forms have all of them.
    """
    meant = chosen(form, file, as_json=as_json)
    statement = _statement(sql, source)
    athena = deployment(environment).athena
    with steps() as progress, progress.step("asking Athena"):
        answer = athena.stream(statement)
    from aws.athena_rows import schema_of

    shown = limit if limit is not None else TABLE_ROWS if meant is Format.TABLE else 0
    write_rows(Rows(schema_of(answer.columns), answer.batches()), meant, file, limit=shown)


def _statement(sql: str | None, source: Path | None) -> str:
    """The statement, from where it is; a pipe is read where nothing else is named. Raises ``Misuse`` where none is."""
    if sql is not None and sql != "-" and source is not None:
        raise Misuse("query", str(source), "a statement is given beside the file", "Give one of them")
    if source is not None:
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse("query", str(source), str(error), "Name a readable file of SQL") from error
    elif sql == "-" or (sql is None and not sys.stdin.isatty()):
        text = sys.stdin.read()
    else:
        text = sql or ""
    text = text.strip().removesuffix(";").strip()
    if not text:
        remedy = 'Such as: starmend query "select * from dim_currency"; or -f FILE; or from a pipe'
        raise Misuse("query", str(source or "the statement"), "there is none", remedy)
    return text

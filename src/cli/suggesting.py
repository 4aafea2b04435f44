"""The lines that ``starmend contract suggest`` prints, from each database as it is and from the newest lines."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cli.output import out
from cli.source_check import APPLICATION, TIMEOUTS
from cli.trying.lines import Body
from cli.trying.sources import newest_objects
from core.contract.model import Contracts, Database
from core.ports import ObjectReader, SecretStore
from core.sources.suggestions import Suggestion, suggestions
from core.sources.unknown_fields import unknown_fields
from ingestion.engines.build import engine_named
from ingestion.providers.reading.exact_json import read_exact

OBJECTS, MOST_LINES = 3, 2000  # of each source table that are looked at
GZIP = b"\x1f\x8b"


def suggest_for(contracts: Contracts, *, secrets: SecretStore, dataset: str = "") -> Iterator[Suggestion]:
    """The suggestions of every database of the contracts, or of one.

    Raises ``OutOfReach`` where one does not answer, ``InvalidData`` where its secret is wrong.
    """
    for contract in contracts:
        source = contract.source
        if not isinstance(source, Database) or (dataset and contract.dataset != dataset) or source.canary:
            continue
        engine = engine_named(source.engine)
        session = engine.connector(secrets, source.secret, application=APPLICATION, timeouts=TIMEOUTS).open()
        try:
            tables = engine.described(session, source.tables)
            yield from suggestions(contract, source, tables, engine.listed(session))
        finally:
            session.close()


def suggest_of_lines(
    contracts: Contracts, objects: ObjectReader, *, now: datetime, dataset: str = ""
) -> Iterator[Suggestion]:
    """The suggestions for what the newest ingest objects of the contracts, or of one, have beside them."""
    for contract in contracts:
        if (dataset and contract.dataset != dataset) or (contract.source and contract.source.canary):
            continue
        for source in contract.source.tables if contract.source else ():
            bodies = newest_objects(objects, contract, table=source.name, most=OBJECTS, now=now)
            lines = [line for body in bodies for line in _lines_of(body)]
            yield from unknown_fields(contract, source, lines[:MOST_LINES])


def _lines_of(body: Body) -> Iterator[dict[str, object]]:
    """The lines that are objects; others, and objects that are cut off, are processing's to tell of."""
    try:
        content = gzip.decompress(body.lines) if body.lines[:2] == GZIP else body.lines
    except (OSError, EOFError, zlib.error):
        return
    for line in content.splitlines():
        try:
            read = read_exact(line)
        except ValueError:
            continue
        if isinstance(read, dict):
            yield read


def suggestions_data(all_suggestions: Sequence[Suggestion]) -> list[dict[str, Any]]:
    """The suggestions as JSON-ready data."""
    return [asdict(suggestion) for suggestion in all_suggestions]


def show_suggestions(all_suggestions: Sequence[Suggestion]) -> None:
    """Each place of a contract once, with its lines and why."""
    place = ""
    for suggestion in all_suggestions:
        below = f"{suggestion.dataset}: {suggestion.path}" + (" becomes" if suggestion.replaces else "")
        if below != place:
            out.print(below, style="bold")
            place = below
        if not suggestion.lines:
            out.print(f"  # {suggestion.reason}")
        for number, line in enumerate(suggestion.lines):
            out.print(f"  {line}{f'  # {suggestion.reason}' if number == 0 else ''}")
    if not all_suggestions:
        out.print("the contracts say all that their databases and their newest lines have")

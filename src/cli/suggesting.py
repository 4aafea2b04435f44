"""The lines that ``starmend contract suggest`` prints, from each database as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from cli.output import out
from cli.source_check import APPLICATION, TIMEOUTS
from core.contract.model import Contracts, Database
from core.ports import SecretStore
from core.sources.suggestions import Suggestion, suggestions
from ingestion.engines.build import engine_named


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
        out.print("the contracts say all that their databases have")

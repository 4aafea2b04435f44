"""The story of whatever an operator names in a table: a point of a feed, a row of a database, a derived row."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.services import Services
from auditor.stories.point import tell_point
from auditor.stories.read_point import read_point
from auditor.stories.read_row import read_row, target_named
from auditor.stories.row import tell_row
from auditor.stories.story import Story
from auditor.windows import facts_of
from core.contract.model import Contract, Database, Feed, Table
from core.errors import Misuse
from core.feeds.partitions import column_of
from core.time import epoch
from core.warehouse.current_state import ENTITIES


def tell(services: Services, table: Table, where: Mapping[str, str], *, entity: str = "", at: str = "") -> Story:
    """The story of what ``where`` names by column, or of a feed's point of ``entity`` at an instant (ISO 8601).

    Raises ``Misuse`` where it names nothing, ``TransientFailure`` where a store does not answer.
    """
    contract = services.contracts.dataset(table.dataset)
    if isinstance(contract.source, Feed) and table.name in {fact.name for fact in facts_of(contract)}:
        return _point(services, contract.source, table, where, entity, at)
    if entity or at:
        remedy = "Name a row of it: COLUMN=VALUE"
        raise Misuse("tell the story", table.name, "has no points: --entity and --at are of a feed's fact", remedy)
    target = target_named(contract, table) if isinstance(contract.source, Database) else None
    if target is None:
        return _derived(contract, table, where)
    return tell_row(read_row(services, contract, target, where))


def _point(services: Services, feed: Feed, table: Table, where: Mapping[str, str], entity: str, at: str) -> Story:
    names = {column_of(table, feed.entity_column): entity, column_of(table, feed.time_column): at}
    values = {name: where.get(name, given) for name, given in names.items()}
    if unknown := [name for name in where if name not in names]:
        remedy = f"Use {' and '.join(names)}, or --entity and --at"
        raise Misuse("tell the story", table.name, f"a point is not named by {unknown[0]!r}", remedy)
    if not all(values.values()):
        remedy = "Write it like: --entity AAPL --at 2026-11-20T15:00"
        raise Misuse("tell the story", table.name, "needs an entity and an instant", remedy)
    name, instant = values.values()
    try:
        seconds = epoch(instant)
    except ValueError as error:
        raise Misuse("tell the story", instant, "is no instant", "Write it like 2026-11-20T15:00") from error
    return tell_point(read_point(services, table, name, seconds))


def _derived(contract: Contract, table: Table, where: Mapping[str, str]) -> Story:
    """A row that no line brought: it is computed."""
    origins = {
        "calendar": "the contract alone",
        "rollup": f"the rows of {table.source}, whole, at the end of each audit",
        "dimension": f"the {table.source} that the contract lists" if table.source == ENTITIES else table.source,
    }
    origin = origins.get(table.kind, table.source)
    ask = (f"Ask of what it is made of: starmend why {table.source}",) if table.kind == "rollup" else ()
    sentence = f"Rows of {table.name} come in no ingest object: they are computed from {origin}"
    return Story(contract.dataset, table.name, dict(where), "derived", sentence, next=ask)

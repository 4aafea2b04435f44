"""The time zone of times without zone, by what the server itself writes into their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.proposing.columns import read_columns
from core.proposing.roles import Understood
from core.sources.catalog import SESSION, ServerFacts
from core.time import zone_names

_MOST_NAMED = 3  # columns that a remark names


def timezone_of(kept: Sequence[Understood], server: ServerFacts) -> tuple[str, str]:
    """The zone of a dataset's times without zone, and why.

    A default or a trigger that names a zone is a witness. ``now()`` alone is none: it writes the zone of the session,
    which an application may set. Where witnesses disagree, the zone of most columns is proposed, and the others named.
    """
    columns = _columns_by_zone(kept)
    named = {zone: places for zone, places in columns.items() if zone != SESSION}
    if not named:
        return _servers(server)
    zone = max(named, key=lambda each: len(named[each]))
    why = f"of times without zone: the server writes {zone}'s into {_listed(named.pop(zone))}"
    others = [f"{other}'s into {_listed(places)}" for other, places in named.items()]
    if SESSION in columns and server.timezone not in (zone, f"Etc/{zone}"):
        others.append(f"the session's ({server.timezone}, unless it sets another) into {_listed(columns[SESSION])}")
    return zone, f"{why}; but {' and '.join(others)}, which come out wrong" if others else why


def _columns_by_zone(kept: Sequence[Understood]) -> Mapping[str, Sequence[str]]:
    columns: dict[str, list[str]] = {}
    for known in kept:
        for read in read_columns(known):
            if read.column.type.kind == "wall" and not read.why_not:
                for zone in read.column.zones:
                    columns.setdefault(zone, []).append(f"{known.table.name}.{read.column.name}")
    return columns


def _servers(server: ServerFacts) -> tuple[str, str]:
    if server.timezone in zone_names():
        return server.timezone, "of times without zone: the server's own, which nothing says the applications use"
    return "UTC", f"of times without zone: a guess, for the server's own ({server.timezone}) is no IANA name"


def _listed(places: Sequence[str]) -> str:
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    return f"{', '.join(places[:_MOST_NAMED])}{more}"

"""Changes of sources: databases with their tables, feeds with their entities."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from core.contract.model import CHECKED, DELETED, Contract, Database, Entity, Feed, SourceTable
from core.contract.model import Field as SourceField
from core.evolution.changes import Change
from core.evolution.elements import (
    Inner,
    Rule,
    Verdict,
    applied,
    by_type,
    change_of,
    compare_fields,
    compare_named,
)
from core.evolution.placing import deciding_fields

_NEXT = applied("it holds from the next run on")
_MARK = Verdict(
    "refused",
    "what is there was written with a mark of the pipeline's own by this name",
    "Show the source's column by another name, in a view; or keep it in the contract, nullable",
)
_FROM_ITS_DEPLOYMENT = applied(
    "it holds from its deployment on; what was owed before is told by the contract of that time"
)
_BOTH = Verdict(
    "refused",
    "lines that are there have values under each of these names",
    "Show the renamed column by a name that no line has, in a view, and say that as its new name",
)
_SECRET = applied("another secret is read", "Fill it before schedules go on: starmend secret set")


def _required(_was: bool, becomes: bool) -> Verdict:
    if becomes:
        return Verdict("rebuild", "lines without it are rejected, older ones too", "Leave it nullable, or rebuild")
    return applied("lines without it are taken from now on")


_MOVED = "A new generation is built beside the old one"


def _zone(before: Contract, after: Contract) -> Rule:
    """Another zone moves rows to other keys and partitions where an instant without a zone may decide on them."""
    for contract in (before, after):
        for table in contract.source.tables if contract.source else ():
            decides = deciding_fields(contract, table)
            if name := next((each.name for each in table.fields if each.name in decides and _is_instant(each)), ""):
                reason = f"rows are told apart or placed by {table.name}.{name}, which is read by another zone"
                return Verdict("rebuild", reason, _MOVED)
    return _DATABASE_RULES["timezone"]


def _is_instant(field: SourceField) -> bool:
    return field.type.name == "timestamp"


def _rounded(is_deciding: bool) -> Rule:
    if is_deciding:
        return Verdict("rebuild", "rows are told apart or placed by numbers that are taken in another way", _MOVED)
    return _FIELD_RULES["round"]


def _former_names(was: tuple[str, ...], becomes: tuple[str, ...]) -> Verdict:
    if lost := ", ".join(name for name in was if name not in becomes):
        road = f"Say all of its former names, the last one first: was: [{', '.join(dict.fromkeys([*becomes, *was]))}]"
        return Verdict("refused", f"lines under {lost} would be read without a value of it", road)
    return Verdict("restate", "lines under these names are read as its own", "Partitions are made again from them")


_FIELD_RULES: Mapping[str, Rule] = {
    "type": by_type,
    "required": _required,
    "comment": applied("a word to readers"),
    "added": applied("a mark of repairs"),
    "since": applied("rows of an older version are not asked for; all others are"),
    "was": _former_names,
    "round": Verdict("restate", "numbers with more digits are taken, or refused, in another way"),
}
_SOURCE_TABLE_RULES: Mapping[str, Rule] = {
    "key": Verdict("rebuild", "rows are told apart by another key"),
    "created_at": Verdict("rebuild", "rows are placed by another column"),
    "changed_at": Verdict("rebuild", "versions are told apart by another column"),
    "compare": Verdict("rebuild", "versions are told apart in another way"),
    "rows_per_object": _NEXT,
    "relation": applied("it is read from another table of the database; the audit compares every row with it"),
}
_SOURCE_RULES: Mapping[str, Rule] = {
    "secret": _SECRET,
    "every": _FROM_ITS_DEPLOYMENT,
    "settle": _NEXT,
    "complete_within": _NEXT,
    "canary": _NEXT,
}
_DATABASE_RULES: Mapping[str, Rule] = {
    **_SOURCE_RULES,
    "engine": applied("the audit compares every row with the other database"),
    "timezone": Verdict("restate", "instants without a zone are read by another one"),  # see _zone
    "margin": _NEXT,
    "lookback": _NEXT,
    "sweep": _NEXT,
}
_FEED_RULES: Mapping[str, Rule] = {
    **_SOURCE_RULES,
    "provider": _NEXT,
    "history": _NEXT,
    "calendar": _FROM_ITS_DEPLOYMENT,
    "entity_column": Verdict("rebuild", "points are of another column"),
    "time_column": Verdict("rebuild", "points are at another column's time"),
    "calls_per_minute": _NEXT,
    "entities_per_message": _NEXT,
    "sample": _NEXT,
    "stream": applied("records take another way", "Those under way are lost with the stream; the audit fetches them"),
}
_ENTITY_RULES: Mapping[str, Rule] = {
    "valid_from": applied("what it owes before its deployment is fetched from the provider's history"),
    "valid_until": applied("it owes nothing from then on"),
    "attributes": applied("the dimension is computed again"),
    "earlier": applied("no contract states it"),
}


def compare_sources(before: Contract, after: Contract) -> Iterator[Change]:
    """What of the source is another."""
    was, becomes, dataset = before.source, after.source, after.dataset
    if was == becomes:
        return
    if isinstance(was, Database) and isinstance(becomes, Database):
        rules = {**_DATABASE_RULES, "timezone": _zone(before, after)}
        inner = {"tables": _tables(before, after)}
        yield from compare_fields(dataset, "source", was, becomes, rules, inner=inner)
    elif isinstance(was, Feed) and isinstance(becomes, Feed):
        inner = {
            "entities": _entities(dataset),
            "table": lambda place, old, new: _compare_source_table(before, after, place, old, new),
        }
        yield from compare_fields(dataset, "source", was, becomes, _FEED_RULES, inner=inner)
    else:
        verdict = Verdict("refused", "it is another kind of source", "Give it a dataset of its own")
        old, new = (source.kind if source else "none" for source in (was, becomes))
        yield change_of(dataset, "source.kind", old, new, verdict)


# ---------------------------------------------------------------- source tables


def _tables(before: Contract, after: Contract) -> Inner:
    dataset = after.dataset

    def compare(place: str, was: tuple[SourceTable, ...], becomes: tuple[SourceTable, ...]) -> Iterator[Change]:
        came, went, both = compare_named({table.name: table for table in was}, {table.name: table for table in becomes})
        for name in came:
            verdict = applied("a new table", "Its rows come from the beginning, as those of every table")
            yield change_of(dataset, f"{place}.{name}", "", name, verdict)
        for name in went:
            verdict = Verdict(
                "refused", "its sequence and its resume point would be lost", "Keep it, or --allow-destroy"
            )
            yield change_of(dataset, f"{place}.{name}", name, "", verdict)
        for name, old, new in both:
            yield from _compare_source_table(before, after, f"{place}.{name}", old, new)
        if not came and not went and [table.name for table in was] != [table.name for table in becomes]:
            yield change_of(dataset, place, "", "", applied("tables are written in another order"))

    return compare


def _compare_source_table(
    before: Contract, after: Contract, place: str, was: SourceTable, becomes: SourceTable
) -> Iterator[Change]:
    dataset = after.dataset
    deciding = deciding_fields(before, was) | deciding_fields(after, becomes)

    def fields(where: str, old: tuple[SourceField, ...], new: tuple[SourceField, ...]) -> Iterator[Change]:
        yield from _compare_source_fields(dataset, where, old, new, deciding)

    for mark, old, new in (
        (CHECKED, was.checked_mark, becomes.checked_mark),
        (DELETED, was.deleted_mark, becomes.deleted_mark),
    ):
        if old != new:
            yield change_of(dataset, f"{place}.fields.{mark}", old, new, _MARK)
    rules = {**_SOURCE_TABLE_RULES, "name": Verdict("refused", "it is another table", "Give it its own name")}
    yield from compare_fields(dataset, place, was, becomes, rules, inner={"fields": fields})


def _compare_source_fields(
    dataset: str,
    place: str,
    was: tuple[SourceField, ...],
    becomes: tuple[SourceField, ...],
    deciding: Collection[str],
) -> Iterator[Change]:
    came, went, both = compare_named({field.name: field for field in was}, {field.name: field for field in becomes})
    old, new = ({field.name: field for field in fields} for fields in (was, becomes))
    for name in new:
        in_lines = [each for each in (name, *new[name].was) if each in old]
        if len(in_lines) > 1:
            yield change_of(dataset, f"{place}.{name}.was", "", ", ".join(in_lines), _BOTH)
    renamed = {name: former for name in came if (former := next((each for each in new[name].was if each in went), ""))}
    for name, former in renamed.items():
        verdict = applied("the source's column has another name; lines under the former one are read as this one")
        yield change_of(dataset, f"{place}.{name}", former, name, verdict)
        names = tuple(each for each in (former, *old[former].was) if each != name)
        before = replace(old[former], name=name, was=names)
        rules = {**_FIELD_RULES, "round": _rounded(name in deciding or former in deciding)}
        yield from compare_fields(dataset, f"{place}.{name}", before, new[name], rules)
    came = [name for name in came if name not in renamed]
    went = [name for name in went if name not in renamed.values()]
    for name in came:
        if new[name].required and not new[name].added:
            road = "Declare it nullable (with a ?): the audit fills old rows"
            verdict = Verdict("refused", "no ingest object that is there has it, and it may not be null", road)
        else:
            since = new[name].since
            reason = (
                "ingest objects that are there have none; the audit fetches the rows that the source has again, the "
                "newest first; in versions that it has no more the value stays null"
            )
            verdict = applied(f"the source has it since {since}; in older rows it is null" if since else reason)
        yield change_of(dataset, f"{place}.{name}", "", new[name].type, verdict)
    for name in went:
        verdict = applied("it is no longer fetched; ingest objects that are there keep it")
        yield change_of(dataset, f"{place}.{name}", old[name].type, "", verdict)
    for name, before, changed in both:
        rules = {**_FIELD_RULES, "round": _rounded(name in deciding)}
        yield from compare_fields(dataset, f"{place}.{name}", before, changed, rules)
    if not (came or went or renamed) and [field.name for field in was] != [field.name for field in becomes]:
        yield change_of(dataset, place, "", "", applied("fields are written in another order"))


# ---------------------------------------------------------------- entities


def _entities(dataset: str) -> Inner:
    def compare(place: str, was: tuple[Entity, ...], becomes: tuple[Entity, ...]) -> Iterator[Change]:
        came, went, both = compare_named(
            {entity.name: entity for entity in was}, {entity.name: entity for entity in becomes}
        )
        new = {entity.name: entity for entity in becomes}
        for name in came:
            since = new[name].valid_from
            reason = f"it is owed from {since} on" if since else "it is owed from its deployment on"
            yield change_of(dataset, f"{place}.{name}", "", name, applied(reason))
        for name in went:
            reason = "it is owed until then; its rows and certificates stay"
            yield change_of(dataset, f"{place}.{name}", name, "", applied(reason))
        for name, old, changed in both:
            yield from compare_fields(dataset, f"{place}.{name}", old, changed, _ENTITY_RULES)
        if not came and not went and [entity.name for entity in was] != [entity.name for entity in becomes]:
            yield change_of(dataset, place, "", "", applied("entities are written in another order"))

    return compare

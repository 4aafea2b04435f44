"""Rules of a source: its times, its tables or its points, and the providers that it is asked of."""

from __future__ import annotations

import re

from core.authoring.column_rules import broken_rule
from core.authoring.name_rules import comment_fits, no_lookalikes
from core.authoring.problems import Problems
from core.contract.model import CHECKED, DELETED, RESERVED, Contract, Database, Feed, Field, SourceTable, Table, Take
from core.errors import BadContract
from core.feeds.lines import ADDED, FROM_HISTORY, PROVENANCE
from core.feeds.providers import (
    NO_PROVIDER,
    asks_live,
    check_provider,
    comparable,
    entities_per_call,
    history_delay,
    lacks_secret,
    needed_fields,
)
from core.feeds.rest.rules import unmet_by_history, unmet_by_live
from core.feeds.rest.spec import read_spec
from core.time import zone_names
from core.warehouse.current_state import ENTITIES

_ARRIVED = "arrived"  # the partition key of a feed's raw lines
_PROVENANCES, _KINDS = ("observed", FROM_HISTORY), ("live", "history")


def source_rules(contract: Contract, problems: Problems) -> None:
    """Add what is wrong with a contract's source."""
    source = contract.source
    if isinstance(source, Database):
        _database_rules(contract, source, problems)
    elif source is not None:
        _feed_rules(contract, source, problems)


_NAME = r'(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")'
_RELATION = re.compile(rf"{_NAME}(?:\.{_NAME})?")

# ---------------------------------------------------------------- databases


def _database_rules(contract: Contract, source: Database, problems: Problems) -> None:
    if source.timezone not in zone_names():
        problems.add("source.timezone", f"{source.timezone!r} is no time zone", "Use an IANA name such as UTC")
    if source.sweep < source.every:
        problems.add("source.sweep", "is shorter than every", "Give the auditor time: 7 days, or an hour at least")
    for table in source.tables:
        _source_table_rules(table, f"source.tables.{table.name}", problems)
    if source.canary:
        _canary_rules(contract, problems)


def _canary_rules(contract: Contract, problems: Problems) -> None:
    """A canary shares no table with the dataset that it shadows, and a column tells which of its rows came back."""
    for source in contract.source.tables if contract.source else ():
        if (source.deleted_mark, source.checked_mark) != (DELETED, CHECKED):
            where = f"source.tables.{source.name}"
            problems.add(where, f"a canary's table has no {DELETED} or {CHECKED} of its own", "Shadow another table")
    for table in contract.tables:
        path = f"warehouse.{table.name}"
        if table.kind != "fact":
            remedy = "Make it a fact: dimensions share the current state of a source table with other datasets"
            problems.add(path, f"a canary has no {table.kind}", remedy)
        elif CHECKED not in {column.name for column in table.columns}:
            problems.add(path, "no column tells what was fetched again", "Add a column checked_at")


def _source_table_rules(table: SourceTable, path: str, problems: Problems) -> None:
    names = [field.name for field in table.fields]
    for name in table.key:
        known = problems.expect_one_of(f"{path}.key", name, names, what="column of this table")
        if known and not table.field(name).required:
            problems.add(f"{path}.columns.{name}", "a key is never null", f"Write {table.field(name).type}, without ?")
        if known and table.field(name).type.name == "json":
            problems.add(f"{path}.columns.{name}", "a document is no key: no row is asked for by it", "Write string")
    if len(set(table.key)) < len(table.key):
        problems.add(f"{path}.key", f"{list(table.key)} names a column twice", "Name each once")
    _clock_rules(table, path, problems)
    for name in names:
        if name.startswith(RESERVED) and (names.count(name) > 1 or not table.field(name).added):
            problem = f"names that begin with {RESERVED!r} are the pipeline's"
            problems.add(f"{path}.columns.{name}", problem, "Read it through a view that names it otherwise")
    if table.relation and not _RELATION.fullmatch(table.relation):
        remedy = 'Write it as in SQL: archive."Order-Items", capitals and dashes in double quotes'
        problems.add(f"{path}.relation", f"{table.relation!r} names no table", remedy)
    if table.name == ENTITIES:
        problems.add(path, f"{ENTITIES!r} is the word for a feed's entities", "Read it through a view of another name")
    for field in table.fields:
        _field_rules(field, f"{path}.columns.{field.name}", problems)
    former_names(table, f"{path}.columns", problems)
    no_lookalikes([*names, *(name for field in table.fields for name in field.was)], f"{path}.columns", problems)


def former_names(table: SourceTable, path: str, problems: Problems) -> None:
    """Lines are read by a former name, so that it can be that of one field alone."""
    known = {field.name for field in table.fields}
    for field in table.fields:
        for name in field.was:
            if name in known:
                remedy = "Lines under it cannot be told apart: read one of the two through a view of another name"
                problems.add(f"{path}.{field.name}.was", f"{name!r} is another field's name, or former name", remedy)
            if name.startswith(RESERVED):
                remedy = "Leave it out: no line of a source has it"
                problems.add(
                    f"{path}.{field.name}.was", f"names that begin with {RESERVED!r} are the pipeline's", remedy
                )
            known.add(name)


def _clock_rules(table: SourceTable, path: str, problems: Problems) -> None:
    """A table has times of change, or says that it has none."""
    names = [field.name for field in table.fields]
    for role, name in (("created_at", table.created_at), ("changed_at", table.changed_at)):
        known = not name or problems.expect_one_of(f"{path}.{role}", name, names, what="column of this table")
        if name and known and table.field(name).type.name != "timestamp":
            remedy = "Name a timestamp column; a number of a sequence is given before its row is committed, so that it "
            remedy += "tells no order: changed_at: none, compare: keys"
            problems.add(f"{path}.{role}", f"{name!r} is {table.field(name).type}", remedy)
    if table.by_keys and (table.changed_at or table.created_at):
        remedy = "Write changed_at: none and no created_at, or leave compare out"
        problems.add(f"{path}.compare", "a table that is compared by keys goes by no time of change", remedy)
    if not table.by_keys and not table.changed_at and not table.created_at:
        remedy = "Name the column that tells when a row changed; if there is none: changed_at: none, compare: keys"
        problems.add(path, "names neither created_at nor changed_at", remedy)


def _field_rules(field: Field, path: str, problems: Problems) -> None:
    if field.since and field.required:
        remedy = f"Write {field.type}?: rows of before have no value of it"
        problems.add(path, "the source has it only since then, so it may be null", remedy)
    comment_fits(field.comment, f"{path}.comment", problems)


# ---------------------------------------------------------------- feeds


def _feed_rules(contract: Contract, feed: Feed, problems: Problems) -> None:
    if 86_400 % feed.every:
        problems.add("source.every", "does not divide a day", "Use a cadence such as 1 minute or 1 hour")
    if feed.complete_within < feed.settle:
        problems.add("source.complete_within", "is shorter than settle", "Give late points time to arrive")
    facts = [table for table in contract.tables if table.kind == "fact" and table.source == contract.dataset]
    if not facts:
        problems.add("warehouse", "no fact takes the feed's points", f"Add a fact with from: {contract.dataset}")
    _points_are_named(feed, problems)
    for fact in facts:
        _facts_take_points(feed, fact, f"warehouse.{fact.name}", problems)
    _entities_are_expected(feed, problems)
    provider_rules(contract, feed, problems)


def _points_are_named(feed: Feed, problems: Problems) -> None:
    if feed.entity_column == feed.time_column:
        problems.add("source.point", "names one column twice", "Name the column of the entity, then that of the time")
    for name in (feed.entity_column, feed.time_column):
        if name in ADDED:
            problems.add("source.point", f"{name!r} is a field of every line already", "Give the column another name")
    if _ARRIVED in {field.name for field in feed.table.fields}:
        remedy = "Call the field otherwise where the provider's answer is described"
        problems.add("source", f"{_ARRIVED!r} is the partition key of the raw lines", remedy)
    former_names(feed.table, "source", problems)
    no_lookalikes([name for field in feed.table.fields for name in (field.name, *field.was)], "warehouse", problems)


def _facts_take_points(feed: Feed, fact: Table, path: str, problems: Problems) -> None:
    """A fact has both columns of the point in its key, and what is told of a line's origin fits what lines say."""
    taken = {
        column.rule.field: column
        for column in reversed(fact.columns)
        if isinstance(column.rule, Take) and column.rule.form == "value"
    }
    for name in (feed.entity_column, feed.time_column):
        if name not in taken or taken[name].name not in fact.key:
            problems.add(f"{path}.key", f"no column of the key takes {name!r}", f"Make {name!r} a column and a key")
    if feed.entity_column in taken and taken[feed.entity_column].type.name != "string":
        where = f"{path}.columns.{taken[feed.entity_column].name}.type"
        problems.add(where, f"an entity's name is no {taken[feed.entity_column].type}", "Make the type string")
    entities = tuple(entity.name for entity in feed.entities)
    for name, values in ((PROVENANCE, _PROVENANCES), ("kind", _KINDS), (feed.entity_column, entities)):
        for value in values if name in taken else ():
            if broken := broken_rule(taken[name], value):
                where = f"{path}.columns.{taken[name].name}"
                problems.add(where, f"{value!r}, which lines have, breaks {broken}", "Let the rule bear it")
                break
    for column in fact.columns:
        if column.name == PROVENANCE and taken.get(PROVENANCE) != column:
            remedy = "Give the column another name"
            problems.add(f"{path}.columns.{PROVENANCE}", "is not what lines say of their points' origin", remedy)


def _entities_are_expected(feed: Feed, problems: Problems) -> None:
    for entity in feed.entities:
        if entity.valid_from and entity.valid_until and entity.valid_until <= entity.valid_from:
            where = f"source.entities.{entity.name}.valid_until"
            problems.add(where, "is not after valid_from", "Let it end after it begins, or leave it out")


# ---------------------------------------------------------------- providers


def provider_rules(contract: Contract, feed: Feed, problems: Problems) -> None:
    """Add what is wrong with the live provider, the history's, the rate limit, the canary and the sample."""
    together, are_sound = 1, True
    for role, provider, kind in (("provider", feed.provider, "live"), ("history", feed.history, "history")):
        try:
            check_provider(provider, every=feed.every)
        except BadContract as error:
            problems.add(f"source.{role}.{error.place}", error.problem, error.remedy)
            are_sound = False
            continue
        together = entities_per_call(provider) if kind == "live" else together
        if provider.kind == "rest" and (kind == "history" or asks_live(feed)):
            _rest_tells_what_is_taken(contract, feed, role, kind, problems)
    for name, provider in (("provider", feed.provider), ("history", feed.history)):
        if lacks_secret(feed, provider):
            remedy = "Write secret: and the name that it shall have among the secrets, never its value"
            problems.add("source.secret", f"is missing, and {name} sends one", remedy)
            break
    if feed.provider.kind == NO_PROVIDER:
        problems.add("source.provider", "is none", "Only a history may be: name who has the points as they are now")
    if are_sound:
        _kept_without_one_of_both(feed, problems)
    calls = -(-len(feed.entities) // together) * 60 / feed.every if asks_live(feed) else 0
    if calls > feed.calls_per_minute:
        remedy = f"Raise it to {int(-(-calls // 1))} / minute if the provider's plan bears that, or have fewer entities"
        problems.add("source.rate_limit", f"{len(feed.entities)} entities every {feed.every} s need more", remedy)
    columns = {column.name for table in contract.tables if table.kind == "fact" for column in table.columns}
    if feed.canary and PROVENANCE not in columns:
        problems.add("source.canary", "no column tells what was repaired", "Add a column provenance to the fact")
    if feed.sample.points:
        _sample_can_be_taken(contract, feed, problems)


def _kept_without_one_of_both(feed: Feed, problems: Problems) -> None:
    """A feed of history alone has no observed points, one without history never fills a gap."""
    if not asks_live(feed):
        if feed.history.kind == NO_PROVIDER:
            problems.add("source.history", "nobody has the points, neither now nor later", "Describe a history call")
        if feed.canary:
            problems.add("source.canary", "a feed of history alone leaves no observed point out", "Leave it out")
        delay = history_delay(feed.history).total_seconds()
        if delay >= feed.complete_within:
            problem = "is over before history is published (delay), and there is no live call"
            problems.add("source.complete_within", problem, "Give it longer than delay")
    if feed.history.kind == NO_PROVIDER and (feed.sample.points or feed.canary):
        problems.add("source.history", "none can tell what a sample or a canary needs", "Leave both out")


def _sample_can_be_taken(contract: Contract, feed: Feed, problems: Problems) -> None:
    if not comparable(contract, feed):
        problems.add("source.sample", "no column of a fact is a number of the provider", "Leave the sample out")
    most = int(feed.history.settings.get("calls_per_minute", 0)) or feed.calls_per_minute
    if feed.sample.points > most:
        remedy = f"Ask for {most} at most: each of them is a call"
        problems.add("source.sample.points", f"{feed.sample.points} are more than a minute's calls", remedy)


def _rest_tells_what_is_taken(contract: Contract, feed: Feed, role: str, kind: str, problems: Problems) -> None:
    provider = feed.provider if role == "provider" else feed.history
    spec = read_spec(provider.settings)
    call = getattr(spec, kind)
    if call is None:
        problems.add(f"source.{role}.rest.{kind}", "is missing", f"Describe the {kind} call: path, records, fields")
        return
    unmet = unmet_by_live if kind == "live" else unmet_by_history
    for need in unmet(spec, call, feed):
        problems.add(f"source.{role}.rest.{need.place}", need.problem, need.remedy)
    for name in needed_fields(contract, feed, "live" if kind == "live" else "history"):
        if name not in call.fields:
            where = f"source.{role}.rest.{kind}.fields"
            problems.add(where, f"has no {name!r}, which a column takes", f"Say where {name!r} is in a record")

"""Tables without times of change, or with wrong ones, compared by keys: loaded, changed and emptied by audits alone."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.zoo import Cage, Zoo, starred, zoo

from auditor.services import Services

pytestmark = pytest.mark.database
KEYS = {"int": ("int", "int"), "uuid": ("uuid", "string"), "char(5)": ("char(5)", "string"), "inet": ("inet", "string")}


@dataclass(frozen=True)
class Timeless(Cage):
    """A cage without times of change; ``month`` partitions it by a time of its own."""

    month: str = ""

    @property
    def all_columns(self) -> dict[str, tuple[str, str]]:
        return dict(self.columns)

    def source(self) -> dict[str, Any]:
        columns = {name: kind for name, (_, kind) in self.columns.items()}
        return {"key": list(self.key), "changed_at": "none", "compare": "keys", "columns": columns}

    def fact(self) -> dict[str, Any]:
        columns = {starred(name): {"type": kind.rstrip("?"), "from": name} for name, (_, kind) in self.columns.items()}
        by = f"month({self.month})" if self.month else f"bucket({starred(self.key[0])}, 2)"
        if self.month:
            columns[self.month]["immutable"] = True  # type: ignore[assignment]
        return {
            "kind": "fact",
            "from": self.name,
            "grain": "one row per row of the source",
            "key": [*map(starred, self.key)],
            "version": ["checked_at"],
            "columns": columns | {"deleted_at": "timestamp", "checked_at": "timestamp"},
            "partition_by": by,
            "since": "2020-01-01",
        }


def rows_of(simulation: Zoo, name: str) -> Mapping[str, Any]:
    """The current rows of a fact by key, as JSON of the source's own."""
    rows = [row for row in simulation.lake.rows(f"fact_{name}") if row["deleted_at"] is None]
    return {str(row["id"]): (row["word"], row["amount"]) for row in rows}


def source_rows(simulation: Zoo, name: str) -> Mapping[str, Any]:
    shown = simulation.run(f"select row_to_json(t)::text, amount from {name} t")
    rows = [(json.loads(text), amount) for text, amount in shown]
    return {str(row["id"]): (row["word"], amount) for row, amount in rows}


@pytest.mark.parametrize(
    ("kind", "month"),
    [
        ("int", "ordered"),
        pytest.param("uuid", "", marks=pytest.mark.long),
        pytest.param("char(5)", "ordered", marks=pytest.mark.long),
        ("inet", ""),
    ],
)
def test_rows_come_change_and_go_by_audits_alone(kind: str, month: str) -> None:
    draw = random.Random(f"{kind} {month}")
    columns = {"id": KEYS[kind], "word": ("text", "string?"), "amount": ("numeric(12,3)", "decimal(12,3)")}
    columns |= {"ordered": ("timestamp not null", "timestamp")}
    keys = {"int": "{n}", "uuid": "md5('{n}')::uuid", "char(5)": "'k{n}'", "inet": "'10.0.0.0'::inet + {n}"}[kind]
    with zoo(Timeless("plain", columns, ("id",), month=month), timezone="Europe/Berlin") as simulation:

        def insert(number: int) -> None:
            at = f"timestamp '2026-{draw.randint(1, 11):02}-{draw.randint(1, 28):02} 23:30'"
            row = {"id": keys.format(n=number), "word": f"'w{number}'", "amount": f"{number}.125", "ordered": at}
            simulation.insert("plain", row)

        for number in range(1, 21):
            insert(number)
        simulation.extract()
        assert simulation.ingest_keys() == [], "no extraction holds them"
        for number in (21, 22):
            answers = simulation.heal()
            assert (answers["verify"]["healthy"], simulation.mail.sent) == (True, [])
            assert rows_of(simulation, "plain") == source_rows(simulation, "plain")
            assert simulation.audited() == []
            insert(number)
            simulation.run(f"update plain set amount = amount + 1 where id = {keys.format(n=draw.randint(1, 5))}")
            simulation.run(f"update plain set word = null where id = {keys.format(n=draw.randint(6, 10))}")
            simulation.run(f"delete from plain where id = {keys.format(n=draw.randint(11, 20))}")
        kinds = {finding.kind for finding in simulation.audited()}
        assert {"missing_row", "changed_row"} <= kinds <= {"missing_row", "changed_row", "deleted_row"}
        simulation.run("delete from plain")
        assert simulation.heal()["verify"]["healthy"]
        assert rows_of(simulation, "plain") == source_rows(simulation, "plain")
        assert simulation.verified() == []


def test_rows_that_change_while_they_are_audited_are_the_next_audits_and_no_alarm() -> None:
    columns = {"id": ("int", "int"), "word": ("text", "string?"), "amount": ("numeric(12,3)", "decimal(12,3)")}
    with zoo(Timeless("plain", columns, ("id",))) as simulation:
        for number in range(4):
            simulation.insert("plain", {"id": str(number), "word": "'a'", "amount": "1"})
        carry_out = simulation._carry_out

        def while_it_changes(job: Mapping[str, str], services: Services) -> None:
            carry_out(job, services)
            simulation.run("update plain set word = word || 'b' where id = 3")

        simulation._carry_out = while_it_changes  # type: ignore[method-assign]
        answers = simulation.heal()
        certified = answers["certify"]["certificates"]
        assert (answers["verify"]["healthy"], certified, simulation.mail.sent) == (True, 0, [])
        simulation._carry_out = carry_out  # type: ignore[method-assign]
        answers = simulation.heal()
        assert (answers["verify"]["healthy"], answers["certify"]["certificates"]) == (True, 1)
        assert rows_of(simulation, "plain") == source_rows(simulation, "plain")


def test_rows_without_a_key_or_a_month_are_named_where_no_column_tells_times() -> None:
    """Nothing but audits looks at such a table, and they passed over both."""
    columns = {"id": ("int", "int"), "ordered": ("timestamp", "timestamp?"), "word": ("text", "string?")}
    made = "create table words (id int, ordered timestamp, word text)"
    with zoo(Timeless("words", columns, ("id",), month="ordered", sql=(made,))) as animals:
        at = "timestamp '2026-11-10 12:00'"
        for key, ordered in (("1", at), ("null", at), ("3", "null"), ("4", "timestamp 'infinity'")):
            animals.insert("words", {"id": key, "ordered": ordered, "word": "'a'"})
        animals.heal(run="first")
        (unplaced,) = [each for each in animals.findings("first") if each.kind == "unplaced_row"]
        assert (unplaced.rows, sorted(unplaced.keys)) == (3, [(3,), (4,)])
        assert [row["id"] for row in animals.lake.rows("fact_words")] == [1]
        assert [each.kind for each in animals.audited()] == ["unplaced_row"]

"""Rows of a database are found again whatever their key is made of."""

from __future__ import annotations

import pytest
from tests.support.zoo import Cage, zoo
from tests.support.zoo_keys import FEW, KEYS, cage, check

pytestmark = pytest.mark.database
MOMENT = "'2026-11-10 12:00'::timestamp"


def test_a_deleted_a_changed_a_late_and_an_untouched_row_each_end_right_by_keys_of_every_type() -> None:
    """The worst types; ``make chaos`` takes all of them, with seeds of its own."""
    check(20261129, FEW)


def test_times_in_keys_are_of_the_sources_own_clock() -> None:
    check(7, ["timestamp", "date_as_timestamp"], timezone="America/New_York")


@pytest.mark.parametrize("kind", ["infinite4", "infinite8"])
def test_a_row_whose_key_is_minus_zero_is_the_row_of_zero_and_changes_as_others_do(kind: str) -> None:
    """PostgreSQL takes both zeros for one key, and shows the one that was written."""
    table = f"by_{kind}"
    with zoo(cage(kind)) as animals:
        row = {"k": f"'-0'::{KEYS[kind][0]}", "n": "1", "note": "'first'", "created_at": MOMENT, "changed_at": MOMENT}
        animals.insert(table, row)
        animals.extract()
        animals.heal(run="first")
        assert animals.findings("first") == []
        animals.run(f"update {table} set note = 'second', changed_at = changed_at + interval '1 second'")
        animals.heal(run="stale")
        assert [(finding.kind, finding.keys) for finding in animals.findings("stale")] == [("stale_row", (("0.0", 1),))]
        animals.run(f"update {table} set note = 'third', changed_at = 'infinity'")
        animals.heal(run="unplaced")
        assert {finding.kind for finding in animals.findings("unplaced")} <= {"stale_row", "unplaced_row"}
        animals.heal(run="again")
        latest = [row for row in animals.lake.rows(f"fact_{table}") if row["is_latest"]]
        assert [(row["note"], row["deleted_at"]) for row in latest] == [("third", None)]
        assert {finding.kind for finding in animals.findings("again")} <= {"unplaced_row"}


# PostgreSQL's type, the contract's, a value of both, and one that the contract's type does not have
UNFIT_KEYS = {
    "day": ("date", "date", "'2026-01-02'::date", "'infinity'::date"),
    "early_day": ("date", "date", "'2026-01-02'::date", "'0044-03-15 BC'::date"),
    "moment": ("timestamptz", "timestamp", "'2026-01-02'::timestamptz", "'-infinity'::timestamptz"),
    "wall": ("timestamp", "timestamp", "'2026-01-02'::timestamp", "'294276-12-31 23:59:59'::timestamp"),
    "last": ("timestamp", "timestamp", "'2026-01-02'::timestamp", "'9999-12-31 23:59:59'::timestamp"),  # by New York
    "nan": ("numeric(12,2)", "decimal(12,2)", "1.5", "'NaN'::numeric"),
    "fine": ("numeric", "decimal(12,2)", "1.5", "1.005"),
    "large": ("numeric", "decimal(38,9)", "1.5", "1e35"),
    "split": ("numeric", "bigint", "15", "2.5"),
    "wide": ("bigint", "int", "15", "5000000000"),
    "beyond": ("numeric", "double", "15", "1e400"),
}


def test_a_row_whose_key_is_no_value_of_the_contracts_type_is_refused_alone() -> None:
    """One such row ended the audits of all tables of its database."""
    names = [*UNFIT_KEYS]
    columns = {name: kinds[:2] for name, kinds in UNFIT_KEYS.items()}
    table = Cage("unfit", {"n": ("int", "int"), **columns, "note": ("text", "string?")}, ("n", *names))
    with zoo(table, timezone="America/New_York") as animals:
        for n, unfit in enumerate(["", *names]):
            key = {name: UNFIT_KEYS[name][3 if name == unfit else 2] for name in names}
            row = {"n": str(n), **key, "note": "'first'", "created_at": MOMENT, "changed_at": MOMENT}
            animals.insert("unfit", row)
        animals.extract()
        animals.heal(run="first")
        (missing,) = animals.findings("first")
        assert (missing.kind, sorted(key[0] for key in missing.keys)) == ("missing_row", [*range(1, len(names) + 1)])
        animals.run("update unfit set note = 'second' where n = 0")  # which its content's hash alone tells
        animals.heal(run="second")
        found = {finding.kind: [*finding.keys] for finding in animals.findings("second")}
        assert found["changed_row"] == [(0, "2026-01-02", "2026-01-02", *found["changed_row"][0][3:])]
        assert sorted(found["refused_row"]) == sorted(missing.keys)
        latest = [row for row in animals.lake.rows("fact_unfit") if row["is_latest"]]
        assert [(row["n"], row["note"]) for row in latest] == [(0, "second")]


# What makes the type, the type and the contract's, the key that is gone and one that stays; what the type becomes
OTHER_KEYS = {
    "mood": ("CREATE TYPE moods AS ENUM ('calm', 'wild')", "moods", "'wild'", "'calm'",
             "ALTER TYPE moods RENAME VALUE 'wild' TO 'mad'"),
    "code": ("CREATE DOMAIN codes AS text", "codes", "'old'", "'new'",
             "DELETE FROM code WHERE n = 0; ALTER DOMAIN codes ADD CHECK (value <> 'old')"),
}  # fmt: skip


def test_a_key_that_its_column_can_hold_no_more_is_of_a_deleted_row() -> None:
    """The server refuses to look for it, and with it the table was not compared any more."""
    cages = [
        Cage(name, {"k": (kind, "string"), "n": ("int", "int")}, ("k", "n"))
        for name, (_, kind, *_) in OTHER_KEYS.items()
    ]
    with zoo(*cages, extra=[made for made, *_ in OTHER_KEYS.values() if made]) as animals:
        for name, (_, _, gone, stays, _) in OTHER_KEYS.items():
            for n, key in enumerate((gone, stays)):
                animals.insert(name, {"k": key, "n": str(n), "created_at": MOMENT, "changed_at": MOMENT})
        animals.extract()
        animals.heal(run="first")
        for *_, change in OTHER_KEYS.values():
            animals.run(change)
        animals.heal(run="second")
        deleted = {(finding.kind, finding.table) for finding in animals.findings("second")}
        assert deleted == {*(("deleted_row", name) for name in OTHER_KEYS), ("missing_row", "mood")}
        assert animals.audited() == []
        assert animals.differences() == []

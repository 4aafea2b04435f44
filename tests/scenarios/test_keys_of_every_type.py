"""Rows of a database are found again whatever their key is made of."""

from __future__ import annotations

import pytest
from tests.support.zoo import zoo
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

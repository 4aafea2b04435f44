from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.extraction import ExtractionSandbox, LedgerSandbox, ledger_sandbox

from core.errors import InvalidData, UnknownTable
from ingestion.extract.repair import Repaired, extract_keys, repair

pytestmark = pytest.mark.database
CHECKED = datetime(2026, 11, 20, 15, tzinfo=UTC)
ROWS = "INSERT INTO ledger (id, note, last_updated) SELECT n, 'n' || n, '2026-11-20'::timestamp + n * interval '1 s'"


@pytest.fixture
def ledger() -> Iterator[LedgerSandbox]:
    with ledger_sandbox(rows_per_object=1_000) as (database, sandbox):
        database.run(f"{ROWS} FROM generate_series(1, 2500) AS n")
        yield database, sandbox


def lines(sandbox: ExtractionSandbox, key: str) -> list[dict[str, Any]]:
    stored = sandbox.objects.read(key)
    assert stored is not None
    return [json.loads(line) for line in gzip.decompress(stored.body).splitlines()]


def fetched(sandbox: ExtractionSandbox, table: str, keys: list[tuple[int]], name: str) -> Repaired:
    session, reading = sandbox.extraction.reading(table)
    return extract_keys(sandbox.extraction, session, reading, keys, checked_at=CHECKED, name=name)


def test_keys_are_fetched_again_as_they_are_now_beside_the_sequence(
    ledger: LedgerSandbox,
) -> None:
    database, sandbox = ledger
    sandbox.extract().raise_failures()
    state, sequence = dict(sandbox.parameters.values), sandbox.numbers()  # type: ignore[attr-defined]
    database.run("UPDATE ledger SET note = 'new' WHERE id = 7", "DELETE FROM ledger WHERE id = 8")
    done = fetched(sandbox, "ledger", [(7,), (8,), (9,)], "job-1")
    assert (done.rows, done.absent) == (2, ((8,),))
    [key] = done.objects
    assert key.startswith("repair/shop/ledger/job-1-")
    versions = {row["id"]: (row["note"], row["checked_at"]) for row in lines(sandbox, key)}
    assert versions == {7: ("new", "2026-11-20T15:00:00.000000Z"), 9: ("n9", "2026-11-20T15:00:00.000000Z")}
    assert (sandbox.parameters.values, sandbox.numbers()) == (state, sequence)  # type: ignore[attr-defined]


def test_the_same_again_makes_no_second_object(ledger: LedgerSandbox) -> None:
    _, sandbox = ledger
    asked = {"table": "ledger", "name": "job-1", "checked_at": "2026-11-20T15:00:00Z", "keys": [[1], [2]]}
    assert repair(sandbox.extraction, asked) == repair(sandbox.extraction, asked)
    assert len(sandbox.object_keys()) == 1


def test_many_keys_come_in_several_objects(ledger: LedgerSandbox) -> None:
    _, sandbox = ledger
    keys = [(n,) for n in range(1, 3_001)]
    done = fetched(sandbox, "ledger", keys, "job-1")
    assert (done.rows, len(done.objects), len(done.absent)) == (2500, 3, 500)
    assert {row["id"] for key in done.objects for row in lines(sandbox, key)} == set(range(1, 2501))


def test_an_interval_is_extracted_again(ledger: LedgerSandbox) -> None:
    _, sandbox = ledger
    asked = {"table": "ledger", "name": "hole", "checked_at": "2026-11-20T15:00:00Z"}
    done = repair(sandbox.extraction, asked | {"from": "2026-11-20T00:01:00Z", "to": "2026-11-20T00:02:00Z"})
    assert [row["id"] for row in lines(sandbox, done.objects[0])] == list(range(60, 120))
    assert done.summary() == {"objects": list(done.objects), "rows": 60, "absent": []}


def test_nothing_found_makes_no_object(ledger: LedgerSandbox) -> None:
    _, sandbox = ledger
    done = fetched(sandbox, "ledger", [(9999,)], "job-1")
    assert done.summary() == {"objects": [], "rows": 0, "absent": [[9999]]}
    assert sandbox.object_keys() == []


@pytest.mark.parametrize("asked", [{}, {"table": "ledger"}, {"table": "ledger", "name": "x", "checked_at": "soon"}])
def test_a_request_that_lacks_something_is_refused(ledger: LedgerSandbox, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidData, match="table, name, checked_at"):
        repair(ledger[1].extraction, asked)


def test_an_unknown_table_is_a_key_error(ledger: LedgerSandbox) -> None:
    with pytest.raises(KeyError) as caught:
        fetched(ledger[1], "nothing", [(1,)], "x")
    assert isinstance(caught.value, UnknownTable)

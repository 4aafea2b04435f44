"""A batch of ten objects, one of them poisoned: nine are committed, and of the tenth a human reads why not."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping

import pyarrow as pa
import pytest
from tests.support.lake import MemoryLake, landing
from tests.support.poison import BODIES, METADATA, POISONED_LINES, WHOLE, good, noted_contracts

from core.contract.model import Contracts, Table
from core.errors import OutOfReach, StarmendError
from processing import parse_object as parse_object_module
from processing.lines.blocks import KEPT_BYTES
from processing.lines.fast_lines import LEAST_LINES
from processing.plan import static_tables
from processing.process import process_messages

OBJECTS = 10


def key_of(number: int) -> str:
    return f"tables/sales/sales_order/{number:012d}.jsonl.gz"


def neighboured(line: bytes, number: int) -> bytes:
    """The line among others of its object that are good, of one form with it, and enough to be cut."""
    return b"".join(good(number * 1000 + at) for at in range(LEAST_LINES)) + line


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return noted_contracts()


@pytest.fixture
def lake(contracts: Contracts) -> MemoryLake:
    lake = MemoryLake(contracts)
    lake.services.ensured.update(table.name for table in static_tables(contracts))  # they have no part in this
    for number in range(1, OBJECTS + 1):
        lake.ingest.write(key_of(number), gzip.compress(good(number), 1))
    return lake


def process(lake: MemoryLake, poisoned: int) -> Exception | None:
    """The error of the poisoned object, if any; its neighbours have none, a receipt, and their rows in the fact."""
    keys = [key_of(number) for number in range(1, OBJECTS + 1)]
    errors = lake.process(*keys)
    assert errors.keys() <= {key_of(poisoned)}
    numbers = {row["sales_order_id"] for row in lake.rows("fact_sales_order")}
    for number in range(1, OBJECTS + 1):
        if number != poisoned:
            receipt = lake.receipt(key_of(number))
            assert (receipt["outcome"], receipt["rows_out"], receipt["rejected"]) == ("committed", 1, 0)
            assert number in numbers
    return errors.get(key_of(poisoned))


def is_told(error: Exception) -> bool:
    """Whether a human can understand the error: it says what failed, where, why, and what to do."""
    return isinstance(error, StarmendError) and bool(error.operation and error.place and error.problem and error.remedy)


@pytest.mark.parametrize("what", POISONED_LINES)
def test_a_poisoned_line_lies_in_quarantine_and_everything_else_in_the_warehouse(what: str, lake: MemoryLake) -> None:
    poisoned = random.Random(what).randint(1, OBJECTS)
    line = POISONED_LINES[what](poisoned)
    body = neighboured(line, poisoned) if len(what) % 2 else good(poisoned * 1000) + line
    lake.ingest.write(key_of(poisoned), gzip.compress(body, 1))
    assert process(lake, poisoned) is None
    receipt = lake.receipt(key_of(poisoned))
    (rejected,) = lake.quarantined(key_of(poisoned))
    assert (receipt["outcome"], receipt["rejected"]) == ("committed", 1)
    assert receipt["rows_out"] == receipt["accepted"] == receipt["lines_in"] - 1
    assert rejected["reason"]
    assert len(rejected["reason"]) < 300
    assert rejected["line"] == receipt["lines_in"]
    if rejected["encoding"] == "utf-8":
        assert rejected["content"].encode() == line.rstrip(b"\n")[:KEPT_BYTES]
    numbers = [row["sales_order_id"] for row in lake.rows("fact_sales_order")]
    assert numbers.count(poisoned * 1000) == 1
    assert len(numbers) == OBJECTS - 1 + receipt["accepted"]


@pytest.mark.parametrize("what", [*BODIES, *METADATA])
def test_nothing_of_a_poisoned_object_is_taken_and_its_receipt_says_why(what: str, lake: MemoryLake) -> None:
    poisoned = random.Random(what).randint(1, OBJECTS)
    lake.ingest.write(key_of(poisoned), BODIES.get(what, gzip.compress(WHOLE)), metadata=METADATA.get(what, {}))
    assert process(lake, poisoned) is None
    receipt = lake.receipt(key_of(poisoned))
    assert (receipt["outcome"], receipt["rows_out"], receipt["partitions"]) == ("halted", 0, [])
    assert receipt["lines_in"] == receipt["accepted"] + receipt["rejected"]
    assert receipt["reason"].partition(":")[0] in ("truncated", "corrupt", "altered")
    assert len(lake.rows("fact_sales_order")) == OBJECTS - 1


@pytest.mark.parametrize("error", [OutOfReach("open", "o", "no answer", "Retry it"), OSError("reset"), ValueError("?")])
@pytest.mark.parametrize("effect", ["open", "stat", "write"])
def test_an_object_whose_requests_fail_comes_again_alone(effect: str, error: Exception, lake: MemoryLake) -> None:
    poisoned = 4
    place = landing(key_of(poisoned))
    refused = {"open": place.key, "write": place.receipt_key, "stat": place.quarantine_key}
    store = lake.ingest if effect == "open" else lake.records
    store.fail = lambda made, key: error if made == effect and key == refused[made] else None
    lake.services.parameters.put(
        "/starmend/test/sales/sales_order/latest_object", "20"
    )  # so that receipts are looked for
    failure = process(lake, poisoned)
    assert failure is not None
    assert is_told(failure)
    store.fail = lambda _made, _key: None
    assert key_of(poisoned) not in lake.process(key_of(poisoned))
    assert len(lake.rows("fact_sales_order")) == OBJECTS


def test_an_object_that_cannot_be_committed_fails_alone(lake: MemoryLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever no check has seen: here a null in the key, which no Parquet object of the table can hold."""
    poisoned = 7
    real = parse_object_module.partition_rows

    def without_key(table: Table, rows: pa.Table) -> Mapping[str, pa.Table]:
        at = rows.schema.get_field_index("sales_order_id")
        if rows.column(at).to_pylist() == [poisoned]:
            rows = rows.set_column(at, rows.field(at), pa.nulls(1, rows.field(at).type))
        return real(table, rows)

    monkeypatch.setattr(parse_object_module, "partition_rows", without_key)
    error = process(lake, poisoned)
    assert error is not None
    assert is_told(error)
    assert lake.services.records.stat(landing(key_of(poisoned)).receipt_key) is None


@pytest.mark.parametrize(
    "message",
    [
        '{"objects": "text"}',
        '{"objects": [1]}',
        '{"objects": {}}',
        '{"Records": "text"}',
        '{"Records": [{}]}',
        "[]",
        "nonsense",
        pytest.param("[" * 100_000, id="deep"),
        json.dumps({"objects": ["tables/sales/nothing/000000000001.jsonl.gz"]}),
    ],
)
def test_a_message_that_is_not_understood_comes_again_alone(message: str, lake: MemoryLake) -> None:
    bodies = {str(number): json.dumps({"objects": [key_of(number)]}) for number in range(1, OBJECTS)}
    assert process_messages(bodies | {"poisoned": message}, lake.services) == ["poisoned"]
    assert len(lake.rows("fact_sales_order")) == OBJECTS - 1
    assert lake.log.about("message not understood") or lake.log.about("object failed")

"""Fields that no contract names are lost nowhere: what APIs answered beside what is taken, and foreign fields of lines.

The answers are those that the APIs' documents show or others recorded (``tests.support.recorded_answers``).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.feeds import TODAY
from tests.support.lake import MemoryLake, order, shipped_contracts
from tests.support.recorded_answers import RECORDED, Recorded
from tests.support.scripted_server import Answer, scripted_server
from tests.unit.ingestion.examples.test_recorded_answers import EXAMPLES, asked_records, contracts_of

from cli.suggesting import suggest_of_lines
from core.authoring.load import load
from core.contract.model import Contracts
from core.rendering.catalog import catalog_tables

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
ARRIVED = "feeds/{}/2026/11/20/14/1.gz"
OF_COLUMNS = ("coingecko", "open_meteo")  # arrays side by side: no record is there to be kept
WHOLE = [recorded for recorded in RECORDED if recorded.example not in OF_COLUMNS]


def keeping(example: str, folder: Path) -> Contracts:
    """The example, with each record kept whole in a column of its fact."""
    written = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text(encoding="utf-8"))
    for role in ("provider", "history"):
        for call in ("live", "history"):
            if call in written["source"][role].get("rest", {}):
                written["source"][role]["rest"][call]["fields"]["record"] = "@"
    [fact] = [table for table in written["warehouse"].values() if table["kind"] == "fact"]
    fact["columns"]["record"] = "json"
    (folder / f"{example}.yaml").write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    return load(folder, today=TODAY)


def parts(value: Any) -> Iterator[Any]:
    """Every value in a document, at any depth."""
    yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in inner:
        yield from parts(each)


def as_written(text: str | bytes) -> Any:
    """A document whose numbers are the characters that they were written with."""
    return json.loads(text, parse_float=str, parse_int=str)


@pytest.mark.parametrize("recorded", WHOLE, ids=lambda recorded: recorded.example)
def test_a_record_of_an_answer_is_kept_whole_to_its_last_digit_in_the_line_and_in_the_star(
    recorded: Recorded, tmp_path: Path
) -> None:
    contracts = contracts_of(recorded, keeping(recorded.example, tmp_path))
    with scripted_server(lambda _request: Answer("{}")) as server:
        outcome, lines = asked_records(recorded, recorded.body, server, contracts)
    assert (outcome.result, len(lines)) == ("answered", len(recorded.points))
    answered = list(parts(as_written(json.dumps(recorded.body))))
    records = [as_written(line)["record"] for line in lines]
    assert [record for record in records if record not in answered] == []
    source = contracts.dataset(recorded.example).source
    assert source is not None
    raw = catalog_tables(contracts)[f"raw_{source.tables[0].name}"]
    assert {"name": "record", "type": "string", "comment": ""} in raw["columns"]

    since = replace_since(contracts)
    lake = MemoryLake(since)
    key = lake.put(ARRIVED.format(recorded.example), lines)
    assert lake.process(key) == {}
    [fact] = [table for table in since.tables() if table.kind == "fact"]
    kept = [as_written(row["record"]) for row in lake.rows(fact.name)]
    assert sorted(map(str, kept)) == sorted(map(str, records))


def replace_since(contracts: Contracts) -> Contracts:
    """The contracts, their facts since long ago: recordings are older than the examples."""
    [contract] = contracts
    tables = tuple(replace(table, since="2010-01-01" if table.since else "") for table in contract.tables)
    return replace(contracts, contracts=(replace(contract, tables=tables),))


def test_what_a_record_has_beside_is_suggested_with_the_lines_that_take_it(tmp_path: Path) -> None:
    [recorded] = [recorded for recorded in RECORDED if recorded.example == "polygon"]
    contracts = contracts_of(recorded, keeping("polygon", tmp_path))
    with scripted_server(lambda _request: Answer("{}")) as server:
        _, lines = asked_records(recorded, recorded.body, server, contracts)
    lake = MemoryLake(contracts)
    lake.put(ARRIVED.format("polygon"), lines)
    told = [*suggest_of_lines(contracts, lake.ingest, now=NOW)]
    fields = {line for each in told if each.path == "source.history.rest.history.fields" for line in each.lines}
    assert fields == {"c: c", "h: h", "l: l", "v: v", "vw: vw"}  # o, n and t are taken
    columns = [line for each in told if each.path == "warehouse.fact_polygon.columns" for line in each.lines]
    assert 'vw: {type: "decimal(18,4)", from: vw}' in columns
    assert "v: {type: bigint, from: v}" in columns

    taken = yaml.safe_load((tmp_path / "polygon.yaml").read_text(encoding="utf-8"))
    for each in told:
        place = taken
        for name in each.path.split("."):
            place = place[name]
        place.update(yaml.safe_load("\n".join(each.lines)))
    (tmp_path / "polygon.yaml").write_text(yaml.safe_dump(taken, sort_keys=False), encoding="utf-8")
    with_all = contracts_of(recorded, load(tmp_path, today=TODAY))
    with scripted_server(lambda _request: Answer("{}")) as server:
        _, more = asked_records(recorded, recorded.body, server, with_all)
    assert [as_written(line)["vw"] for line in more] == ["74.6099", "74.7026"]
    assert [*suggest_of_lines(with_all, lake.ingest, now=NOW)] == []


def test_a_field_that_lines_have_and_no_contract_names_is_kept_and_suggested() -> None:
    contracts = shipped_contracts()
    lake = MemoryLake(contracts)
    key = lake.put_table("sales", "sales_order", 1, [order(1, rebate=1.25, tags=["a"]), order(2)])
    assert lake.process(key) == {}
    assert lake.receipt(key)["unknown_columns"] == ["rebate", "tags"]
    told = [*suggest_of_lines(contracts, lake.ingest, now=NOW, dataset="sales")]
    by_path: dict[str, list[str]] = {}
    for each in told:
        by_path.setdefault(each.path, []).extend(each.lines)
    assert by_path == {
        "source.tables.sales_order.columns": ["rebate: decimal(18,2)?", "tags: json?"],
        "warehouse.fact_sales_order.columns": [
            'rebate: {type: "decimal(18,2)", from: rebate}', "tags: {type: json, from: tags}",
        ],
    }  # fmt: skip
    assert told[0].reason == "1 of 2 lines have rebate, such as 1.25"
    stored = lake.ingest.read(key)
    assert stored is not None
    assert json.loads(gzip.decompress(stored.body).splitlines()[0])["rebate"] == 1.25


def test_every_line_is_in_the_catalog_whole_whatever_road_it_came_by() -> None:
    table = catalog_tables(shipped_contracts())["ingest_lines"]
    assert [column["name"] for column in table["columns"]] == ["line"]
    folders = table["projection"]["projection.folder.values"].split(",")
    assert {"feeds/quotes", "tables/sales/staff", "repair/sales/staff"} <= set(folders)
    assert (table["location"], table["template"], table["analysts"]) == ("", "${folder}/", False)

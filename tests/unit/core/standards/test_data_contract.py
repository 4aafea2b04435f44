"""Exports to the Open Data Contract Standard, held against its official JSON schema and against the contract."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest
from jsonschema import Draft201909Validator
from tests.support.exported import generated, written_by_hand

from core.contract.model import Contracts
from core.standards.data_contract import VERSION, data_contracts

SEED, CONTRACTS = 20261129, 40


@pytest.fixture(scope="module")
def official() -> Draft201909Validator:
    """The standard's own schema, of the version that our documents name."""
    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8"))
    assert VERSION in schema["properties"]["apiVersion"]["enum"]
    return Draft201909Validator(schema)


def faults_of(contracts: Contracts, official: Draft201909Validator) -> list[str]:
    """What the official schema, and references that lead nowhere, say against the documents."""
    faults = []
    documents = data_contracts(contracts)
    places = {
        f"{file}#/schema/{table['name']}/properties/{column['name']}"
        for file, document in documents.items()
        for table in document["schema"]
        for column in table["properties"]
    }
    for file, document in documents.items():
        faults += [f"{file}: {error.json_path}: {error.message}" for error in official.iter_errors(document)]
        for table in document["schema"]:
            for column in table["properties"]:
                for relation in column.get("relationships", ()):
                    parent, _, field = relation["to"].partition(".")
                    place = relation["to"] if "#" in relation["to"] else f"{file}#/schema/{parent}/properties/{field}"
                    faults += [] if place in places else [f"{file}: {relation['to']} leads nowhere"]
    return faults


@pytest.mark.parametrize("name", ["own", "examples", "stored"])
def test_contracts_of_the_project_fit_the_official_schema(name: str, official: Draft201909Validator) -> None:
    contracts = written_by_hand()[name]
    assert len(data_contracts(contracts)) >= 2
    assert faults_of(contracts, official) == []


def test_generated_contracts_fit_the_official_schema(tmp_path: Path, official: Draft201909Validator) -> None:
    accepted = list(generated(SEED, CONTRACTS, tmp_path))
    assert len(accepted) > CONTRACTS // 3
    assert {name: faults for name, contracts in accepted if (faults := faults_of(contracts, official))} == {}


def table_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(table for table in document["schema"] if table["name"] == name)


def column_of(table: dict[str, Any], name: str) -> dict[str, Any]:
    return next(column for column in table["properties"] if column["name"] == name)


def test_a_document_says_keys_types_rules_and_service_levels() -> None:
    documents = data_contracts(written_by_hand()["own"])
    assert set(documents) == {"quotes.odcs.yaml", "sales.odcs.yaml"}  # canaries promise nobody anything
    quotes = documents["quotes.odcs.yaml"]
    levels = {level["property"]: (level["value"], level["unit"]) for level in quotes["slaProperties"]}
    assert levels == {"latency": (2, "h"), "frequency": (1, "m")}
    fact = table_of(quotes, "fact_quote")
    assert fact["dataGranularityDescription"] == "one row per symbol and minute"
    assert fact["quality"][0]["arguments"] == {"properties": ["symbol", "minute"]}
    symbol, price, month = (column_of(fact, name) for name in ("symbol", "price", "month"))
    assert (symbol["primaryKeyPosition"], symbol["partitionKeyPosition"], symbol["required"]) == (1, 1, True)
    assert symbol["relationships"] == [{"type": "foreignKey", "to": "dim_symbol.symbol"}]
    assert (price["logicalType"], price["physicalType"]) == ("number", "decimal(18,6)")
    assert price["quality"][0]["query"] == 'select count(*) from "fact_quote" where not ("price" > 0)'
    assert (month["partitioned"], month["partitionKeyPosition"]) == (True, 2)
    values = column_of(fact, "provenance")["quality"][0]
    assert (values["metric"], values["arguments"]) == (
        "invalidValues",
        {"validValues": ["observed", "late", "repaired"]},
    )


def test_a_table_may_have_a_word_of_sql_for_its_name() -> None:
    contracts = written_by_hand()["own"]
    renamed = replace(contracts.table("fact_quote"), name="order")
    quotes = replace(contracts.dataset("quotes"), tables=(renamed, contracts.table("dim_symbol")))
    others = tuple(each for each in contracts if each.dataset == "sales")  # its dates are promised there
    document = data_contracts(replace(contracts, contracts=(quotes, *others)))["quotes.odcs.yaml"]
    query = column_of(table_of(document, "order"), "price")["quality"][0]["query"]
    assert duckdb.execute(f'with "order" as (select -1 as price) {query}').fetchall() == [(1,)]

"""Types of columns held against what becomes of their values: read by the engine, parsed by processing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.extraction import scratch_database, source_table

from core.contract.types import ColumnType, parse_type
from core.landing.ingest_objects import START
from core.sources.catalog import SourceType
from core.sources.fitting import fit, proposed
from core.time import parse_instant
from ingestion.engines.build import engine_named
from processing.lines.line_parser import LineParser, Unparsable

# PostgreSQL's type: values at the ends of what it holds. What no type of the contract holds is left out.
VALUES = {
    "smallint": ["-32768", "32767"],
    "int": ["-2147483648", "2147483647", "0"],
    "bigint": ["-9223372036854775808", "9223372036854775807", "1"],
    "numeric(4,0)": ["-9999", "9999"],
    "numeric(12,0)": ["-999999999999", "1"],
    "numeric(10,2)": ["-99999999.99", "99999999.99", "7"],
    "numeric(14,4)": ["9999999999.9999", "1.5"],
    "numeric(3,5)": ["0.00999", "0"],
    "numeric(3,-2)": ["99900", "0"],
    "numeric(38,10)": ["9999999999999999999999999999.0123456789", "1"],
    "numeric": ["1e40", "0.1234567890123", "3"],
    "money": ["'92233720368547758.07'", "'1'"],
    "real": ["0.1", "'3e38'", "1"],
    "float8": ["0.1", "'1e300'", "1"],
    "boolean": ["true", "false"],
    "text": ["'plain'", "'2026-11-20T12:00:00'", "'2026-11-20'", "'1'"],
    "varchar(9)": ["'x'", "'2026-11-2'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'"],
    "date": ["'2026-11-20'", "'0001-01-01'"],
    "timestamp": ["'2026-11-20 12:00:00.000001'"],
    "timestamptz": ["'2026-11-20 12:00:00.000001+02'"],
    "time": ["'12:34:56.789'"],
    "interval": ["'1 day'"],
    "jsonb": ["'{\"a\": 1}'", "'[1]'"],
    "int[]": ["'{1,2}'"],
}
CONTRACTS = [
    *("string", "json", "int", "bigint", "boolean", "date", "timestamp", "double"),
    *("decimal(4,0)", "decimal(10,2)", "decimal(19,0)", "decimal(14,4)", "decimal(38,10)", "decimal(5,5)"),
]


def accepted(lines: list[bytes], parser: LineParser) -> list[bool]:
    answers = []
    for line in lines:
        try:
            parser.read(parser.prepared(line), 1)
            answers.append(True)
        except Unparsable:
            answers.append(False)
    return answers


@pytest.mark.database
def test_whole_partly_and_never_are_what_the_engine_and_the_parser_make_of_the_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingestion.engines.postgresql.engine.refuse_other_columns", lambda *_, **__: None)
    engine, wrong = engine_named("postgresql"), []
    names = {f"t{number}": kind for number, kind in enumerate(VALUES)}
    create = [f"CREATE TABLE {name} (id int PRIMARY KEY, v {kind}, at timestamp)" for name, kind in names.items()]
    fill = [
        f"INSERT INTO {name} SELECT n, v::{kind}, '2026-11-20' FROM unnest(ARRAY[{', '.join(VALUES[kind])}]) "
        "WITH ORDINALITY AS given (v, n)"
        for name, kind in names.items()
    ]
    with scratch_database(*create, *fill) as database:
        session = database.session()
        tables = {table.name: table for table in engine.listed(session)}
        for name, kind in names.items():
            column = tables[name].column("v")
            assert column is not None
            for contract in CONTRACTS:
                table = source_table(name, key=["id"], id="int", v=f"{contract}?", at="timestamp")
                table = replace(table, changed_at="at")
                reading = engine.catalog(session, [table]).reading(table, timezone="UTC")
                batches = reading.lines_between(session, START, parse_instant("2026-11-21T00:00:00Z"), seconds=10)
                answers = accepted([line for batch in batches for line in batch], LineParser(table))
                expected = {"whole": all(answers), "never": not any(answers), "partly": True}
                verdict = fit(column.type, parse_type(contract))
                if not expected[verdict] or len(answers) != len(VALUES[kind]):
                    wrong.append(f"{kind} as {contract}: {verdict}, and the parser took {answers}")
            ours = proposed(column.type)
            if fit(column.type, ours) != "whole" and kind != "numeric":
                wrong.append(f"{kind}: {ours} is proposed, and holds it {fit(column.type, ours)}")
        session.close()
    assert wrong == []


def test_a_decimal_wider_than_any_of_the_contract_is_proposed_with_all_digits_that_there_are() -> None:
    assert proposed(SourceType("decimal", 50, 4)) == ColumnType("decimal", 38, 4)
    assert fit(SourceType("decimal", 50, 4), ColumnType("decimal", 38, 4)) == "partly"

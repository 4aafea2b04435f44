"""SQL, results and workgroups as Athena documents them, through awswrangler and boto3."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import awswrangler as wr
import boto3
import pandas as pd
import pytest
from botocore.exceptions import ClientError
from tests.unit.local.emulator.patches.athena.lake import (
    BUCKET,
    DATABASE,
    JSON,
    TEXT,
    WORKGROUP,
    declare,
    execute,
    put,
    query,
)

from aws.athena import Athena
from core.errors import InvalidData, TransientFailure

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("lake")]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("5 / 2", 2),
        ("-7 / 2", -3),
        ("(7 / 2) / 2 + 9 / 2 / 2", 3),
        ("cast(10 as decimal(10,2)) / 3 / 2", Decimal("1.67")),
        ("5 / 2.0e0", 2.5),
        ("cast(10 as decimal(10,2)) / 3", Decimal("3.33")),
        ("date_diff('minute', timestamp '2026-01-01 00:00:30', timestamp '2026-01-01 00:01:10')", 0),
        ("date_diff('day', date '2026-01-01', date '2026-01-05')", 4),
        ("element_at(sequence(date '2026-01-30', date '2026-02-02'), 3)", date(2026, 2, 1)),
        ("cast(element_at(sequence(date '2026-01-30', date '2026-02-02'), 3) as varchar)", "2026-02-01"),
        ("cast(timestamp '2026-01-01 10:11:12' as varchar)", "2026-01-01 10:11:12.000"),
        ("date_format(timestamp '2026-01-01 10:11:12', '%Y-%m-%d %H:%i')", "2026-01-01 10:11"),
        ("format_datetime(timestamp '2026-01-01 10:11:12', 'yyyy-MM')", "2026-01"),
        ("date_diff('hour', timestamp '2026-01-01 00:00:00', timestamp '2026-01-01 05:59:00') / 2", 2),
        ("day_of_week(date '2026-11-22')", 7),
        ('json_extract_scalar(\'{"a": {"b": "c"}}\', \'$.a.b\')', "c"),
        ("count_if(n > 1) as value from (values 1, 2, 3) as t(n)", 2),
        ("max_by(n, -n) as value from (values 1, 2, 3) as t(n)", 1),
    ],
)
def test_sql_means_what_it_means_in_athena(session, expression, expected):
    found = query(session, f"select {expression}" if " from " in expression else f"select {expression} as value")
    assert found["value"][0] == expected


def test_averages_of_decimals_are_decimals(session):
    found = query(session, "select avg(price) as mean, sum(price) / count(*) as quotient from quotes")
    assert found.to_dict("records") == [{"mean": Decimal("151.750001"), "quotient": Decimal("151.750001")}]


def test_missing_minutes_are_found_by_a_sequence_less_what_is_there(session):
    found = query(
        session,
        """
        with expected as (
            select symbol, m from (values 'AAPL', 'MSFT') as s(symbol)
            cross join unnest(sequence(timestamp '2026-11-20 14:30:00', timestamp '2026-11-20 14:31:00',
                                       interval '1' minute)) as t(m)
        )
        select symbol, m from expected except select symbol, date_trunc('minute', minute) from quotes order by 1
        """,
    )
    assert found.to_dict("records") == [
        {"symbol": "AAPL", "m": pd.Timestamp("2026-11-20 14:31")},
        {"symbol": "MSFT", "m": pd.Timestamp("2026-11-20 14:31")},
    ]


def test_text_is_not_compared_with_a_timestamp(session):
    with pytest.raises(wr.exceptions.QueryFailed, match="TYPE_MISMATCH"):
        query(session, "select * from quotes where minute > '2026-11-20'")


def test_a_table_that_is_not_in_the_catalog_is_named(session):
    with pytest.raises(wr.exceptions.QueryFailed, match=r"TABLE_NOT_FOUND: Table 'awsdatacatalog\.lake\.nowhere'"):
        query(session, "select * from nowhere")


def test_a_qualified_name_may_hold_the_catalog(session):
    assert query(session, f'select count(*) as n from "awsdatacatalog"."{DATABASE}"."quotes" as q')["n"][0] == 2


def test_columns_without_a_name_are_numbered(session):
    assert list(query(session, "select 1, n, n + 1 from (values 1) as t(n)").columns) == ["_col0", "n", "_col2"]


def test_results_lie_where_the_execution_says_with_every_value_quoted_and_null_as_nothing(session):
    execution = execute(session, "select 'a\"b' as t, cast(null as integer) as n, true as b", ResultConfiguration={
        "OutputLocation": f"s3://{BUCKET}/elsewhere/"})  # fmt: skip
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{BUCKET}/results/{execution['QueryExecutionId']}.csv"  # the workgroup enforces its own
    stored = session.client("s3").get_object(Bucket=BUCKET, Key=location.split("/", 3)[3])["Body"].read()
    assert stored == b'"t","n","b"\n"a""b",,"true"\n'


def test_named_and_positional_parameters_are_filled_in(session):
    named = query(session, "select count(*) as n from quotes where symbol = :symbol", params={"symbol": "AAPL"})
    assert named["n"][0] == 1
    positional = query(session, "select count(*) as n from quotes where symbol = ? and volume = ?",
                       params=["'AAPL'", "7"], paramstyle="qmark")  # fmt: skip
    assert positional["n"][0] == 1


def test_a_workgroup_limits_the_bytes_that_a_query_scans(session):
    limit = {
        "EnforceWorkGroupConfiguration": True,
        "BytesScannedCutoffPerQuery": 10_000_000,
        "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/r/"},
    }
    session.client("athena").create_work_group(Name="frugal", Configuration=limit)
    declare(session, "big", [("pad", "string")], serde=JSON, input_format=TEXT)
    line = json.dumps({"pad": "x" * 9_988}).encode() + b"\n"
    put(session, "warehouse/big/a.json", line * 1_001)
    with pytest.raises(wr.exceptions.QueryCancelled, match="Bytes scanned limit"):
        execute(session, "select count(*) from big", workgroup="frugal")
    with pytest.raises(InvalidData, match="Bytes scanned limit"):
        Athena("frugal", DATABASE).query("select count(*) from big")
    unlimited = execute(session, "select count(*) from big")
    assert unlimited["Statistics"]["DataScannedInBytes"] == 1_001 * len(line)


def test_an_unknown_workgroup_is_refused(session):
    with pytest.raises(ClientError, match="WorkGroup nobody is not found"):
        execute(session, "select 1", workgroup="nobody")


def test_the_adapter_reads_the_services_descriptions_once_however_often_it_asks(session, monkeypatch):
    sessions = []
    initialise = boto3.Session.__init__
    monkeypatch.setattr(boto3.Session, "__init__", lambda *given, **named: sessions.append(initialise(*given, **named)))
    athena = Athena(WORKGROUP, DATABASE)
    assert [athena.query(f"select {number} as n")["n"].tolist() for number in range(3)] == [[0], [1], [2]]
    assert len(sessions) == 1


def test_the_adapter_stops_what_takes_too_long_and_refuses_aloud_what_fails(session):
    many, few = "unnest(sequence(1, 9999)) as a(x)", "unnest(sequence(1, 9999)) as b(y)"
    every_pair = f"select count(*) from {many} cross join {few} where x <> y"  # half a second of work
    with pytest.raises(TransientFailure, match="took more than 0 s and was stopped"):
        Athena(WORKGROUP, DATABASE, seconds=0).query(every_pair)
    with pytest.raises(InvalidData, match="nowhere"):
        Athena(WORKGROUP, DATABASE).query("select x from nowhere")
    assert Athena(WORKGROUP, DATABASE).query("select 1 as one")["one"].tolist() == [1]

"""Answers of Athena in the simulated account: each query gets the next one, as a CSV in the results' bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import requests
from moto.athena.models import AthenaBackend
from tests.unit.cli.conftest import Account

ANSWERS = "http://motoapi.amazonaws.com/moto-api/static/athena/query-results"
Answer = Callable[[Sequence[tuple[str, str]], Sequence[Sequence[str | None]]], None]


@pytest.fixture
def answer(account: Account, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Lets the next query be answered with such rows; None is NULL."""
    location = {"OutputLocation": f"s3://{account.deployment.buckets['results']}/"}
    stock = AthenaBackend.start_query_execution

    def start(backend: Any, query: str, context: str, config: Any, *more: Any, **named: Any) -> str:
        """Puts results where the workgroup says, as AWS does and moto does not."""
        return stock(backend, query, context, config or dict(location), *more, **named)

    monkeypatch.setattr(AthenaBackend, "start_query_execution", start)
    account.client_of("athena").create_work_group(Name=account.deployment.workgroup, Configuration={})

    def give(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str | None]]) -> None:
        header = [{"Data": [{"VarCharValue": name} for name, _ in columns]}]
        body = [{"Data": [_cell(value) for value in row]} for row in rows]
        info = [{"Name": name, "Type": kind, "Precision": 38, "Scale": 2} for name, kind in columns]
        result = {"rows": header + body, "column_info": info}
        data = {"account_id": "123456789012", "region": account.deployment.region, "results": [result]}
        requests.post(ANSWERS, json=data, timeout=60).raise_for_status()

    return give


def _cell(value: str | None) -> dict[str, Any]:
    return {} if value is None else {"VarCharValue": value.replace('"', '""')}

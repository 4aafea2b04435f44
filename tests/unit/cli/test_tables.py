"""Tables of a deployment, listed, described and completed."""

from __future__ import annotations

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import REPOSITORY, Account
from tests.unit.cli.currencies import CURRENCY, currency

pytestmark = pytest.mark.usefixtures("dev")


def test_tables_and_their_views_are_listed(account: Account, starmend: Command) -> None:
    rows = {row["table"]: row for row in starmend("tables", "--json").data}
    assert (rows["fact_quote"]["kind"], rows["fact_quote"]["dataset"]) == ("fact", "quotes")
    assert (rows["fact_sales_order_now"]["kind"], rows["fact_sales_order_now"]["of"]) == ("view", "fact_sales_order")
    assert "fact_quote_hourly_complete" in rows
    text = starmend("tables")
    assert text.code == 0
    assert max(len(line) for line in text.out.splitlines()) <= 80


def test_a_table_is_described_column_by_column_and_so_is_its_view(account: Account, starmend: Command) -> None:
    described = starmend("describe", "fact_quote", "--json").data
    columns = {column["column"]: column for column in described["columns"]}
    assert (described["kind"], described["key"]) == ("fact", ["symbol", "minute"])
    assert (columns["minute"]["type"], columns["minute"]["key"]) == ("timestamp", True)
    assert "partitions: symbol, month (month of minute)" in starmend("describe", "fact_quote").out
    assert "view of sales" in starmend("describe", "fact_sales_order_now").out


def test_a_table_that_is_not_there_is_misuse_and_names_the_nearest(account: Account, starmend: Command) -> None:
    said = starmend("describe", "fact_quotes")
    assert (said.code, "'fact_quote'" in said.err) == (2, True)


def completed(starmend: Command, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What bash would offer after these words."""
    monkeypatch.setenv("_STARMEND_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(("starmend", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    said = starmend()
    assert said.err == ""
    return said.out.split()


def test_a_shell_completes_datasets_tables_and_partitions(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.put(CURRENCY.format(1), [currency(1)])
    assert starmend("replay", CURRENCY.format(1)).code == 0
    for key in ("symbol=AAPL/month=2026-10", "symbol=AAPL/month=2026-11", "symbol=ZM/month=2026-11"):
        place = f"warehouse/fact_quote/{key}/symlink.txt"
        account.client_of("s3").put_object(Bucket=account.deployment.warehouse_bucket, Key=place, Body=b"s3://")
    assert completed(starmend, monkeypatch, "ver") == ["verify"]
    assert completed(starmend, monkeypatch, "audit", "--dataset", "sal") == ["sales", "sales_canary"]
    assert completed(starmend, monkeypatch, "describe", "dim_c") == ["dim_currency", "dim_counterparty"]
    assert completed(starmend, monkeypatch, "quarantine", "list", "--dataset", "sales", "--table", "curr") == [
        "currency"
    ]
    assert completed(starmend, monkeypatch, "rollback", "fact_quote", "symbol=A") == [
        "symbol=AAPL/month=2026-10",
        "symbol=AAPL/month=2026-11",
    ]
    assert completed(starmend, monkeypatch, "rebuild", "nothing", "--partition", "") == []


def test_without_a_deployment_names_are_those_of_the_contracts_here(
    starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARMEND_DEPLOYMENT", "local")
    assert completed(starmend, monkeypatch, "describe", "dim_c") == []
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr("deploy.folders.build_folder", lambda: REPOSITORY / "nowhere")
    assert completed(starmend, monkeypatch, "describe", "dim_c") == ["dim_currency", "dim_counterparty"]

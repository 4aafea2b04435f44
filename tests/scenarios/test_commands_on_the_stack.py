"""The commands that look at a deployment and ask it, given against the shared stack where nothing was built."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.support.commands import Command

from core.errors import OutOfReach
from local.invoking import await_receipts, invoke, query_rows
from local.provisioning import Plan
from local.stack import Stack, is_up

pytestmark = pytest.mark.stack
CONTRACTS = str(Path(__file__).parents[2] / "contracts")


@pytest.fixture
def extracted(stack: Stack) -> Stack:
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, "tables/")
    return stack


def test_status_shows_source_and_warehouse_side_by_side(extracted: Stack, starmend: Command) -> None:
    said = starmend("status", "--progress", "--json")
    assert (said.code, said.data["complete"]) in ((0, True), (1, False)), said.err
    assert {"sales", "quotes", "canary", "sales_canary"} == {each["dataset"] for each in said.data["datasets"]}
    tables = {line["table"]: line for line in said.data["progress"] if line["dataset"] == "sales"}
    assert {"sales_order", "staff"} <= set(tables)
    assert tables["currency"]["source_rows"] == tables["currency"]["warehouse_rows"]
    assert tables["currency"]["last_id"] >= 1


def test_a_query_is_answered_in_json_and_a_bad_one_on_one_line(extracted: Stack, starmend: Command) -> None:
    said = starmend("query", "select count(*) as n from dim_currency", "--json")
    assert said.data[0]["n"] > 0
    bad = starmend("query", "select nothing from nowhere")
    assert (bad.code, len([line for line in bad.err.splitlines() if "query Athena" in line])) == (3, 1)


def test_an_object_is_replayed_and_a_table_rebuilt_without_a_change(extracted: Stack, starmend: Command) -> None:
    replayed = starmend("replay", "tables/sales/currency/", "--json")
    assert (replayed.code, replayed.data["committed"], replayed.data["failed"]) == (0, 0, 0)
    rebuilt = starmend("rebuild", "dim_currency", "--json")
    assert rebuilt.code == 0
    assert not any(table["changed"] for table in rebuilt.data)


def test_a_fact_is_rebuilt_at_scale_without_a_change_and_a_finished_run_is_not_done_again(
    extracted: Stack, starmend: Command
) -> None:
    rebuilt = starmend("rebuild", "fact_sales_order", "--at-scale", "--json")
    assert rebuilt.code == 0, rebuilt.err
    assert rebuilt.data["jobs"] >= 1
    assert rebuilt.data["left"] == []
    again = starmend("rebuild", "fact_sales_order", "--resume", rebuilt.data["run"], "--json")
    assert (again.code, again.data) == (0, rebuilt.data)


def test_replays_audits_and_proofs_at_scale_say_what_those_of_one_process_say(
    extracted: Stack, starmend: Command
) -> None:
    here = starmend("replay", "tables/sales/", "--json")
    replayed = starmend("replay", "tables/sales/", "--at-scale", "--json")
    assert (replayed.code, replayed.data["left"]) == (0, []), replayed.err
    assert replayed.data["processed"]["objects"] == here.data["objects"]
    assert replayed.data["processed"]["failed"] == 0
    now = dt.datetime.now(dt.UTC)
    days = [f"{now + dt.timedelta(days=days):%Y-%m-%d}" for days in (-2, 1)]
    asked = ("--dataset", "sales", "--from", days[0], "--to", days[1], "--json")
    proven, shares = starmend("verify", *asked), starmend("verify", *asked, "--at-scale")
    assert (shares.code, shares.data["left"]) == (proven.code, []), shares.err
    assert shares.data["verified"][0]["windows"] == proven.data["verified"][0]["windows"]
    audited = starmend("audit", *asked, "--at-scale")  # what it finds is as old as the last scenario
    assert (audited.code in (0, 1), audited.data["left"]) == (True, []), audited.err
    assert audited.data["audits"][0]["dataset"] == "sales"


def test_the_page_is_drawn(extracted: Stack, starmend: Command, tmp_path: Path) -> None:
    drawn = starmend("report", "--output", str(tmp_path / "page.html"), "--json")
    assert drawn.code in (0, 1), drawn.err  # 1: it shows what other scenarios left to be healed
    assert "fact_sales_order" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_stack_s_market_lets_its_key_ask_everything(stack: Stack, starmend: Command) -> None:
    said = starmend("contract", "check", "--live", "--contracts", CONTRACTS, "--json")
    asked = [line["fine"] for line in said.data["live"]]  # a quote and a history of each feed that is promised
    assert (said.code, len(asked) >= 2, set(asked)) == (0, True, {True})


def test_a_row_and_its_object_tell_their_stories(extracted: Stack, starmend: Command) -> None:
    told = starmend("why", "dim_currency", "currency_id=1", "--json")
    assert (told.code, told.data["verdict"]) == (0, "extracted"), told.err
    arrived = [event["object"] for event in told.data["events"] if event["what"] == "arrived"]
    assert arrived[0].startswith("tables/sales/currency/")
    traced = starmend("trace", arrived[0], "--json")
    assert traced.code == 0
    places = {place["partition"]: place["object"] for place in traced.data["subject"]["partitions"]}
    assert starmend("trace", places["_current/currency"], "--json").data["verdict"] in ("current", "replaced")
    unknown = starmend("why", "fact_sales_order", "sales_order_id=99999999", "--json")
    assert unknown.data["sentence"].endswith("is neither in the warehouse nor in the source"), unknown.data


def test_an_audit_is_in_the_journal_and_a_pause_in_the_status_until_it_ends(stack: Stack, starmend: Command) -> None:
    paused = starmend("pause", "canary", "--reason", "a test", "--json")
    assert (paused.code, paused.data["paused"]) == (0, True), paused.err
    try:
        (canary,) = [each for each in starmend("status", "--json").data["datasets"] if each["dataset"] == "canary"]
        assert canary["paused"].startswith("paused since ")
        assert invoke(stack.deployment, "conclude", {"dataset": "canary", "run": "journal-1"})["sent"] == []
    finally:
        assert starmend("resume", "canary").code == 0
    entries = starmend("audits", "list", "--dataset", "canary", "--json").data
    assert "journal-1" in {entry["run"] for entry in entries}


def test_a_second_start_touches_nothing_of_the_stack_that_runs(extracted: Stack) -> None:
    files = {path.name for path in extracted.folder.iterdir()}
    with pytest.raises(OutOfReach, match=r"one runs there already: .*starmend up"):
        Stack.up(extracted.folder.parent, Plan())
    assert {path.name for path in extracted.folder.iterdir()} >= files
    assert is_up(extracted.folder.parent)
    extracted.database.connect().close()
    assert query_rows(extracted.deployment, "select 1 as alive") == [{"alive": 1}]


def test_a_table_is_extracted_again_whole_and_reset_and_nothing_changes(extracted: Stack, starmend: Command) -> None:
    count = "select count(*) as n, sum(design_id) as s from dim_design"
    before = starmend("query", count, "--json").data
    one = ("--dataset", "sales", "--table", "design")
    again = starmend("extract", *one, "--full", "--json")
    assert (again.code, again.data[0]["outcome"], again.data[0]["rows"]) == (0, "extracted again", before[0]["n"])
    await_receipts(extracted.deployment, "repair/sales/design/")
    assert starmend("process", *one, "--json").data["objects"] == 0
    reset = starmend("reset", "design", "--dataset", "sales", "--yes", "--json")
    assert reset.data["number"] == reset.data["objects"] >= 1
    after = starmend("extract", *one, "--json")
    assert (after.code, after.data[0]["outcome"]) == (0, "unchanged")
    assert starmend("query", count, "--json").data == before

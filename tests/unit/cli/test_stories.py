"""``why`` and ``trace``, with the audits, silences and pauses that their stories speak of, on a simulated account."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account
from tests.unit.cli.currencies import CURRENCY, currency

from auditor.evidence.journal import Entry
from auditor.interventions.silences import Silence
from auditor.repairs.cause_memory import cause_key
from auditor.repairs.causes import Cause
from aws.deployment import DESCRIPTION
from core.errors import TransientFailure
from core.time import format_second

pytestmark = pytest.mark.usefixtures("dev")
NOW = dt.datetime.now(dt.UTC)
Put = Callable[[str, object], None]


@pytest.fixture
def put(account: Account) -> Put:
    def write(key: str, data: object) -> None:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        account.client_of("s3").put_object(Bucket=account.deployment.warehouse_bucket, Key=key, Body=body)

    return write


@pytest.fixture
def alarmed(put: Put) -> None:
    """Quotes have an open alarm."""
    cause = Cause("limited", "quotes", 60, entities=("AAPL",), attempts=2).to_data()
    put(cause_key("quotes", "limited"), {"open": True, "since": format_second(NOW), "run": "run-1", "cause": cause})


def test_why_and_trace_tell_of_a_row_and_its_object(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1), b'{"currency_id": 2, "currency_code": null}'])
    assert starmend("replay", CURRENCY.format(1)).code == 1
    said = starmend("why", "dim_currency", "currency_id=1", "--json")
    assert (said.code, said.data["verdict"]) == (0, "extracted")
    assert [event["what"] for event in said.data["events"]] == ["changed", "arrived", "processed", "stored"]
    refused = starmend("why", "dim_currency", "currency_id=2", "--json")
    assert (refused.code, refused.data["verdict"]) == (1, "quarantined")
    traced = starmend("trace", CURRENCY.format(1), "--json")
    assert (traced.code, traced.data["verdict"]) == (0, "processed")
    assert "1 line of it was refused" in traced.data["sentence"]
    assert starmend("trace", traced.data["subject"]["partitions"][0]["object"]).code == 0
    for given in (["why", "dim_currency"], ["why", "dim_currency", "1"], ["why", "none", "a=1"], ["trace", "x"]):
        assert starmend(*given).code == 2, given
    assert starmend("why", "fact_quote", "--entity", "AAPL", "--at", "2026-11-20T15:03").code == 1


def test_an_acknowledged_and_a_silenced_alarm_is_shown_with_who_did_it(
    alarmed: None, account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    acked = starmend("alarms", "ack", "limited", "--reason", "known", "--json")
    assert (acked.code, acked.data["dataset"], acked.data["until"]) == (0, "quotes", "")
    assert acked.data["by"]
    assert "CloudWatch's own alarms" in acked.data["silences"]
    listed = starmend("alarms", "list", "--json")
    assert listed.code == 1
    assert listed.data[0]["silence"].startswith("acknowledged, silent until it is over, by ")
    assert starmend("alarms", "ack", "limited", "--end").code == 0
    assert starmend("alarms", "list", "--json").data[0]["silence"] is None
    silenced = starmend("alarms", "silence", "limited", "--for", "4h")
    assert silenced.code == 0
    assert "quotes/limited is silenced until" in silenced.out
    monkeypatch.setattr("cli.status._freshness", lambda _: [])
    status = starmend("status")
    assert "1 alarm of quotes (limited, silenced)" in status.out
    assert "limited is silenced until" in status.out
    assert starmend("status", "--json").data["datasets"][0]["silences"].keys() <= {"limited"}
    for given in (
        ("silence", "limited"), ("silence", "limited", "--for", "40d"), ("silence", "limited", "--for", "soon"),
        ("silence", "limits", "--for", "1h"), ("silence", "broken", "--for", "1h"), ("ack", "broken"),
        ("ack", "broken", "--dataset", "sales", "--end"),
    ):  # fmt: skip
        assert starmend("alarms", *given).code == 2, given
    assert starmend("alarms", "silence", "broken", "--dataset", "quotes", "--for", "30m").code == 0


def test_a_silence_that_is_over_or_of_a_later_release_is_none(put: Put, alarmed: None, starmend: Command) -> None:
    over = Silence("quotes", "limited", "2026-11-01T00:00:00Z", "alice", "2026-11-02T00:00:00Z")
    put(over.key, over.to_data() | {"a_new_field": 1})
    put("audit/silences/quotes/broken.json", b"no json")
    assert starmend("alarms", "list", "--json").data[0]["silence"] is None


def test_a_pause_switches_schedules_off_and_a_resume_those_alone_on_again(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.status._freshness", lambda _: [])
    client = account.client_of("scheduler")
    client.create_schedule_group(Name="starmend-dev")
    target = {"Arn": "arn:aws:lambda:x", "RoleArn": "arn:aws:iam::123456789012:role/x", "Input": '{"dataset":"quotes"}'}
    for name in ("request-quotes", "extract-sales", "audit-quotes"):
        client.create_schedule(
            Name=name, GroupName="starmend-dev", ScheduleExpression="cron(* * * * ? *)", Target=target,
            FlexibleTimeWindow={"Mode": "OFF"}, State="ENABLED", Description="d",
        )  # fmt: skip

    def state(name: str) -> tuple[str, str]:
        schedule = client.get_schedule(GroupName="starmend-dev", Name=name)
        return schedule["State"], schedule["Target"]["Input"]

    paused = starmend("pause", "quotes", "--reason", "move", "--json")
    assert (paused.code, paused.data["paused"], paused.data["switched"]) == (0, True, ["request-quotes"])
    assert state("request-quotes") == ("DISABLED", '{"dataset":"quotes"}')
    assert {state(name)[0] for name in ("extract-sales", "audit-quotes")} == {"ENABLED"}
    assert starmend("pause", "quotes", "--json").data["since"] == paused.data["since"]
    status = starmend("status")
    assert "quotes is paused since" in status.out
    assert "paused, and owing nothing new: quotes" in status.out
    assert starmend("status", "--json").data["datasets"][-1].keys() >= {"paused"}
    resumed = starmend("resume", "quotes", "--json")
    assert (resumed.data["paused"], resumed.data["switched"]) == (False, ["request-quotes"])
    assert state("request-quotes")[0] == "ENABLED"
    client.update_schedule(
        Name="extract-sales", GroupName="starmend-dev", ScheduleExpression="rate(5 minutes)", Target=target,
        FlexibleTimeWindow={"Mode": "OFF"}, State="DISABLED",
    )  # fmt: skip
    assert starmend("pause", "sales").code == 0
    assert "no schedule was switched" in starmend("resume", "sales").out
    assert state("extract-sales")[0] == "DISABLED"
    assert starmend("resume", "quotes").code == 2
    assert starmend("pause", "nothing").code == 2


@pytest.mark.parametrize(("enabled", "state"), [(True, "ENABLED"), (False, "DISABLED")])
def test_a_resume_goes_by_what_the_deployment_says_of_schedules(
    account: Account, starmend: Command, enabled: bool, state: str
) -> None:
    scheduler, s3 = account.client_of("scheduler"), account.client_of("s3")
    scheduler.create_schedule_group(Name="starmend-dev")
    scheduler.create_schedule(
        Name="request-quotes", GroupName="starmend-dev", ScheduleExpression="cron(* * * * ? *)",
        Target={"Arn": "arn:aws:lambda:x", "RoleArn": "arn:aws:iam::123456789012:role/x"},
        FlexibleTimeWindow={"Mode": "OFF"}, State="DISABLED" if enabled else "ENABLED",
    )  # fmt: skip
    assert starmend("pause", "quotes").code == 0
    place = {"Bucket": account.deployment.buckets["code"], "Key": DESCRIPTION}
    description = json.loads(s3.get_object(**place)["Body"].read()) | {"schedules_enabled": enabled}
    s3.put_object(**place, Body=json.dumps(description).encode())  # a deploy meanwhile
    resumed = starmend("resume", "quotes")
    assert (resumed.code, "schedules_enabled is off" in resumed.err) == (0, not enabled)
    assert scheduler.get_schedule(GroupName="starmend-dev", Name="request-quotes")["State"] == state


def test_a_pause_that_ends_half_way_leaves_no_schedule_off_for_ever(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = account.client_of("scheduler")
    client.create_schedule_group(Name="starmend-dev")
    client.create_schedule(
        Name="request-quotes", GroupName="starmend-dev", ScheduleExpression="cron(* * * * ? *)", State="ENABLED",
        Target={"Arn": "arn:aws:lambda:x", "RoleArn": "arn:aws:iam::123456789012:role/x"},
        FlexibleTimeWindow={"Mode": "OFF"},
    )  # fmt: skip

    def unreachable(*_: object, **__: object) -> None:
        raise TransientFailure("write pauses", "audit/pauses/quotes.json", "no answer", "Again")

    for place in ("auditor.interventions.switching.change_pauses", "aws.schedules.Schedules.switch"):
        with monkeypatch.context() as broken:
            broken.setattr(place, unreachable)
            assert starmend("pause", "quotes").code != 0
    assert starmend("pause", "quotes").code == 0
    assert client.get_schedule(GroupName="starmend-dev", Name="request-quotes")["State"] == "DISABLED"
    assert starmend("resume", "quotes").code == 0
    assert client.get_schedule(GroupName="starmend-dev", Name="request-quotes")["State"] == "ENABLED"


def test_audits_are_listed_by_the_journal_and_shown_by_their_files(put: Put, starmend: Command) -> None:
    assert starmend("audits", "list").out == "no audit ended in that time\n"
    well = Entry(
        "quotes", "run-1", format_second(NOW - dt.timedelta(hours=1)), windows=3, findings={"missing_point": 4}
    )
    failed = Entry("sales", "run-2", format_second(NOW - dt.timedelta(hours=2)), error="TransientFailure: gone")
    for entry in (well, failed):
        put(entry.key, entry.to_json())
    listed = starmend("audits", "list", "--json")
    assert (listed.code, [entry["run"] for entry in listed.data]) == (1, ["run-1", "run-2"])
    assert starmend("audits", "list", "--dataset", "quotes").code == 0
    assert "failed: TransientFailure: gone" in starmend("audits", "list").out.replace("\n", " ")
    put("audit/runs/run-1/order.json", {"dataset": "quotes", "scheduled": True})
    cause = Cause("limited", "quotes", 60).to_data()
    put("audit/runs/run-1/judgement.json", {"causes": [cause], "healing": 0, "alarmed": 60})
    shown = starmend("audits", "show", "run", "--json")
    assert (shown.code, shown.data["dataset"], shown.data["causes"][0]["alarm"]) == (1, "quotes", "limited")
    assert starmend("audits", "show", "run-1").code == 1
    put("audit/runs/run-2/order.json", {"dataset": "sales"})
    assert starmend("audits", "show", "run").code == 2
    failure = starmend("audits", "show", "run-2", "--json")
    assert (failure.code, failure.data["error"]) == (1, "TransientFailure: gone"), "it failed before it left anything"
    assert "failed: TransientFailure: gone" in starmend("audits", "show", "run-2").out.replace("\n", " ")
    assert starmend("audits", "show", "nothing").code == 2
    assert starmend("audits", "list", "--from", "2026-11-02", "--to", "2026-11-01").code == 2


@pytest.mark.parametrize(
    ("newer", "code"),
    [({}, 0), ({"left": {"missing_point": 2}}, 0), ({"causes": ("limited",)}, 1), ({"error": "x"}, 1)],
)
def test_audits_are_amiss_where_the_last_of_a_dataset_failed_or_left_an_alarm(
    put: Put, starmend: Command, newer: dict[str, Any], code: int
) -> None:
    older = Entry("quotes", "run-1", format_second(NOW - dt.timedelta(hours=3)), error="gone", causes=("limited",))
    last = Entry("quotes", "run-2", format_second(NOW - dt.timedelta(hours=1)), **newer)
    for entry in (older, last):
        put(entry.key, entry.to_json())
    assert starmend("audits", "list").code == code
    assert starmend("audits", "list", "--json", "--limit", "1").code == code

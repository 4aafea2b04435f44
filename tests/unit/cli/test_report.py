"""``starmend report`` as somebody at a terminal gives it, on a simulated account."""

from __future__ import annotations

import datetime as dt
import webbrowser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import botocore.credentials
import botocore.session
import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from auditor.page.publish import KEY
from cli.output import FAILURE, FINE, USAGE


def test_a_page_is_written_of_a_deployment_that_has_nothing_yet(account: Account, starmend: Command) -> None:
    said = starmend("report", "--env", "dev", "--output", "pages/today.html", "--json")
    assert said.code == 1, "points are owed, and nothing has arrived"
    assert said.data["page"] == "pages/today.html"
    assert said.data["deployment"] == "starmend/dev"
    assert {one["verdict"] for one in said.data["feeds"]} <= {"empty"}
    assert "starmend / dev" in Path("pages/today.html").read_text(encoding="utf-8")
    assert [one.name for one in Path("pages").iterdir()] == ["today.html"]


def test_a_range_that_ends_before_it_begins_is_misuse(account: Account, starmend: Command) -> None:
    said = starmend("report", "--env", "dev", "--from", "2026-11-20", "--to", "2026-11-18")
    assert said.code == USAGE
    assert "ends before it begins" in said.err


def test_the_page_is_opened_where_somebody_asks_for_it(
    account: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert starmend("report", "--env", "dev", "--output", "today.html", "--open").code == 1
    assert opened == [Path("today.html").resolve().as_uri()]


@pytest.fixture
def kept(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A deployment that has written its page; the credentials are those that never end."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    account.client_of("s3").put_object(Bucket=account.deployment.warehouse_bucket, Key=KEY, Body=b"<!DOCTYPE html>")
    return account


def test_a_link_to_the_page_is_signed_and_lives_for_a_week_at_most(kept: Account, starmend: Command) -> None:
    said = starmend("report", "--link", "--env", "dev")
    assert said.code == FINE
    address = urlsplit(said.out.strip())
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.path.endswith(f"/{KEY}")
    assert asked["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert 604_700 < int(asked["X-Amz-Expires"]) <= 604_800
    assert "session" not in said.err


def test_a_link_that_a_session_signs_ends_with_it_and_says_so(
    kept: Account, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-session")
    data = starmend("report", "--link", "--env", "dev", "--json").data
    assert data["ends_with_session"] is True
    assert "X-Amz-Security-Token=of-a-session" in data["link"]
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)
    of_a_role = botocore.credentials.RefreshableCredentials(
        "ASIAEXAMPLE", "none", "of-a-session", ends, refresh_using=dict, method="assume-role"
    )
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _: of_a_role)
    data = starmend("report", "--link", "--env", "dev", "--json").data
    assert dt.datetime.fromisoformat(data["until"]) == ends.replace(microsecond=0)
    (expires,) = parse_qs(urlsplit(data["link"]).query)["X-Amz-Expires"]
    assert 0 < int(expires) <= 3 * 3600


def test_before_the_deployment_has_written_a_page_there_is_none_to_link(account: Account, starmend: Command) -> None:
    said = starmend("report", "--link", "--env", "dev")
    assert said.code == FAILURE
    assert "starmend report --open" in said.err

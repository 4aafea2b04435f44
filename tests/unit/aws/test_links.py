"""Signed links say no later end than that of the credentials which sign them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from moto import mock_aws

from aws.links import LONGEST, signed_link

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
SETTINGS = """\
[profile person]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = example
[profile operator]
role_arn = arn:aws:iam::111122223333:role/operator
source_profile = person
"""


@pytest.mark.parametrize(("profile", "longest"), [("operator", dt.timedelta(hours=1)), ("person", LONGEST)])
def test_a_link_of_a_profiles_role_ends_with_the_roles_session(
    profile: str, longest: dt.timedelta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(SETTINGS)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", profile)
    now = dt.datetime.now(dt.UTC)
    with mock_aws(config={"core": {"mock_credentials": False}}):
        link = signed_link(boto3.session.Session().client("s3"), "warehouse", "page/report.html", now=now)
    assert link.session == (profile == "operator")
    assert abs(link.until - now - longest) < dt.timedelta(minutes=10)
    seconds = int(parse_qs(urlsplit(link.url).query)["X-Amz-Expires"][0])
    assert seconds == int((link.until - now).total_seconds())

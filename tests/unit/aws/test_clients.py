"""Clients of one deployment, in a process whose environment may be pointed at another one meanwhile."""

from __future__ import annotations

import pytest

from aws.clients import Clients

HERE, ELSEWHERE = "http://127.0.0.1:1001", "http://127.0.0.1:1002"
SERVICES = ("s3", "ssm", "stepfunctions")


def test_each_client_asks_the_deployment_of_all_of_them_whenever_it_is_first_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", HERE)
    here = Clients()
    monkeypatch.setenv("AWS_ENDPOINT_URL", ELSEWHERE)
    elsewhere = Clients()
    assert {here(name).meta.endpoint_url for name in SERVICES} == {HERE}
    assert {elsewhere(name).meta.endpoint_url for name in SERVICES} == {ELSEWHERE}
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert here("sqs").meta.endpoint_url == HERE


def test_a_service_may_have_an_endpoint_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", HERE)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", ELSEWHERE)
    clients = Clients()
    assert (clients("stepfunctions").meta.endpoint_url, clients("sqs").meta.endpoint_url) == (ELSEWHERE, HERE)

"""Throttles pass by themselves: over botocore's lists of codes and the models of every service that is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from aws.failures import reaching
from core.errors import OutOfReach, PipelineBug

SOURCES = Path(__file__).resolve().parents[3] / "src"
_CLIENT = re.compile(r'clients?\("([a-z0-9-]+)"')
_SAYS_SO = re.compile(r"Throttl|TooMany|Limit|Exceeded|SlowDown|Concurrent")
# Quotas of things and sizes: no waiting makes a document smaller, or a topic's subscriptions fewer.
_QUOTAS = re.compile(
    r"Size|Tags|Count|Length|Level|Version|Label|Permission|Entries|Parts|Storage|Quota|Number|SubnetIP|ENI"
    r"|(Activity|ActivityWorker|Alias|Annotation|Association|AutomationExecution|Backfill|CapacityProvider|Document"
    r"|FilterPolicy|OpsItem|OpsMetadata|Parameter|Policies|Policy|Replay|Resource|StateMachine|Subscription|Tag|Topic"
    r")(Limit|TooMany|Key)|^Invalid"
)


def services() -> set[str]:
    return {name for path in SOURCES.rglob("*.py") for name in _CLIENT.findall(path.read_text(encoding="utf-8"))}


def codes_of(service: str) -> Iterator[str]:
    """The codes of a service's errors, as its answers name them."""
    loader = botocore.session.get_session().get_component("data_loader")
    shapes = loader.load_service_model(service, "service-2")["shapes"]
    return (shape.get("error", {}).get("code", name) for name, shape in shapes.items() if shape.get("exception"))


def raised(code: str, status: int) -> Exception:
    answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises((OutOfReach, PipelineBug)) as failure, reaching("call", "place"):
        raise ClientError(answer, "Call")  # type: ignore[arg-type]
    return failure.value


def test_whatever_botocore_retries_is_transient_at_any_status() -> None:
    retried = {*ThrottledRetryableChecker._THROTTLED_ERROR_CODES, *TransientRetryableChecker._TRANSIENT_ERROR_CODES}
    assert len(retried) > 12
    bugs = {
        code for code in retried for status in (400, 403, 409, 429) if isinstance(raised(code, status), PipelineBug)
    }
    assert bugs == set()


def test_whatever_a_services_model_calls_too_much_is_transient_where_waiting_helps() -> None:
    called = services()
    assert {"kinesis", "ssm", "sqs", "stepfunctions", "s3"} <= called
    codes = {code for service in called for code in codes_of(service) if _SAYS_SO.search(code)}
    bugs = {code for code in codes if isinstance(raised(code, 400), PipelineBug)}
    assert {code for code in bugs if not _QUOTAS.search(code)} == set()
    assert {"TooManyUpdates", "OverLimit", "ProvisionedThroughputExceededException"} <= codes - bugs


@pytest.mark.parametrize(
    "code", ["ValidationException", "InvalidParameterValue", "ParameterLimitExceeded", "NoSuchBucket"]
)
def test_what_no_waiting_mends_is_a_bug(code: str) -> None:
    assert isinstance(raised(code, 400), PipelineBug)

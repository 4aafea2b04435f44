"""What a batch call did not take of its items is judged by each item's code, as a whole call is by its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from aws.buckets import erase
from aws.event_bus import EventBridgeBus
from aws.objects import S3ObjectStore
from aws.queue import SqsQueue
from aws.stream import FirehoseStream, KinesisStream
from core.errors import NotGranted, PipelineBug, StarmendError, TransientFailure
from core.ports import BusEvent, StreamRecord

SOURCES = Path(__file__).parents[3] / "src"
RECORDS = [StreamRecord("a", b"1\n"), StreamRecord("b", b"2\n")]
EVENTS = [BusEvent("a", "{}"), BusEvent("b", "{}")]
VERSIONS = [{"Versions": [{"Key": "a", "VersionId": "1"}]}]


class Answering:
    """A client each of whose calls gives one answer; its pages are one of two versions."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    def get_paginator(self, _operation: str) -> Any:
        return type("Pages", (), {"paginate": staticmethod(lambda **_: VERSIONS)})

    def __getattr__(self, _operation: str) -> Callable[..., dict[str, Any]]:
        return lambda **_: self._answer


def delete(code: str) -> list[int]:
    S3ObjectStore(Answering({"Errors": [{"Key": "a", "Code": code}, {"Key": "b", "Code": code}]}), "lake").delete("ab")
    return []


def erased(code: str) -> list[int]:
    erase(Answering({"Errors": [{"Key": "a", "Code": code}, {"Key": "b", "Code": code}]}), "lake", "a")
    return []


def sent(code: str) -> list[int]:
    is_final = code not in ("InternalError", "ServiceUnavailable")
    failed = [{"Id": str(index), "Code": code, "SenderFault": is_final} for index in range(2)]
    return list(SqsQueue(Answering({"Failed": failed}), "queue").send([{}, {}]))


def streamed(code: str) -> list[int]:
    return list(KinesisStream(Answering({"Records": [{"ErrorCode": code}] * 2}), "stream").put(RECORDS))


def delivered(code: str) -> list[int]:
    return list(FirehoseStream(Answering({"RequestResponses": [{"ErrorCode": code}] * 2}), "delivery").put(RECORDS))


def announced(code: str) -> list[int]:
    answer = {"FailedEntryCount": 2, "Entries": [{"ErrorCode": code}] * 2}
    return list(EventBridgeBus(Answering(answer), "bus").put(EVENTS))


# Codes by service, with what becomes of them: those of the services' own documentation of an item's error
# (botocore's models; Amazon S3's list of error codes; PutEventsResultEntry), the first of each that pass.
CASES = [
    (delete, "InternalError", TransientFailure), (delete, "SlowDown", TransientFailure),
    (delete, "ServiceUnavailable", TransientFailure), (delete, "AccessDenied", NotGranted),
    (delete, "AllAccessDisabled", NotGranted), (delete, "InvalidAccessKeyId", PipelineBug),
    (delete, "MethodNotAllowed", PipelineBug), (delete, "NoSuchBucket", PipelineBug),
    (erased, "AccessDenied", NotGranted), (erased, "InternalError", TransientFailure),
    (sent, "InternalError", None), (sent, "ServiceUnavailable", None), (sent, "RequestThrottled", None),
    (sent, "AccessDenied", NotGranted), (sent, "InvalidMessageContents", PipelineBug),
    (sent, "KMS.AccessDeniedException", NotGranted),
    (streamed, "ProvisionedThroughputExceededException", None), (streamed, "InternalFailure", None),
    (streamed, "AccessDeniedException", NotGranted),
    (delivered, "ServiceUnavailableException", None), (delivered, "InternalFailure", None),
    (delivered, "AccessDeniedException", NotGranted),
    (announced, "InternalFailure", None), (announced, "ThrottlingException", None),
    (announced, "AccessDeniedException", NotGranted), (announced, "NotAuthorizedForSourceException", NotGranted),
    (announced, "NotAuthorizedForDetailTypeException", NotGranted), (announced, "MalformedDetail", PipelineBug),
    (announced, "InvalidArgument", PipelineBug), (announced, "InvalidAccountIdException", PipelineBug),
    (announced, "RedactionFailure", PipelineBug),
]  # fmt: skip


@pytest.mark.parametrize(("call", "code", "outcome"), CASES)
def test_what_no_repetition_helps_is_not_offered_again(
    call: Callable[[str], list[int]], code: str, outcome: type[StarmendError] | None
) -> None:
    if outcome is None:
        assert call(code) == [0, 1]
        return
    with pytest.raises(outcome, match=code) as raised:
        call(code)
    assert isinstance(raised.value, TransientFailure) == (outcome is TransientFailure)
    assert isinstance(raised.value, NotGranted) == (outcome is NotGranted)


def test_items_that_may_be_taken_later_are_offered_again_beside_those_that_may_not() -> None:
    """Raising at once would lose them; at the end, when only the others are left, it is told of these."""
    entries = [{"ErrorCode": "MalformedDetail"}, {"ErrorCode": "InternalFailure"}]
    assert list(EventBridgeBus(Answering({"FailedEntryCount": 2, "Entries": entries}), "bus").put(EVENTS)) == [0, 1]


# Calls that answer for each item by itself, and where that is read; GetParameters leaves out what there is not, and
# what no longer hides a dead letter is shown when its time is over.
READ = {
    "delete_objects": "raise_undeleted",
    "send_message_batch": "to_offer_again",
    "put_records": "_refused",
    "put_record_batch": "_refused",
    "put_events": "to_offer_again",
    "get_parameters": "Parameters",
    "change_message_visibility_batch": "suppress",
}
SERVICES = ("s3", "sqs", "kinesis", "firehose", "events", "ssm", "glue", "athena", "sns", "lambda", "scheduler")
FAILED = re.compile("Failed.*|Errors|Unprocessed.*|InvalidParameters")


def test_every_batch_call_reads_the_errors_of_its_items() -> None:
    called: dict[str, str] = {}
    for file in (*SOURCES.glob("aws/*.py"), *SOURCES.glob("cli/**/*.py"), *SOURCES.glob("deploy/**/*.py")):
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called.setdefault(node.func.attr, "")
                called[node.func.attr] += text
    session = botocore.session.get_session()
    batches = set()
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            python_name = botocore.xform_name(name)
            if python_name in called and (shape := model.operation_model(name).output_shape):
                batches |= {python_name} if any(map(FAILED.fullmatch, shape.members)) else set()
    assert batches == {*READ}
    for name, reader in READ.items():
        assert reader in called[name], name

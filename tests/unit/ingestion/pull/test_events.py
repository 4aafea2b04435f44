"""SQS's event and its partial batch response."""

from __future__ import annotations

from ingestion.pull.batch import PullReport
from ingestion.pull.events import batch_response, messages_of


def test_a_message_has_its_age_where_sqs_tells_it() -> None:
    sent = {"messageId": "m1", "body": "{}", "attributes": {"SentTimestamp": "1795176000500"}}
    first, second = messages_of({"Records": [sent, {"messageId": "m2", "body": "x"}]})
    assert (first.sent_at, second.sent_at) == (1795176000.5, None)
    assert (second.id, second.body) == ("m2", "x")


def test_only_what_failed_comes_again() -> None:
    answer = batch_response(PullReport(written=3, skipped={"closed": 1}, failed=["m2"]))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}], "written": 3, "skipped": {"closed": 1}}

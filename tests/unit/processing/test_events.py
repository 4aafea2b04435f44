"""Messages of the queue: S3's events and requests."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidData
from processing.events import ObjectEvent, message_bodies, object_events


def record(key: str, name: str = "ObjectCreated:Put") -> dict[str, object]:
    return {"eventName": name, "s3": {"bucket": {"name": "bucket"}, "object": {"key": quote_plus(key)}}}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=4))
def test_every_created_object_is_named_by_its_key_as_it_was_before_it_was_encoded(keys: list[str]) -> None:
    body = json.dumps({"Records": [record(key) for key in keys] + [record("gone", "ObjectRemoved:Delete")]})
    assert list(object_events(body)) == [ObjectEvent("bucket", key) for key in keys]


def test_a_request_names_objects_to_process_again() -> None:
    body = json.dumps({"objects": ["a", "b"]})
    assert list(object_events(body)) == [ObjectEvent("", "a"), ObjectEvent("", "b")]


def test_the_test_event_of_a_new_notification_names_nothing() -> None:
    assert list(object_events(json.dumps({"Event": "s3:TestEvent"}))) == []


@pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"Records": [{}]}', '{"Records": 1}', "not json"])
def test_any_other_message_is_refused(body: str) -> None:
    with pytest.raises(InvalidData, match="no S3 event and no request"):
        list(object_events(body))


def test_messages_are_told_from_a_bare_request() -> None:
    queued = {"Records": [{"messageId": "1", "body": "x"}, {"messageId": "2", "body": "y"}]}
    assert message_bodies(queued) == {"1": "x", "2": "y"}
    assert message_bodies({"objects": ["a"]}) == {"command": '{"objects": ["a"]}'}

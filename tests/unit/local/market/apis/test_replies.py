"""Replies and their exact JSON."""

from __future__ import annotations

import json
from decimal import Decimal

from local.market.apis.replies import Reply, encode


def test_a_decimal_is_a_number_with_exactly_its_digits() -> None:
    value = {"c": [Decimal("101.000100"), Decimal("1E+2"), 0], "s": 'o"k', "none": None}
    assert encode(value) == '{"c":[101.0001,100,0],"s":"o\\"k","none":null}'
    assert json.loads(encode(value), parse_float=Decimal)["c"][0] == Decimal("101.0001")


def test_a_reply_is_json_with_its_status() -> None:
    reply = Reply.of({"error": "no"}, 404)
    assert (reply.status, reply.body, reply.content_type.split(";")[0]) == (404, b'{"error":"no"}', "application/json")

"""A live answer becomes a line of the slot that the provider's clock shows, or a reason to write none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.support.feeds import contracts_in

from core.audit.history import Evidence
from core.contract.model import Entity
from ingestion.providers.answers import Answer, Broken, Data, Limited, NoData, NotEntitled, Point
from ingestion.pull.decide import Skip, Write, decide

EVIDENCE = Evidence("GET /quote", 200, "{}", "")
OPEN = datetime(2026, 11, 20, 14, 30, 59, tzinfo=UTC)


def decided(answer: Answer, entity: Entity | None = None) -> Write | Skip:
    contracts = contracts_in()
    return decide(
        entity or Entity("AAPL"),
        answer,
        contract=contracts.dataset("quotes"),
        feed=contracts.feed("quotes"),
        calendar=contracts.calendar("XNYS"),
        needed=("c",),
        fetched_at=OPEN,
    )


def data(at: datetime, **values: object) -> Data:
    return Data((Point(None, values),), at, EVIDENCE)


def test_the_slot_is_the_one_that_the_providers_clock_shows() -> None:
    write = decided(data(OPEN, c=Decimal("1.10")))
    assert isinstance(write, Write)
    line = json.loads(write.line)
    assert (line["minute"], line["kind"], line["provenance"]) == ("2026-11-20T14:30:00Z", "live", "observed")
    assert b'"c":1.10' in write.line


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (data(OPEN.replace(hour=22), c=1), "closed"),
        (data(OPEN), "broken"),
        (data(OPEN, c="<html>"), "broken"),
        (NoData(EVIDENCE), "no_data"),
        (NotEntitled("token", EVIDENCE), "token_refused"),
        (NotEntitled("resource", EVIDENCE), "not_entitled"),
        (Limited(3.0, EVIDENCE), "limited"),
        (Broken("timed out", EVIDENCE), "broken"),
    ],
)
def test_what_is_no_point_is_skipped_with_its_reason(answer: Answer, why: str) -> None:
    skip = decided(answer)
    assert isinstance(skip, Skip)
    assert (skip.why, bool(skip.detail)) == (why, True)


def test_an_entity_that_is_no_longer_valid_has_no_point() -> None:
    skip = decided(data(OPEN, c=1), Entity("FB", valid_until="2026-11-20T14:30:00Z"))
    assert isinstance(skip, Skip)
    assert skip.why == "closed"

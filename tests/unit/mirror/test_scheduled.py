"""The mirror as its function runs it: asked for every table by a schedule, given tables by a queue."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.queue import MemoryQueue
from tests.support.mirrored import Shop, rows_of
from tests.support.simulated_aws import ClientOf, client_of

from aws.queue import SqsQueue
from core.errors import TransientFailure
from core.metrics import MIRROR_LAG
from core.mirroring.names import hint_key
from mirror.scheduled.requests import MirrorRuntime

__all__ = ["client_of"]
SALES = "fact_sale"


class Function:
    """The function over a shop's lake, and what it left behind."""

    def __init__(self, shop: Shop, queue: MemoryQueue) -> None:
        self.shop, self.queue, self.log, self.metrics = shop, queue, MemoryLog(), MemoryMetrics()
        self.ended = 0
        self.runtime = MirrorRuntime(
            contracts=shop.lake.services.contracts,
            services=shop.services,
            queue=queue,
            metrics=lambda _dataset: self.metrics,
            log=self.log,
            finish=self._finish,
        )

    def _finish(self) -> None:
        self.ended += 1

    def take(self, *bodies: str) -> list[str]:
        """What the queue hands out, a batch; the numbers of the messages that failed."""
        records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
        failed = self.runtime.answer({"Records": records})["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in failed]

    def lags(self) -> list[float]:
        return list(self.metrics.values[MIRROR_LAG.name])


@pytest.fixture
def function(tmp_path: Path) -> Function:
    shop = Shop(tmp_path)
    shop.sell(3, created="2026-11-01T00:00:00")
    return Function(shop, MemoryQueue())


def asking(table: str) -> str:
    return json.dumps({"table": table, "time": "2026-11-20T15:00:00Z"})


def test_what_a_schedule_asks_for_is_every_table_and_makes_every_mirror(function: Function) -> None:
    tables = [table.name for table in function.runtime.contracts.tables()]
    assert function.runtime.answer({"time": "2026-11-20T15:00:00Z"}) == {"asked": len(tables)}
    assert function.take(*function.queue.take()) == []
    for table in tables:
        assert rows_of(function.shop.opened(table).scan().to_arrow()) == function.shop.rows_by_pointers(table)
    assert function.lags() == [0.0] * len(tables)
    assert function.ended == 2


def test_a_table_that_fails_stops_no_other_and_says_how_old_its_lag_is(function: Function) -> None:
    shop = function.shop
    assert function.take(asking(SALES), asking("dim_person")) == []
    shop.sell(1, created="2026-11-01T00:00:00")
    shop.now += timedelta(minutes=7)

    def fail(effect: str, key: str) -> None:
        if effect == "write" and SALES in key:
            raise TransientFailure("write", key, "no answer")

    before = len(function.lags())
    (moved,) = [info.modified for info in shop.objects.list(f"warehouse/{SALES}/") if info.key.endswith(".txt")]
    shop.objects.before = fail
    assert function.take(asking(SALES), asking("dim_person"), asking(SALES)) == ["0", "2"]
    assert function.lags()[before:] == [(shop.now - moved).total_seconds(), 0.0]
    shop.objects.before = lambda _effect, _key: None
    assert function.take(asking(SALES)) == []
    assert rows_of(shop.opened(SALES).scan().to_arrow()) == shop.rows_by_pointers(SALES)


def test_a_partition_that_cannot_be_read_is_told_and_the_table_goes_on(function: Function) -> None:
    assert function.take(asking(SALES)) == []
    shop = function.shop
    shop.sell(1, created="2026-11-01T00:00:00")
    shop.sell(1, created="2026-12-01T00:00:00")
    place = next(info.key for info in shop.objects.list(f"warehouse/{SALES}/") if "2026-11" in info.key)
    broken = shop.lake.partitions.read_pointer(place.removeprefix("warehouse/").removesuffix("/symlink.txt"))
    assert broken is not None
    shop.objects.delete([broken.target])
    assert function.take(asking(SALES)) == []
    assert any("partitions not mirrored" in str(line) for line in function.log.lines)
    assert len(shop.opened(SALES).inspect.files()) == 2


def test_a_message_of_a_table_that_is_promised_no_more_is_passed_over(function: Function) -> None:
    assert function.take(asking("fact_of_yesterday"), "no JSON", "[]", asking(SALES)) == []
    assert function.lags() == [0.0]


def test_a_hint_of_nonsense_fails_its_table_alone(function: Function) -> None:
    function.shop.objects.write(hint_key(SALES), b"v1")
    assert function.take(asking(SALES), asking("dim_person")) == ["0"]


def test_a_command_gets_the_version_of_the_table_that_it_names(function: Function) -> None:
    assert function.runtime.answer({"table": SALES}) == {"version": 1}


def test_what_the_queue_does_not_take_is_named_for_the_schedule_to_try_again(function: Function) -> None:
    refusing = Function(function.shop, MemoryQueue(lambda _call, _count: [0]))
    first = next(refusing.runtime.contracts.tables()).name
    with pytest.raises(TransientFailure, match=first):
        refusing.runtime.answer({"time": "2026-11-20T15:00:00Z"})
    assert refusing.ended == 1


def test_of_a_table_that_is_in_work_the_queue_hands_out_no_other_message(client_of: ClientOf) -> None:
    """As SQS says of groups, and moto does: whoever takes from the queue meanwhile gets the other tables'."""
    sqs = client_of("sqs")
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="mirror.fifo", Attributes=fifo)["QueueUrl"]
    queue = SqsQueue(sqs, url, group="table")
    for time in ("15:00", "15:05", "15:05"):
        assert list(queue.send([{"table": name, "time": time} for name in ("fact_a", "dim_b")])) == []

    def taken(most: int) -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, AttributeNames=["MessageGroupId"])
        return list(answer.get("Messages", []))

    (first,) = taken(1)
    others = [json.loads(message["Body"])["table"] for message in taken(10)]
    assert set(others) == {"fact_a", "dim_b"} - {json.loads(first["Body"])["table"]}
    assert len(others) == 2, "what a retry sent twice is handed out once"


def test_two_committers_of_a_table_are_no_harm(function: Function) -> None:
    """Nothing rests on the queue: an invocation by hand while another is under way."""
    others = [1]

    def other(effect: str, key: str) -> None:
        if others and effect == "write" and key.endswith(".metadata.json"):
            others.clear()
            assert function.runtime.answer({"table": SALES}) == {"version": 1}

    function.shop.objects.before = other
    assert function.runtime.answer({"table": SALES}) == {"version": 1}
    assert not others

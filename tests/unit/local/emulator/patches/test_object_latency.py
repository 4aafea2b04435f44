"""S3 that takes its time, and nobody else."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from local.emulator.latency import GET, PUT, SWAP, latency
from local.emulator.patches import object_latency
from local.emulator.settings import Settings

pytestmark = pytest.mark.emulator
NAMED = {"s3": "Credential=k/20261120/us-east-1/s3/aws4_request", "sqs": "Credential=k/20261120/us-east-1/sqs/x"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whoever calls it learns how long MiniStack waited before it answered."""
    from ministack import app

    slept: list[float] = []

    async def stock(*_: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b""

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(app, "_dispatch_service_request", stock)
    monkeypatch.setattr(object_latency.asyncio, "sleep", sleep)

    def ask(scale: float, method: str, service: str = "s3", **conditions: str) -> list[float]:
        slept.clear()
        object_latency.apply(Settings(s3_scale=scale))
        headers = {"authorization": f"AWS4-HMAC-SHA256 {NAMED[service]}, SignedHeaders=host", **conditions}
        asyncio.run(app._dispatch_service_request(method, "/bucket/key", headers, b"", {}, "id"))
        monkeypatch.setattr(app, "_dispatch_service_request", stock)
        return list(slept)

    return ask


def test_a_swap_takes_longer_than_a_put_and_that_longer_than_a_get(asked: Any) -> None:
    [read], [written], [swapped] = asked(1, "GET"), asked(1, "PUT"), asked(1, "PUT", **{"if-match": "e"})
    assert GET / 2 <= read < written < swapped < 2 * SWAP
    assert asked(2, "GET") == [2 * read]


def test_other_services_and_an_emulator_that_nobody_slowed_do_not_wait(asked: Any) -> None:
    assert asked(1, "POST", "sqs") == []
    assert asked(0, "GET") == []


@pytest.mark.parametrize(
    ("writes", "conditional", "mean"), [(False, False, GET), (True, False, PUT), (True, True, SWAP)]
)
def test_latencies_are_around_their_mean(writes: bool, conditional: bool, mean: float) -> None:
    chance = random.Random(1)
    drawn = [latency(writes=writes, conditional=conditional, chance=chance) for _ in range(2_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.03)
    assert min(drawn) >= mean / 2

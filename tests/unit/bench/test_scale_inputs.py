"""Calls that docs/scale takes for measured, counted again on a few partitions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml
from bench.scale_inputs import OPENS, SCENARIOS, SIXTEEN, MeasuredFeed, beyond, minute_calls, version_calls, written


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> MeasuredFeed:
    """Sixteen buckets, none of which is empty."""
    return MeasuredFeed(Path(tmp_path_factory.mktemp("scale")) / "contracts", entities=160, partition_by=SIXTEEN)


def test_what_is_written_of_calls_is_what_is_counted(feed: MeasuredFeed) -> None:
    keys = [feed.put(OPENS + dt.timedelta(minutes=number), 1) for number in range(2)]
    feed.functions.process(keys[0])
    minute = feed.measure(lambda: feed.functions.process(keys[1]))
    [(partitions, job)] = feed.restate()
    assert partitions == 16
    counted = minute_calls(minute, partitions, of=128) | version_calls(job, partitions, objects=2)
    theirs = written(yaml.safe_load(SCENARIOS.read_text(encoding="utf-8")))
    assert beyond(counted, {name: theirs[name] for name in counted}) == []

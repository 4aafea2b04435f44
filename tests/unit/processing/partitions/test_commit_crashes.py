"""A writer cut off at any effect, or left without an answer: delivered again, the tables are the same."""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer
from tests.fakes.partitions import MemoryPartitions
from tests.support.crashpoints import Effects, Point, Way, every_point, kill_myself, until_done
from tests.support.tables import COUNTS, column, counts, fact, rows_of

from aws.pointers import S3PartitionStore
from core.ports import PartitionStore
from processing.partitions.commit import CommitContext, SourceRef, commit_rows, commit_table, read_partition, restate
from processing.partitions.rollback import release, rollback

SUM = fact("dim_sum", ["name"], [column("name", "string"), column("total", "bigint")])


def context(seed: int) -> CommitContext:
    return CommitContext("c", random=random.Random(seed), sleep=lambda _: None)


def work(store: PartitionStore, source: random.Random) -> None:
    """Two batches, a derived table, a rollback with a hold that is released, a restatement, and a batch again."""

    def fresh() -> CommitContext:
        return context(source.getrandbits(64))

    def batch(name: str, numbers: list[int], total: int) -> None:
        commit_rows(store, COUNTS, "", counts(numbers, total), sources=[SourceRef(name, "e")], context=fresh())

    def total(inputs):
        return rows_of(SUM, [{"name": "all", "total": sum(inputs["dim_count"].table["number"].to_pylist())}])

    batch("a", [1, 2, 3], 0)
    batch("b", [3, 4], 1)
    commit_table(store, SUM, "", total, inputs=[(COUNTS, "")], context=fresh())
    rollback(store, COUNTS, "", to=1, hold="look into it", context=fresh())
    release(store, COUNTS, "", context=fresh())
    restate(store, COUNTS, "", lambda: (counts([1, 2, 3, 4], 1), [SourceRef("b", "e")]), context=fresh())
    batch("c", [4, 5], 2)
    commit_table(store, SUM, "", total, inputs=[(COUNTS, "")], context=fresh())


def tables(store: PartitionStore) -> list[object]:
    snapshots = [read_partition(store, table, "") for table in (COUNTS, SUM)]
    return [(snapshot.table.to_pylist(), snapshot.footer.hold) if snapshot else None for snapshot in snapshots]


def scenario(effects: Effects) -> MemoryPartitions:
    store, source = MemoryPartitions(), random.Random(1)
    until_done(lambda faulty: work(faulty.watch(store), source), effects)
    return store


def test_every_cut_and_every_lost_answer_ends_with_the_same_tables() -> None:
    expected = tables(scenario(Effects()))
    points = list(every_point(scenario))
    assert len(points) == 3 * 16
    for point in points:
        effects = Effects(point)
        store = scenario(effects)
        assert effects.fired
        assert tables(store) == expected, f"after {point}, {effects.log[point.number]}"
        for target in store.history["dim_count"]:
            assert target in store.objects


def merging(store: PartitionStore, seed: int) -> None:
    for number in range(3):
        rows = counts([number, number + 1], number)
        commit_rows(store, COUNTS, "", rows, sources=[SourceRef(f"s{number}", "e")], context=context(seed + number))


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def bucket_at(endpoint: str) -> S3PartitionStore:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(s3={"addressing_style": "path"}),
    )
    return S3PartitionStore(client, "warehouse-bucket")


def _child(endpoint: str, point: Point) -> None:
    merging(Effects(point, die=kill_myself).watch(bucket_at(endpoint)), seed=1)


@pytest.mark.parametrize(
    "ways", [("after",), pytest.param(("before", "after"), marks=pytest.mark.long)], ids=["after", "before and after"]
)
def test_a_writer_that_is_killed_at_any_effect_leaves_a_table_that_can_be_gone_on_with(
    endpoint: str, ways: tuple[Way, ...]
) -> None:
    """What was before an effect was after the one before it; of the first, a writer has done nothing."""
    boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    ).create_bucket(Bucket="warehouse-bucket")
    expected_store = MemoryPartitions()
    merging(expected_store, seed=1)
    expected = tables(expected_store)[0]
    server = multiprocessing.get_context("forkserver")  # a copy of this process, with its threads, may die of itself
    server.set_forkserver_preload([__name__])
    for point in every_point(lambda effects: merging(effects.watch(MemoryPartitions()), seed=1), ways=ways):
        store = bucket_at(endpoint)
        writer = server.Process(target=_child, args=(endpoint, point))
        writer.start()
        writer.join(60)
        assert writer.exitcode == -signal.SIGKILL
        merging(store, seed=100)
        assert tables(store)[0] == expected, str(point)
        _wipe(endpoint)


def _wipe(endpoint: str) -> None:
    bucket = boto3.resource(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    ).Bucket("warehouse-bucket")
    bucket.objects.all().delete()

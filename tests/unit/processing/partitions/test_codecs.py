"""A partition whose objects were written with other codecs: nothing but their size depends on it."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.fakes.partitions import MemoryPartitions
from tests.support.tables import COUNTS, counts

from core.warehouse.canonical_rows import digest_rows
from processing.partitions import parquet
from processing.partitions.commit import (
    AlreadyThere,
    CommitContext,
    Committed,
    SourceRef,
    commit_rows,
    read_partition,
    restate,
)
from processing.partitions.snapshot import Snapshot

READ_BY_ATHENA = ("none", "snappy", "gzip", "lz4", "zstd")  # "Parquet SerDe", among others that pyarrow has


def context() -> CommitContext:
    return CommitContext("c", random=random.Random(1), sleep=lambda _: None)


def now(store: MemoryPartitions) -> Snapshot:
    snapshot = read_partition(store, COUNTS, "")
    assert snapshot is not None
    return snapshot


def codec_of(store: MemoryPartitions) -> str:
    metadata = pq.ParquetFile(pa.BufferReader(store.objects[now(store).key])).metadata
    [codec] = {metadata.row_group(0).column(number).compression for number in range(metadata.num_columns)}
    return str(codec).lower()


def merged(store: MemoryPartitions, numbers: list[int], total: int) -> Committed | AlreadyThere:
    source = SourceRef(f"{total}", "e")
    return commit_rows(store, COUNTS, "", counts(numbers, total), sources=[source], context=context())


@pytest.mark.parametrize("before", READ_BY_ATHENA)
def test_an_object_of_another_codec_is_sound_merged_on_and_never_made_again_for_it(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryPartitions()
    with monkeypatch.context() as earlier:
        earlier.setattr(parquet, "CODEC_OF_FEW", before)
        merged(store, [1, 2, 3], 1)
    old = now(store)
    certified = digest_rows(old.table)
    same = restate(store, COUNTS, "", lambda: (counts([1, 2, 3], 1), [SourceRef("again", "e")]), context=context())
    assert isinstance(same, AlreadyThere), "a rebuild finds the rows there"
    assert isinstance(merged(store, [1, 2, 3], 1), AlreadyThere)
    assert now(store).key == old.key
    assert isinstance(merged(store, [3, 4], 2), Committed)
    assert codec_of(store) == "snappy"
    assert [tuple(row.values()) for row in now(store).table.to_pylist()] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    back = restate(store, COUNTS, "", lambda: (counts([1, 2, 3], 1), [SourceRef("back", "e")]), context=context())
    assert isinstance(back, Committed)
    assert digest_rows(now(store).table) == certified, "a certificate of the old object holds for the new one"


def test_any_history_of_codecs_ends_with_the_rows_and_the_digest_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(20261129)
    mixed, plain = MemoryPartitions(), MemoryPartitions()
    for total in range(40):
        numbers = sorted(chance.sample(range(200), chance.randrange(1, 40)))
        merged(plain, numbers, total)
        with monkeypatch.context() as turn:
            turn.setattr(parquet, "CODEC_OF_FEW", chance.choice(READ_BY_ATHENA))
            merged(mixed, numbers, total)
        assert now(mixed).table.equals(now(plain).table)
    assert digest_rows(now(mixed).table) == digest_rows(now(plain).table)


def test_a_partition_of_many_rows_is_written_smaller_and_one_of_few_faster() -> None:
    store = MemoryPartitions()
    merged(store, list(range(parquet.FEW_ROWS)), 1)
    assert codec_of(store) == "snappy"
    merged(store, [parquet.FEW_ROWS], 2)
    assert codec_of(store) == "zstd"

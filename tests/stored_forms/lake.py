"""What the lakes have in common: contracts, a packer, and names of objects that come from their place alone."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from tests.support.lake import MemoryLake

from core.authoring.load import load
from core.contract.model import Contracts
from ingestion.extract.packing import Packed, Packer
from processing.partitions.commit import CommitContext

HERE = Path(__file__).parent
TODAY = dt.date(2026, 11, 20)


@functools.cache
def small_contracts() -> Contracts:
    """The contracts beside this file."""
    return load(HERE / "contracts", today=TODAY)


def contracts_of(dataset: str) -> Contracts:
    """The small contracts of one dataset."""
    contracts = small_contracts()
    return replace(contracts, contracts=tuple(one for one in contracts if one.dataset == dataset))


def packed(lines: Iterable[bytes]) -> Packed:
    """The lines as a gzip object, by the packer of extraction: its bytes depend on no system's zlib."""
    packer = Packer(max_rows=1_000)
    assert packer.add(list(lines)) == []
    return packer.finish()


def made_the_same(lake: MemoryLake, now: Callable[[], dt.datetime]) -> None:
    """Let a lake's objects depend on nothing but what is done to it: no clock, no chance, no order of threads."""
    lake.ingest._clock = lake.records._clock = lake.partitions.clock = now
    lake.services = replace(
        lake.services,
        now=now,
        timer=lambda: 0.0,
        workers=1,
        commit_context=lambda promise: CommitContext(promise, random=random.Random(0), sleep=lambda _seconds: None),
    )
    write = lake.partitions.write_object
    written: Counter[tuple[str, str]] = Counter()

    def write_object(partition: str, name: str, body: bytes) -> str:
        version, _, _ = name.partition("-")
        written[partition, version] += 1
        place = f"{partition}/{version}/{written[partition, version]}"
        return write(partition, f"{version}-{hashlib.sha256(place.encode()).hexdigest()[:32]}.parquet", body)

    lake.partitions.write_object = write_object  # type: ignore[method-assign]

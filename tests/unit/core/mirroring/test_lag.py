"""How old a mirror's lag is, over histories of commits, races, killed writers and runs of the mirror."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.landing.ingest_objects import EPOCH
from core.mirroring.lag import LOOKED_INTO, MirrorPromise, lag_of
from core.mirroring.state import MirroredFile
from core.ports import ObjectInfo
from core.warehouse.pointer import object_key, object_name, partition_of, pointer_key

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Lake:
    """The listing of a bucket, and what a mirror knows of it."""

    table: Any
    objects: dict[str, ObjectInfo] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    known: dict[str, MirroredFile] = field(default_factory=dict)
    missed: dict[str, datetime] = field(default_factory=dict)
    writes: int = 0

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        return iter([self.objects[key] for key in sorted(self.objects) if key.startswith(prefix) and key > after])

    def put(self, key: str, at: datetime) -> None:
        self.writes += 1
        self.objects[key] = ObjectInfo(key, 1, f"etag-{self.writes}", at)

    def write(self, path: str, version: int, at: datetime) -> str:
        """An object of a partition; its unique part is as good as random."""
        name = object_name(version, f"{hash((path, version, self.writes)) % 16**32:032x}")
        key = object_key(partition_of(self.table.folder, path), name)
        self.put(key, at)
        return key

    def commit(self, path: str, version: int, at: datetime) -> None:
        self.current[path] = self.write(path, version, at)
        self.put(pointer_key(partition_of(self.table.folder, path)), at)
        self.missed.setdefault(path, at)

    def mirror(self) -> None:
        for path, key in self.current.items():
            etag = self.objects[pointer_key(partition_of(self.table.folder, path))].etag
            self.known[path] = MirroredFile(path, etag, key, 1, 1, 1, 1, 0)
        self.missed.clear()


TABLE: Any = SimpleNamespace(folder="fact_sale")


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["commit", "commit", "race", "killed", "mirror"]), st.sampled_from(["a=1", "a=2", "a=3"])
    ),
    max_size=25,
)


@given(events=EVENTS)
def test_a_lag_is_as_old_as_the_first_commit_that_the_mirror_lacks(events: list[tuple[str, str]]) -> None:
    lake, versions = Lake(TABLE), dict.fromkeys(["a=1", "a=2", "a=3"], 0)
    at = START
    for event, path in events:
        at += MINUTE
        if event == "mirror":
            lake.mirror()
            continue
        if event in ("race", "killed"):  # a loser, or a writer that died before its swap
            lake.write(path, versions[path] + 1, at - timedelta(seconds=2))
        if event != "killed":
            versions[path] += 1
            lake.commit(path, versions[path], at)
    lag = lag_of(lake, TABLE, lake.known, late=EPOCH)  # type: ignore[arg-type]
    if not lake.missed:
        assert lag is None
        return
    assert lag is not None
    assert (lag.partitions, lag.since) == (len(lake.missed), min(lake.missed.values()))


def test_a_partition_that_moves_every_minute_is_as_late_as_one_that_rests() -> None:
    lake = Lake(TABLE)
    lake.commit("a=1", 1, START)
    lake.mirror()
    for minute in range(1, 60):
        lake.commit("a=1", minute + 1, START + minute * MINUTE)
    lag = lag_of(lake, TABLE, lake.known, late=START + 30 * MINUTE)  # type: ignore[arg-type]
    assert lag is not None
    assert lag.since == START + MINUTE


def test_who_is_late_for_certain_is_not_looked_into() -> None:
    lake = Lake(TABLE)
    for number in range(LOOKED_INTO + 5):
        lake.commit(f"a={number}", 1, START + number * MINUTE)
    listed: list[str] = []

    class Counted:
        def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
            listed.append(prefix)
            return lake.list(prefix, after=after)

    def lag(late: datetime, known: Mapping[str, MirroredFile]) -> None:
        listed.clear()
        found = lag_of(Counted(), TABLE, known, late=late)  # type: ignore[arg-type]
        assert found is not None
        assert found.since == START

    lag(START, {})
    assert len(listed) == 1
    lag(EPOCH, {})
    assert len(listed) == 1 + LOOKED_INTO


def test_a_mirror_may_be_behind_as_long_as_data_may_be_late_and_never_less_than_a_few_runs() -> None:
    assert MirrorPromise(300).most_lag(1800) == 1800
    assert MirrorPromise(3600).most_lag(1800) == 3 * 3600
    assert MirrorPromise(60, 600).most_lag(7200) == 600

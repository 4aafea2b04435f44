"""Whoever reads the lake with ``starmend_reader``, from a machine whose calls fail as all others: now, and as of then.

What a read gives is held to what was there: each partition by an object that was current while its pointers were read,
whole, however long it takes until the rows are; the rows that a certificate counts, while nothing was destroyed since;
and of an instant the objects of that time.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileInfo, FileSystemHandler, FileType, PyFileSystem
from tests.simulation.cloud import Cloud
from tests.simulation.functions import Container, Function
from tests.simulation.judge import FACT, FEED, Judge
from tests.simulation.world import Killed

from core.audit.certificate import ROOT as CERTIFICATES
from core.errors import LostCommit, OutOfReach, PipelineBug, StarmendError, TransientFailure
from core.ports import ObjectInfo, ObjectStat, OpenObject, StoredObject
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import parse_object, partition_of
from starmend_reader import Lake, NotKept
from starmend_reader.storage import Storage

HOUR = 3600.0
READS_EVERY = 1.5 * HOUR
HOLDS = 50 * 60  # seconds at most between a read and its last row: operators clean up what was replaced an hour before
PAST = 8 * HOUR  # as far as reads of the past go back
COMMIT = 960.0  # seconds from an object's time, by which it counts, to its commit: a function's time-out and a pause


class AnalystsFiles(FileSystemHandler):
    """The warehouse bucket as Arrow reads Parquet of it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def _body(self, path: str) -> bytes:
        body = self._cloud.partitions.objects.get(path.partition("/")[2])
        if body is None:
            raise FileNotFoundError(path)
        return body

    def get_type_name(self) -> str:
        return "simulated"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: Sequence[str]) -> list[FileInfo]:
        there = self._cloud.partitions.objects
        sizes = [(path, there.get(path.partition("/")[2])) for path in paths]
        return [
            FileInfo(path, FileType.NotFound) if body is None else FileInfo(path, FileType.File, size=len(body))
            for path, body in sizes
        ]

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return pa.BufferReader(self._body(path))

    def open_input_file(self, path: str) -> pa.NativeFile:
        return pa.BufferReader(self._body(path))

    def _refused(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("analysts only read")

    get_file_info_selector = create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refused
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refused


class AnalystsStorage(Storage):
    """The warehouse bucket of one container; an object's time has whole seconds, as S3's."""

    def __init__(self, cloud: Cloud, container: Container) -> None:
        super().__init__(PyFileSystem(AnalystsFiles(cloud)), cloud.partitions.bucket)
        self._objects = container.port(cloud.records, "warehouse")

    def read(self, key: str) -> StoredObject | None:
        return self._objects.read(key)

    def open(self, key: str) -> OpenObject | None:
        stored = self._objects.read(key)
        return OpenObject(stored.stat, io.BytesIO(stored.body)) if stored else None

    def stat(self, key: str) -> ObjectStat | None:
        stat = self._objects.stat(key)
        return ObjectStat(stat.key, stat.size, stat.etag, stat.modified.replace(microsecond=0)) if stat else None

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        for info in self._objects.list(prefix, after=after):
            yield ObjectInfo(info.key, info.size, info.etag, info.modified.replace(microsecond=0))

    def folders(self, folder: str) -> Sequence[str]:
        prefix = f"{folder.rstrip('/')}/"
        names = {info.key.removeprefix(prefix).partition("/")[:2] for info in self._objects.list(prefix)}
        return sorted(f"{prefix}{name}/" for name, slash in names if slash)


class Analyst:
    """Reads tables, and says what they lacked."""

    def __init__(self, cloud: Cloud, judge: Judge, seed: int) -> None:
        self.cloud, self.judge = cloud, judge
        self.world = cloud.world
        self.draw = random.Random(f"analyst {seed}")
        self.commits: dict[str, list[tuple[float, str]]] = {}  # by partition: when, and the object
        self._machine: Function[Container] = Function(
            cloud.world, cloud.weather, "analyst", seconds=2 * HOUR, build=lambda container: container
        )
        self._watch()

    def _watch(self) -> None:
        swap = self.cloud.partitions.swap_pointer

        def swapped(partition: str, target: str, *, expected: str | None) -> Any:
            before = len(self.cloud.partitions.history.get(partition, ()))
            answer = swap(partition, target, expected=expected)
            if len(self.cloud.partitions.history.get(partition, ())) > before:
                self.commits.setdefault(partition, []).append((self.world.time, target))
            return answer

        self.cloud.partitions.swap_pointer = swapped  # type: ignore[method-assign]

    def work(self) -> None:
        """Now and then somebody reads, until the end of the calm."""
        reads = [self._read_now, self._read_certified, self._read_then]
        while True:
            self.world.sleep(self.draw.expovariate(1 / READS_EVERY))
            read = self.draw.choice(reads)
            contracts = self.cloud.contracts
            try:
                self._machine.call(lambda container, read=read, contracts=contracts: read(container, contracts))
            except (Killed, OutOfReach, TransientFailure) as error:
                if self.world._over:
                    raise
                self.judge.counts[f"analyst: {type(error).__name__}"] += 1
            except StarmendError as error:
                self.judge.say(f"an analyst is told {type(error).__name__}: {error}")

    def _lake(self, container: Container, contracts: Any) -> Lake:
        return Lake(contracts, AnalystsStorage(self.cloud, container), clock=container.now)

    # ------------------------------------------------------------ now

    def _read_now(self, container: Container, contracts: Any) -> None:
        """Every partition that there is comes, by an object that was current meanwhile, and all of its rows."""
        name = self.draw.choice([table.name for table in contracts.tables() if table.kind != "calendar"])
        began, before, was_broken = self.world.time, dict(self.judge.targets(name)), self._is_broken(name)
        try:
            rows = self._lake(container, contracts).read(name)
            self._compare(name, rows.objects, before, began, self.world.time)
            bodies = [self.cloud.partitions.objects.get(key) for key in rows.objects]
            self.world.sleep(self.draw.uniform(0, HOLDS))
            whole = rows.arrow()
        except (LostCommit, PipelineBug) as error:
            if not was_broken:
                self._blame(f"{name} cannot be read: {error}", since=began, broken=name)
            return
        self.judge.counts["read now"] += 1
        count = sum(pq.read_metadata(io.BytesIO(body)).num_rows for body in bodies if body)
        if whole.num_rows != count:
            self._blame(f"{name} was read with {whole.num_rows} rows, its objects have {count}", since=began)

    def _compare(
        self, name: str, objects: Sequence[str], before: Mapping[str, str], began: float, ended: float
    ) -> None:
        read = {named.partition: key for key in objects if (named := parse_object(key))}
        for partition, target in before.items():
            current = {target, *(key for at, key in self.commits.get(partition, ()) if began <= at <= ended)}
            if partition not in read:
                self._blame(f"{name} was read without {partition}", since=began)
            elif read[partition] not in current:
                self._blame(f"{name} was read by {read[partition]}, which was not current", since=began)

    # ------------------------------------------------------------ as of a certificate

    def _read_certified(self, container: Container, contracts: Any) -> None:
        """The rows that a certificate of the last hours counts, or the answer that they are removed by now."""
        claims = self._claims()
        if claims is None:
            return
        verified = datetime.fromisoformat(claims["verified_at"]).timestamp()
        place = f"{claims['dataset']}/{claims['number']}"
        names = {table.folder: table.name for table in contracts.tables()}
        counts = {name: count for name, (count, _) in claims["partitions"].items()}
        name = self.draw.choice(sorted({names[folder] for folder in map(_folder, counts) if folder in names} or {FACT}))
        where = [("minute", ">=", claims["start"]), ("minute", "<", claims["end"])] if name == FACT else None
        try:
            lake = self._lake(container, contracts)
            rows = lake.read(name, where=where, as_of=place).arrow()
        except NotKept:
            self.judge.counts["read certified: NotKept"] += 1
            return
        except (LostCommit, PipelineBug) as error:
            self._blame(f"{name} as of {place} cannot be read: {error}", since=verified - HOUR, broken=name)
            return
        self.judge.counts["read certified"] += 1
        table = contracts.table(name)
        given = _by_partition(rows, table)
        for partition, count in counts.items():
            if names.get(_folder(partition)) == name and given.get(partition, 0) != count:
                problem = f"{partition} as of {place} has {given.get(partition, 0)} rows, certified are {count}"
                self._blame(problem, since=verified - HOUR)
        if name == FACT and claims["dataset"] == FEED and rows.num_rows != claims["present"]:
            self._blame(f"{name} as of {place} has {rows.num_rows} points, not {claims['present']}", since=verified)

    def _claims(self) -> dict[str, Any] | None:
        """A certificate of the last hours."""
        dataset = self.draw.choice([contract.dataset for contract in self.cloud.contracts])
        recent = []
        for info in self.cloud.records.list(f"{CERTIFICATES}{dataset}/"):
            stored = self.cloud.records.read(info.key) if info.key[-17:-5].isdigit() else None
            if stored and stored.stat.modified.timestamp() > self.world.time - PAST:
                recent.append(json.loads(stored.body))
        return self.draw.choice(recent) if recent else None

    # ------------------------------------------------------------ as of an instant

    def _read_then(self, container: Container, contracts: Any) -> None:
        """The objects of a time of the last hours, or the answer that they are removed by now."""
        name = self.draw.choice([table.name for table in contracts.tables() if table.kind != "calendar"])
        at = float(int(self.world.time - self.draw.uniform(60, PAST)))
        began, pointed = self.world.time, [partition for partition, _ in self.judge.targets(name)]
        try:
            rows = self._lake(container, contracts).read(name, as_of=datetime.fromtimestamp(at, UTC))
        except NotKept:
            self.judge.counts["read then: NotKept"] += 1
            return
        except (LostCommit, PipelineBug) as error:
            self._blame(f"{name} as of {at} cannot be read: {error}", since=at, broken=name)
            return
        self.judge.counts["read then"] += 1
        read = {named.partition: key for key in rows.objects if (named := parse_object(key))}
        for partition in pointed:
            line = [(when, key) for when, key in self.commits.get(partition, ()) if when <= began]
            own = [key for when, key in line if when <= at][-1:]
            soon = [key for when, key in line if at < when <= at + COMMIT]
            if own and partition not in read:
                self._blame(f"{name} as of {at:.0f} was read without {partition}", since=at)
            elif partition in read and read[partition] not in {*own, *soon}:
                told = f"{name} as of {at:.0f} was read by {read[partition]}, not {own} or {soon[:3]}"
                self._blame(told, since=at)

    def _blame(self, problem: str, *, since: float, broken: str = "") -> None:
        """It is wrong, unless something was destroyed since then, or is broken still and nobody could read it."""
        if self.judge.last_disaster >= since:
            return
        if broken and self._is_broken(broken):
            self.judge.counts["analyst: broken"] += 1
            return
        self.judge.say(problem)

    def _is_broken(self, name: str) -> bool:
        """Whether a partition of the table, or of what its views are made of, waits for the auditor.

        So does one whose first commit was cut off: its rows are owed, and no reader can tell it from one that is lost.
        """
        contract = self.cloud.contracts.dataset(self.cloud.contracts.table(name).dataset)
        stored = {named.partition for key in self.cloud.partitions.objects if (named := parse_object(key))}
        for table in contract.tables:
            for partition in (each for each in stored | {*self.commits} if _folder(each) == table.folder):
                target = self.judge.target_of(partition)
                body = self.cloud.partitions.objects.get(target)
                try:
                    if body is None or not open_object(target, body).is_sound:
                        return True
                except PipelineBug:
                    return True
        return False


def _folder(partition: str) -> str:
    return partition.partition("/")[0]


def _by_partition(rows: pa.Table, table: Any) -> Mapping[str, int]:
    """How many rows each partition has."""
    if not rows.num_rows:
        return {}
    keys = [column for column in rows.column_names if column in {part.name for part in table.partition_by}]
    if not keys:
        return {table.folder: rows.num_rows}
    counted = rows.group_by(keys).aggregate([([], "count_all")]).to_pylist()
    return {
        partition_of(table.folder, "/".join(f"{key}={row[key]}" for key in keys)): row["count_all"] for row in counted
    }

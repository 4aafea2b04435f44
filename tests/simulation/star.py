"""Who reads the certified snapshots of the mirror as an engine does, and holds them to the sources themselves."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping

import pyarrow.parquet as pq
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile
from tests.simulation.cloud import Cloud
from tests.simulation.database import Row, wall
from tests.simulation.judge import FACT, FEED, SHOP, Judge, _epoch

from core.errors import PipelineBug
from core.time import at_epoch, iso
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import parse_object
from mirror.certified.star import CertifiedStar, CertifiedTable
from mirror.certified.step import Uncertified
from mirror.certified.tags import TAG
from mirror.reading import read_mirror

SWEPT = 30 * 3600.0  # seconds after which an audit has looked at all of a database's past, once and a bit
HOURLY = f"{FACT}_hourly"
Files = Mapping[str, bytes]  # by object key


def _is_sound(body: bytes) -> bool:
    """Whether a disaster has not altered an object since it was certified."""
    try:
        return open_object("", body).is_sound
    except PipelineBug:
        return False


class _Input(InputFile):
    def __init__(self, location: str, body: bytes) -> None:
        super().__init__(location)
        self._body = body

    def __len__(self) -> int:
        return len(self._body)

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> InputStream:
        return io.BytesIO(self._body)


class BucketIO(FileIO):
    """The warehouse bucket, as pyiceberg reads it."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self._cloud = cloud

    def new_input(self, location: str) -> InputFile:
        stored = self._cloud.records.read(location.split("/", 3)[3])
        if stored is None:
            raise FileNotFoundError(location)
        return _Input(location, stored.body)

    def new_output(self, location: str) -> OutputFile:
        raise NotImplementedError(location)

    def delete(self, location: object) -> None:
        raise NotImplementedError(location)


class StarWitness:
    """What a star claims is so when it is claimed: no owed point is lacking, and tables of a group are of one state."""

    def __init__(self, cloud: Cloud, judge: Judge) -> None:
        self.cloud, self.judge = cloud, judge
        self._io = BucketIO(cloud)
        self._seen: set[tuple[str, int]] = set()
        self._first: dict[tuple[object, ...], float] = {}  # when a purchase was committed first
        commit = cloud.database.commit

        def committed(transaction: object) -> None:
            commit(transaction)  # type: ignore[arg-type]
            for key in cloud.database.tables["purchase"]:
                self._first.setdefault(key, cloud.world.time)

        cloud.database.commit = committed  # type: ignore[method-assign]

    def see(self, outcome: CertifiedStar | Uncertified) -> None:
        """A dataset was certified just now, or not."""
        if isinstance(outcome, Uncertified):
            self.judge.counts["uncertified"] += 1
            return
        for name in outcome.problems:
            self.judge.counts[f"uncertified {name}"] += 1
        of_group = {name: tagged for name, tagged in outcome.tables.items() if tagged.group == outcome.group}
        for name, tagged in outcome.tables.items() - of_group.items():
            if (name, tagged.snapshot) not in self._seen:  # behind the others, and tagged by itself
                self.judge.counts["certified by itself"] += 1
                self._hold({name: tagged})
        self._seen |= {(name, tagged.snapshot) for name, tagged in outcome.tables.items()}
        self._hold(of_group)

    def _hold(self, of_group: Mapping[str, CertifiedTable]) -> None:
        """Tables that were certified together."""
        named = {name: self._files(name, tagged.snapshot) for name, tagged in of_group.items()}
        whole = {name: objects for name, objects in named.items() if objects is not None}
        files = {name: objects for name, objects in whole.items() if all(map(_is_sound, objects.values()))}
        until = {name: tagged.until for name, tagged in of_group.items()}
        if FACT in files:
            self.judge.counts["certified stars"] += 1
            points = self._points(files[FACT])
            self._complete(points, until[FACT])
            if HOURLY in files:
                self._of_one_state(points, files[HOURLY], until[HOURLY])
        if "fact_purchase" in files:
            self.judge.counts["certified stars"] += 1
            self._has_purchases(files["fact_purchase"], until["fact_purchase"])

    def _files(self, name: str, number: int) -> Files | None:
        """The objects that a snapshot names, read as an engine does; None where a disaster has taken one of them."""
        metadata = read_mirror(name, self.cloud.records).metadata
        snapshot = metadata.snapshot_by_id(number) if metadata else None
        if metadata is None or snapshot is None:
            self.judge.say(f"the certified snapshot {number} of {name} is not there")
            return None
        if (tagged := metadata.snapshot_by_name(TAG)) is None or tagged.snapshot_id != number:
            self.judge.counts["tagged by another"] += 1
        keys = [
            entry.data_file.file_path.split("/", 3)[3]
            for manifest in snapshot.manifests(self._io)
            for entry in manifest.fetch_manifest_entry(self._io)
        ]
        bodies = {key: body for key in keys if (body := self.cloud.partitions.objects.get(key)) is not None}
        for key in keys:
            if key not in bodies and key not in self.judge.lost:
                self.judge.say(f"the certified snapshot of {name} names {key}, which is gone")
        return bodies if len(bodies) == len(keys) else None

    def _rows(self, files: Files, *names: str) -> list[Row]:
        rows = []
        for key, body in files.items():
            named = parse_object(key)
            path = dict(part.split("=") for part in named.partition.split("/")[1:]) if named else {}
            file = pq.ParquetFile(io.BytesIO(body))
            columns = [name for name in names if name in file.schema_arrow.names]
            rows += [{**path, **row} for row in file.read(columns=columns, use_threads=False).to_pylist()]
        return rows

    def _points(self, files: Files) -> set[tuple[str, int]]:
        return {(row["symbol"], _epoch(row["minute"])) for row in self._rows(files, "minute")}

    def _complete(self, points: set[tuple[str, int]], until: int) -> None:
        """Every point that is owed before the claim's end is there, or proven absent."""
        lacking = self.judge._owed(self.judge.first_slot, until) - points - self.judge._proven
        if lacking and not self.judge.lost:
            first = min(lacking, key=lambda point: point[1])
            self.judge.say(
                f"{FACT} is certified until {iso(until)}, and lacks {len(lacking)} points: {first[0]} {iso(first[1])}"
            )

    def _of_one_state(self, points: set[tuple[str, int]], files: Files, until: int) -> None:
        """Each hour of the rollup counts what the fact of the same group has."""
        counted = Counter((entity, second // 3600) for entity, second in points)
        for row in self._rows(files, "hour", "points", "complete"):
            hour = _epoch(row["hour"])
            if not self.judge.first_slot <= hour or hour + 3600 > until:
                continue
            seen = counted[row["symbol"], hour // 3600]
            if row["points"] != seen or not row["complete"]:
                self.judge.say(f"{HOURLY} is certified until {iso(until)}: {row} beside {seen} points of the fact")

    def _has_purchases(self, files: Files, until: int) -> None:
        """Every purchase of before the claim's end that was committed days ago is there."""
        there = {row["purchase_id"] for row in self._rows(files, "purchase_id")}
        cut, now = wall(at_epoch(until)), self.cloud.world.time
        owed = {
            key[0]
            for key, row in self.cloud.database.tables["purchase"].items()
            if row["created_at"] < cut and self._first.get(key, now) < now - SWEPT
        }
        if (lacking := owed - there) and not self.judge.lost:
            self.judge.say(
                f"fact_purchase is certified until {cut}, and lacks {len(lacking)} rows: {sorted(lacking)[:3]}"
            )

    def at_the_end(self, until: float, began: float, stars: Mapping[str, CertifiedStar | Uncertified]) -> None:
        """When nothing fails any more all tables are certified together, and mirrors name what pointers do."""
        for dataset in (FEED, SHOP):
            star = stars.get(dataset)
            if not isinstance(star, CertifiedStar) or star.problems or star.until < until:
                self.judge.say(f"{dataset} is not certified at the end: {star}")
        for table in self.cloud.contracts.tables():
            if table.kind == "calendar":
                continue
            mirrored = {file.key for file in read_mirror(table.name, self.cloud.records).state.files.values()}
            committed = self.judge.committed
            left = [
                each for each, key in self.judge.targets(table.name) if committed[each] < began and key not in mirrored
            ]
            if left:
                self.judge.say(f"the mirror of {table.name} is not as its pointers: {len(left)} partitions, {left[0]}")

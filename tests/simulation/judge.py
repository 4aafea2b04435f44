"""The judge knows the truth and believes nobody: after every commit, certificate and audit the promises are held to it.

What is wrong is kept in ``wrong``, each a sentence with the time at which it was seen; nothing is raised, so that one
fault hides no other.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from tests.fakes.partitions import MemoryPartitions
from tests.simulation.cloud import Cloud, quiet_services
from tests.simulation.database import Row, SimulatedDatabase
from tests.support.answering_provider import Provider

from auditor.evidence.absent import ROOT as ABSENT
from auditor.evidence.absent import Absence, read_absences
from auditor.prove import verify
from auditor.windows import Window
from core.audit.certificate import FIRST_PREVIOUS, certificate_key, hash_of
from core.audit.certificate import ROOT as CERTIFICATES
from core.contract.model import Table, Take
from core.errors import PipelineBug, StarmendError
from core.landing.zone import RECEIPTS, landing_of
from core.mirroring.held import held_objects
from core.ports import Refused, Written
from core.time import iso
from core.warehouse.pointer import ROOT as POINTERS
from core.warehouse.pointer import parse_object, parse_pointer, pointer_key, table_of

FEED, SHOP, FACT = "prices", "shop", "fact_price"
STEP = 1800  # seconds between points
AGREED_AFTER = 3600  # seconds between answers of two audits, at least
Keys = frozenset[tuple[Any, ...]]


class Judge:
    """Watches the warehouse of a cloud; ``disturbed`` are partitions that a disaster has hit and nobody has healed."""

    def __init__(self, cloud: Cloud, provider: Provider) -> None:
        self.cloud = cloud
        self.provider = provider
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()
        self.reading: Counter[str] = Counter()
        self.first_slot = 0
        self.lost: set[str] = set()  # objects that a disaster took
        self.last_disaster = self.last_commit = float("-inf")
        self.committed: dict[str, float] = {}  # when a partition was committed last
        self.stops = False  # at the first wrong thing
        self.resumed = float("-inf")  # when a pause ended
        self.since: dict[str, int] = {}  # the first slot of entities that came later
        self.may_have_fewer: set[str] = set()
        self._mirrored: dict[str, frozenset[str]] = {}
        self._keys: dict[str, Keys] = {}
        self._of_objects: dict[str, tuple[str, Keys]] = {}
        self._points: dict[str, frozenset[tuple[str, int]]] = {}
        self._proven: set[tuple[str, int]] = set()
        self._asked: dict[str, list[tuple[float, int, int]]] = {}  # by entity: when, and the interval
        self._watch(cloud.partitions)
        self._watch_certificates()

    def say(self, problem: str) -> None:
        """Something is wrong."""
        self.wrong.append(f"{self.cloud.world.now:%m-%d %H:%M:%S} {problem}")
        self.cloud.world.is_stopped = self.stops

    # ------------------------------------------------------------ at every effect

    def _watch(self, partitions: MemoryPartitions) -> None:
        swap, delete = partitions.swap_pointer, partitions.delete

        def swapped(partition: str, target: str, *, expected: str | None) -> Written | Refused:
            answer = swap(partition, target, expected=expected)
            if isinstance(answer, Written):
                self._see_commit(partition, target)
            return answer

        def deleted(keys: Sequence[str]) -> None:
            gone = list(keys)
            for key in gone:
                self._see_removal(key)
            delete(gone)

        partitions.swap_pointer = swapped  # type: ignore[method-assign]
        partitions.delete = deleted  # type: ignore[method-assign, assignment]

    def _see_commit(self, partition: str, target: str) -> None:
        """Readers never see fewer keys, nor one twice."""
        self.counts["commits"] += 1
        self.committed[partition] = self.cloud.world.time
        if partition.startswith("fact_") and not partition.startswith(f"{FACT}_hourly"):
            self.last_commit = self.cloud.world.time
        body = self.cloud.partitions.objects.get(target)
        if body is None:
            self.say(f"{partition} points to {target}, which is not there")
            return
        file = pq.ParquetFile(io.BytesIO(body))
        names = [name for name in self._key_of(partition) if name in file.schema_arrow.names]
        rows = file.read(columns=names, use_threads=False)
        listed = list(zip(*(rows.column(name).to_pylist() for name in names), strict=True)) if names else []
        keys = frozenset(listed)
        if len(keys) != len(listed):
            self.say(f"{partition} has a key twice in {target}")
        before = self._keys.get(partition, frozenset())
        if (fewer := before - keys) and partition not in self.may_have_fewer:
            self.say(f"{partition} has {len(fewer)} keys fewer: {sorted(fewer, key=str)[:3]}")
        self._keys[partition] = keys

    def _key_of(self, partition: str) -> Sequence[str]:
        folder = table_of(partition)
        for table in self.cloud.contracts.tables():
            if table.folder == folder:
                return table.key
        if folder.startswith("_current/"):
            name = folder.removeprefix("_current/").partition(".")[0]
            for contract in self.cloud.contracts:
                for source in contract.source.tables if contract.source else ():
                    if source.name == name or f"{contract.dataset}.{source.name}" == name:
                        return source.key
        return ()

    def _see_removal(self, key: str) -> None:
        """Nothing is removed that a pointer names or somebody reads."""
        named = parse_object(key)
        if named is None:
            return
        self.counts["removals"] += 1
        if self.reading[key]:
            self.say(f"{key} was removed while somebody read it")
        if self.target_of(named.partition) == key:
            self.say(f"{key} was removed, and is current")
        if key in self._mirrored.get(table_of(named.partition), ()):
            self.say(f"{key} was removed, and a snapshot of the mirror names it")

    def replaced_in_use(self) -> set[str]:
        """The tables of which somebody reads an object that is no longer current."""
        read = [(key, parse_object(key)) for key, readers in self.reading.items() if readers]
        replaced = {table_of(name.partition) for key, name in read if name and self.target_of(name.partition) != key}
        return replaced & {table.name for table in self.cloud.contracts.tables() if table.kind != "calendar"}

    def see_mirror(self, name: str) -> None:
        """Whatever the live snapshots of a mirror name is there, unless a disaster has taken it."""
        try:
            held = held_objects(self.cloud.records, name)
        except PipelineBug:  # a run that was killed between its commit and its hint, or another of now
            return
        gone = [key for key in held if key not in self.cloud.partitions.objects and key not in self.lost]
        if gone:
            self.say(f"snapshots of the mirror of {name} name {len(gone)} objects that are gone: {gone[0]}")
        self._mirrored[name] = held

    def target_of(self, partition: str) -> str:
        """What a pointer names; empty where it is lost."""
        key = pointer_key(partition)
        body = self.cloud.partitions.objects.get(key)
        try:
            return parse_pointer(body, bucket=self.cloud.partitions.bucket, place=key) if body else ""
        except StarmendError:
            return ""

    def _watch_certificates(self) -> None:
        write = self.cloud.records.write

        def written(key: str, body: bytes, **conditions: Any) -> Written | Refused:
            answer = write(key, body, **conditions)
            if isinstance(answer, Written) and key.startswith(CERTIFICATES) and key[-17:-5].isdigit():
                self._see_certificate(json.loads(body))
            elif isinstance(answer, Written) and key.startswith(f"{ABSENT}dataset={FEED}/"):
                self._see_absence(Absence.from_json(body))
            return answer

        self.cloud.records.write = written  # type: ignore[method-assign]

    # ------------------------------------------------------------ certificates

    def asked(self, path: str) -> None:
        """The provider is asked, and answers."""
        parts = urlsplit(path)
        _, kind, entity = parts.path.split("/")
        if kind == "history":
            query = parse_qs(parts.query)
            start, end = (_second(query[name][0]) for name in ("start", "end"))
            self._asked.setdefault(entity, []).append((self.cloud.world.time, start, end))

    def _see_absence(self, absence: Absence) -> None:
        """Nothing is proven absent by answers of one time, or that the provider had within the last two hours."""
        asked = self.cloud.world.time - 7200
        for start, end in absence.ranges:
            times = [at for at, first, last in self._asked.get(absence.entity, ()) if first < end and start < last]
            if not times or times[-1] - times[0] < AGREED_AFTER:
                self.say(f"{absence.entity} {iso(start)} is proven absent, and was asked for once")
        for start, end in absence.ranges:
            for slot in range(start, end, STEP):
                point = absence.entity, slot
                self._proven.add(point)
                self.counts["absent"] += 1
                if point not in self.provider.holes and self.provider.late.get(point, slot + 2 * STEP) < asked:
                    self.say(f"{absence.entity} {iso(slot)} is proven absent, and the provider has it")

    def _see_certificate(self, claims: Mapping[str, Any]) -> None:
        """Nothing is certified that is not so."""
        self.counts["certificates"] += 1
        before = self.cloud.records.read(certificate_key(claims["dataset"], claims["number"] - 1))
        if claims["previous"] != (hash_of(before.body) if before else FIRST_PREVIOUS):
            self.say(f"certificate {claims['number']} of {claims['dataset']} does not name the one before it")
        if claims["present"] + claims["absent"] != claims["expected"] and claims["dataset"] == FEED:
            self.say(f"certificate {claims['number']} of {claims['dataset']} does not add up")
        if claims["dataset"] == FEED:
            self._see_window(claims)
        else:
            self._see_slice(claims)

    def _see_slice(self, claims: Mapping[str, Any]) -> None:
        """No slice of a database is certified while a transaction is open that may have rows in it."""
        end = datetime.fromisoformat(claims["end"])
        self.counts["certified slices"] += 1
        for transaction in self.cloud.database.open:
            if transaction.began < end and end.year < 9999:  # the whole of a table is as it was when it was verified
                self.say(
                    f"certificate {claims['number']} ends at {end}, a transaction is open since {transaction.began}"
                )

    def _see_window(self, claims: Mapping[str, Any]) -> None:
        start, end = (int(datetime.fromisoformat(claims[name]).timestamp()) for name in ("start", "end"))
        absent = {
            (entity, slot)
            for entity, ranges in claims["absent_points"].items()
            for first, last in ranges
            for slot in range(_second(first), _second(last), STEP)
        }
        if unproven := absent - self._proven:
            self.say(f"certificate {claims['number']}: {len(unproven)} points are absent without proof")
        present = {point for point in self.points(since=start) if start <= point[1] < end}
        if len(present) < claims["present"]:
            self.say(f"certificate {claims['number']} counts {claims['present']} points, {len(present)} are there")

    # ------------------------------------------------------------ what is there

    def points(self, *, since: int = 0) -> set[tuple[str, int]]:
        """The points that readers see."""
        seen: set[tuple[str, int]] = set()
        for partition, target in self.targets(FACT):
            day = partition.rpartition("day=")[2]
            if since and _second(f"{day}T00:00:00Z") + 86_400 <= since:
                continue
            if target not in self._points:
                entity = partition.split("symbol=")[1].split("/")[0]
                body = self.cloud.partitions.objects.get(target)
                file = pq.ParquetFile(io.BytesIO(body)) if body else None
                minutes = file.read(columns=["minute"], use_threads=False)["minute"].to_pylist() if file else []
                seconds = (int(minute.replace(tzinfo=UTC).timestamp()) for minute in minutes)
                self._points[target] = frozenset((entity, second) for second in seconds)
            seen |= self._points[target]
        return seen

    def targets(self, table: str) -> Iterator[tuple[str, str]]:
        """Each partition of a table with the object that its pointer names."""
        folder = f"{POINTERS}{self.cloud.contracts.table(table).folder}/"
        for info in list(self.cloud.partitions.list(folder)):
            if info.key.endswith("/symlink.txt"):
                partition = info.key.removeprefix(POINTERS).removesuffix("/symlink.txt")
                if target := self.target_of(partition):
                    yield partition, target

    def rows(self, table: str) -> list[Row]:
        """The rows that readers see, with the columns of their path."""
        rows = []
        for partition, target in self.targets(table):
            path = dict(part.split("=") for part in partition.split("/")[1:])
            rows += [{**path, **row} for row in self._read(partition, target)]
        return rows

    def _read(self, partition: str, target: str, columns: Sequence[str] | None = None) -> list[Row]:
        """The rows of an object; none where it is gone or altered, which is said."""
        body = self.cloud.partitions.objects.get(target)
        try:
            file = pq.ParquetFile(io.BytesIO(body or b""))
            return file.read(columns=columns, use_threads=False).to_pylist()  # type: ignore[no-any-return]
        except (pa.ArrowException, OSError) as error:
            self.say(f"{partition} cannot be read by {target}: {error}")
            return []

    def keys_of(self, table: str) -> set[Any]:
        """The first columns of the keys that readers see."""
        return {key[0] for partition, _ in self.targets(table) for key in self._keys.get(partition, ())}

    def absent(self, since: int, until: int) -> set[tuple[str, int]]:
        """The points that are proven absent."""
        absences = read_absences(self.cloud.records, FEED, [Window(since, until)], workers=1)
        return {(a.entity, slot) for a in absences for start, end in a.ranges for slot in range(start, end, STEP)}

    # ------------------------------------------------------------ after every audit

    def after_audit(self, dataset: str) -> None:
        """What is overdue by hours was told to somebody."""
        self.counts["audits"] += 1
        if dataset != FEED:
            return
        feed, now = self.cloud.contracts.feed(FEED), int(self.cloud.world.time)
        if FEED in self.cloud.paused or now < self.resumed + feed.complete_within + 8 * 3600:
            return
        since, until = max(self.first_slot, now - 2 * 86_400), now - feed.complete_within - 6 * 3600
        overdue = self._owed(since, until) - self.points(since=since)
        hard = now - feed.complete_within - 30 * 3600  # what speaks against a hole makes its proof take a day
        overdue = {point for point in overdue if point[1] < hard or self.provider.has(*point)}
        overdue -= self.absent(since, max(until, since)) if overdue else set()
        named = self._named() if overdue else {}
        for entity in sorted({entity for entity, _ in overdue} - named.keys()):
            slots = sorted(slot for name, slot in overdue if name == entity)
            self.say(f"{entity} lacks {len(slots)} points since {iso(slots[0])}, and nobody was told")

    def _owed(self, since: int, until: int) -> set[tuple[str, int]]:
        slots = range(-(-since // STEP) * STEP, until, STEP)
        entities = [entity.name for entity in self.cloud.contracts.feed(FEED).entities]
        return {(entity, slot) for entity in entities for slot in slots if slot >= self.since.get(entity, 0)}

    def _named(self) -> dict[str, str]:
        """The entities that an open cause names, or that somebody was told of since it is open: both are no news."""
        named: dict[str, str] = {}
        for info in self.cloud.records.list(f"audit/causes/{FEED}/"):
            stored = self.cloud.records.read(info.key)
            memory = json.loads(stored.body) if stored else {}
            if memory.get("open"):
                named |= dict.fromkeys([*memory["cause"].get("places", {}), *memory.get("told", {})], info.key)
        return named

    # ------------------------------------------------------------ at the end of time

    def at_the_end(self, until: int) -> None:
        """Everything equals the source, objects and receipts are all there, nothing is open, and ``verify`` agrees."""
        self._end_of_feed(until)
        self._end_of_database(self.cloud.database)
        self._end_of_objects()
        services = quiet_services(self.cloud)
        for contract in self.cloud.contracts:
            verified = verify(
                self.cloud.contracts, contract.dataset, records=services.records, partitions=services.partitions
            )
            for failure in verified.failures:
                self.say(f"verify {contract.dataset}: {failure.partition} {failure.window}: {failure.problem}")
            for info in self.cloud.records.list(f"audit/causes/{contract.dataset}/"):
                stored = self.cloud.records.read(info.key)
                if stored and json.loads(stored.body).get("open"):
                    self.say(f"{info.key} is open at the end")
        if self.cloud.arrivals.dead:
            self.say(f"{len(self.cloud.arrivals.dead)} dead letters at the end")

    def _end_of_feed(self, until: int) -> None:
        rows = {(row["symbol"], _epoch(row["minute"])): row["price"] for row in self.rows(FACT)}
        absent = self.absent(self.first_slot, until)
        wrong: dict[str, list[str]] = {}
        for point in sorted(self._owed(self.first_slot, until)):
            self.counts["points"] += 1
            if point in rows:
                if rows[point] != self.provider.price(*point):
                    wrong.setdefault(f"{point[0]} has another value", []).append(iso(point[1]))
            elif point in self.provider.holes:
                if point not in absent:
                    wrong.setdefault(f"{point[0]} is a hole and not proven absent", []).append(iso(point[1]))
            elif point not in absent or not self.provider.late.get(point):
                wrong.setdefault(f"{point[0]} did not heal", []).append(iso(point[1]))
        for problem, slots in wrong.items():
            self.say(f"{problem}: {len(slots)} points from {slots[0]} to {slots[-1]}")

    def _end_of_database(self, database: SimulatedDatabase) -> None:
        for contract in self.cloud.contracts:
            if contract.dataset != SHOP or contract.source is None:
                continue
            for table in contract.tables:
                if table.kind in ("fact", "dimension"):
                    self._compare(table, contract.source.tables, database)

    def _compare(self, table: Table, sources: Sequence[Any], database: SimulatedDatabase) -> None:
        source = next(each for each in sources if each.name == table.source)
        taken = {
            column.name: column.rule.field
            for column in table.columns
            if isinstance(column.rule, Take)
            and column.rule.form == "value"
            and column.name not in (table.deleted, table.checked)
        }
        key = source.key[0]
        ours: dict[Any, list[Any]] = {}
        for row in self.rows(table.name):
            if row.get("is_latest", True) and row.get(table.deleted or "deleted_at") is None:
                if row[key] in ours:
                    self.say(f"{table.name} {row[key]} is there twice")
                ours[row[key]] = [row.get(name) for name in taken]  # older objects may lack a column
        self.counts["rows"] += len(ours)
        wrong = []
        theirs = {row[key]: [row[name] for name in taken.values()] for row in database.tables[source.name].values()}
        deleted_stay = table.kind == "dimension"
        for number in sorted({*ours, *theirs}):
            if ours.get(number) != theirs.get(number) and not (deleted_stay and number not in theirs):
                wrong.append(f"{number}: {ours.get(number)}, the source has {theirs.get(number)}")
        if wrong:
            self.say(f"{table.name}: {len(wrong)} rows differ, {wrong[0]}")

    def _end_of_objects(self) -> None:
        for info in list(self.cloud.ingest.list("")):
            landing = landing_of(info.key)
            if landing is None:
                continue
            self.counts["objects"] += 1
            stored = self.cloud.records.read(landing.receipt_key)
            if stored is None:
                self.say(f"{info.key} has no receipt")
                continue
            receipt = json.loads(stored.body)
            if receipt["lines_in"] != receipt["accepted"] + receipt["rejected"] + receipt["outside"]:
                self.say(f"the receipt of {info.key} does not add up")
        for info in list(self.cloud.records.list(RECEIPTS)):
            stored = self.cloud.records.read(info.key)
            key = json.loads(stored.body)["object"] if stored else ""
            if key and self.cloud.ingest.stat(key) is None:
                self.say(f"{key} was lost, and is not brought back")


def _second(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _epoch(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())

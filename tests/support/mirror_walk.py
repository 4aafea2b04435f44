"""A walk of a mirror: sales, runs that are killed, certificates, time, changes of the contract, losses and a vacuum.

After each step PyIceberg reads some snapshots of the last version, which are held to what they were when they were
made.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.contracts import changed
from tests.support.engines import text_rows
from tests.support.mirrored import Shop, rows_of
from tests.support.rebuild_histories import with_table

from core.errors import TransientFailure
from core.mirroring.held import held_objects
from core.mirroring.names import hint_key, metadata_prefix
from mirror.certified.tags import TAG, Claim, certify_snapshot
from mirror.commit import Mirrored, mirror_table
from mirror.reading import read_mirror

SALES = "fact_sale"
EFFECTS = ("write", "delete", "move")
FACT = "warehouse/fact_sale"
LEVELS = ("month(created_at)", "day(created_at)", ["bucket(sale_id, 2)", "year(created_at)"])
Rows = list[tuple[Any, ...]]
Reader = Callable[[str, int], list[list[str]]]  # of a metadata's place and a snapshot, as ``text_rows``


class Killed(BaseException):
    """The process is gone."""


def walked(folder: Path, seed: int, *, steps: int, reader: Reader | None = None) -> list[str]:
    """What is wrong after any of the steps of the walk with this seed, to another reader too, if there is one."""
    walk = _Walk(folder, seed, reader)
    faults: list[str] = []
    for step in range(steps):
        name = walk.step()
        faults += [f"step {step} ({name}): {fault}" for fault in walk.faults()]
    return faults


class _Walk:
    def __init__(self, folder: Path, seed: int, reader: Reader | None) -> None:
        self._reader, self._draw = reader, random.Random(seed)
        self._contract, self._generation = changed(f"{FACT}/partition_by", self._draw.choice(LEVELS)), ""
        self._shop = Shop(folder, self._contract, seed=str(seed))
        self._made: dict[int, Rows] = {}
        self._tagged: int | None = None
        self._steps: dict[str, tuple[int, Callable[[], None]]] = {
            "sell": (8, self._sell),
            "mirror": (8, self._mirror),
            "kill": (4, self._kill),
            "certify": (3, self._certify),
            "wait": (3, self._wait),
            "change": (2, self._change),
            "vacuum": (2, self._vacuum),
            "lose the state": (1, self._lose_state),
            "lose the hint": (1, self._lose_hint),
        }

    def step(self) -> str:
        names = list(self._steps)
        (name,) = self._draw.choices(names, [weight for weight, _ in self._steps.values()])
        self._steps[name][1]()
        return name

    # ------------------------------------------------------------ steps

    def _sell(self) -> None:
        day = f"{self._draw.choice([2025, 2026])}-{self._draw.randint(9, 11):02d}-{self._draw.randint(1, 4):02d}"
        self._shop.sell(self._draw.randint(1, 3), created=f"{day}T00:00:00")

    def _mirror(self) -> None:
        self._shop.now += timedelta(minutes=1)
        outcome = mirror_table(self._shop.table(SALES), self._shop.services)
        assert isinstance(outcome, Mirrored), outcome
        self._remember()

    def _kill(self) -> None:
        """A run ends before or after one of its effects; the next goes on."""
        left = [self._draw.randint(0, 7)]

        def kill(effect: str, _key: str) -> None:
            left[0] -= effect in EFFECTS
            if left[0] < 0:
                raise Killed

        when = self._draw.choice(["before", "after"])
        setattr(self._shop.objects, when, kill)
        try:
            self._draw.choice([self._mirror, self._certify])()
        except Killed:
            self._tagged = None  # or it is, and nobody was told
        finally:
            setattr(self._shop.objects, when, lambda _effect, _key: None)
        self._mirror()

    def _certify(self) -> None:
        """Of the last snapshot, while another run may have made one more."""
        proven = read_mirror(SALES, self._shop.objects)
        if proven.metadata is None or proven.metadata.current_snapshot_id is None or not proven.state_key:
            return
        rows = self._made.get(proven.metadata.current_snapshot_id)
        if self._draw.random() < 0.3:
            self._sell()
            self._mirror()
        self._shop.now += timedelta(minutes=1)
        claim = Claim(int(self._shop.now.timestamp()), ("shop/1 -",), f"{self._draw.random()}")
        try:
            twin = certify_snapshot(self._shop.table(SALES), proven, claim, self._shop.services)
        except TransientFailure:  # the run in between let the snapshot go, which was old
            return
        if rows is not None:
            self._made[twin.snapshot] = rows
        self._tagged = twin.snapshot

    def _wait(self) -> None:
        """Or another machine has another clock: it goes back, further than a run is away from the last."""
        hours = self._draw.choice([1, 5, 7, 30, 24 * 8, -1 / 30, -2])
        self._shop.now += timedelta(hours=hours)

    def _change(self) -> None:
        """The contract: a column more or less, a wider type, another name, other partitions."""
        columns = self._contract["warehouse"][SALES]["columns"]
        match self._draw.randrange(4):
            case 0:
                note = ... if "note" in columns else "string"
                self._contract = changed(f"{FACT}/columns/note", note, contract=self._contract)
            case 1:
                wider = changed("source/tables/sale/columns/person_id", "bigint", contract=self._contract)
                self._contract = changed(f"{FACT}/columns/person_id/type", "bigint", contract=wider)
            case 2:
                old, new = ("price", "cost") if "price" in columns else ("cost", "price")
                without = changed(f"{FACT}/columns/{old}", ..., contract=self._contract)
                column = {"type": "decimal(10,2)", "from": "price"}
                self._contract = changed(f"{FACT}/columns/{new}", column, contract=without)
            case _:
                levels = self._draw.choice(LEVELS)
                self._contract = changed(f"{FACT}/partition_by", levels, contract=self._contract)
                self._generation = f"{self._draw.getrandbits(32):08x}"
        self._shop.deployed(self._contract)
        table = replace(self._shop.table(SALES), generation=self._generation)
        self._shop.lake.deployed(with_table(self._shop.lake.services.contracts, table))
        self._mirror()

    def _vacuum(self) -> None:
        """All goes that neither a pointer nor the mirror names: at once, which no vacuum does."""
        held = held_objects(self._shop.objects, SALES)
        current = {self._shop.lake.snapshot(SALES, path).key for path in self._shop.lake.paths(SALES)}
        stored = [info.key for info in self._shop.objects.list("warehouse/_data/fact_sale")]
        if gone := [key for key in stored if key not in held | current]:
            self._shop.objects.delete(gone)
            self._shop.lake.partitions.delete(gone)

    def _lose_state(self) -> None:
        """The older snapshots go with it, the certified ones too."""
        if key := read_mirror(SALES, self._shop.objects).state_key:
            self._shop.objects.delete([key])
            self._tagged = None
        self._mirror()

    def _lose_hint(self) -> None:
        self._shop.objects.delete([hint_key(SALES)])
        self._mirror()

    # ------------------------------------------------------------ what is so afterwards

    def _remember(self) -> None:
        opened = self._shop.opened(SALES)
        snapshot = opened.metadata.current_snapshot_id
        if snapshot is not None:
            self._made[snapshot] = self._shop.rows_by_pointers(SALES)

    def faults(self) -> Iterator[str]:
        if not list(self._shop.objects.list(metadata_prefix(SALES))):
            return
        opened, metadata = self._shop.opened(SALES), self._shop.opened(SALES).metadata
        live = [each.snapshot_id for each in metadata.snapshots]
        newest = metadata.current_snapshot_id
        for number in {newest, *self._draw.sample(live, min(2, len(live)))} - {None}:
            if number in self._made and not self._is_same(opened.scan(snapshot_id=number).to_arrow(), number):
                yield f"snapshot {number} of {len(live)} is not what it was"
            if number in self._made and self._reader is not None:
                wanted = text_rows(self._made[number])
                read = self._reader(opened.metadata_location, number)
                width = len(wanted[0]) if wanted else 0
                if sorted(row[:width] for row in read) != wanted:
                    yield f"snapshot {number} of {len(live)} is not what it was to the other reader"
        tag = metadata.refs.get(TAG)
        if tag is not None and self._tagged is not None and tag.snapshot_id != self._tagged:
            yield "the tag names another snapshot"

    def _is_same(self, read: Any, number: int) -> bool:
        """Without columns that only partitions of other times are of, which stand at the end."""
        wanted = self._made[number]
        width = len(wanted[0]) if wanted else 0
        return rows_of(read.select(read.column_names[:width])) == wanted if width else read.num_rows == 0

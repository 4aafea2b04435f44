"""The workload, nasty on purpose: bursts, ties, hot keys, long transactions, silent changes, outages, disasters."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from tests.simulation.cloud import Cloud
from tests.simulation.database import SimulatedDatabase, Transaction, wall
from tests.simulation.judge import FACT, FEED, SHOP, STEP, Judge
from tests.simulation.weather import SERVICES
from tests.support.answering_provider import ERRORS, MOODS, Provider

from core.warehouse.pointer import pointer_key, table_of

HOUR, DAY = 3600.0, 86_400.0
HOLES, LATE = 0.01, 0.01
PRETENDING = ("silent", "nulls", "no date", "page in header")  # moods in which answers lack points that there are
KNOWN_HOURS = 12  # at the beginning, in which values are right: what nothing is known of can be held against nothing


@dataclass
class Workload:
    """Everything outside of the pipeline, until ``until``; what it draws follows from the seed."""

    cloud: Cloud
    judge: Judge
    provider: Provider
    seed: int
    until: float
    off: frozenset[str] = frozenset()
    on_lost: Callable[[str], None] = lambda _table: None  # an object of this table is gone, and somebody has seen it

    def __post_init__(self) -> None:
        self.world = self.cloud.world
        self.draw = random.Random(f"workload {self.seed}")
        self._next_id = 0
        self.began = self.world.time

    def begin(self) -> None:
        """Create the tables, draw the provider's holes, and let all actors loose."""
        database = self.cloud.database
        database.create(
            "customer", ["customer_id"],
            customer_id="int", name="string", city="string?", created_at="timestamp", last_updated="timestamp",
        )  # fmt: skip
        database.create(
            "purchase", ["purchase_id"], purchase_id="int", customer_id="int", amount="decimal", note="string?",
            created_at="timestamp", last_updated="timestamp",
        )  # fmt: skip
        self._draw_points()
        for name, actor in (
            ("shop", self._sell), ("reader", self._read), ("moods", self._moods), ("spells", self._spells),
            ("database", self._database), ("firehose", self._stall), ("disasters", self._disasters),
        ):  # fmt: skip
            if name not in self.off:
                self.world.spawn(actor)

    def _draw_points(self) -> None:
        first = int(self.world.time) // STEP * STEP
        for entity in self.cloud.contracts.feed(FEED).entities:
            for slot in range(first, int(self.until), STEP):
                luck = self.draw.random()
                if luck < HOLES:
                    self.provider.holes.add((entity.name, slot))
                elif luck < HOLES + LATE:
                    self.provider.late[entity.name, slot] = slot + self.draw.choice([2, 5, 30]) * 3600

    def _while(self, pause: Callable[[], float]) -> Any:
        while self.world.time < self.until:
            self.world.sleep(pause())
            if self.world.time < self.until:
                yield

    # ------------------------------------------------------------ the shop

    def _sell(self) -> None:
        """An application: most transactions are short, some stay open for hours, some are rolled back."""
        for _ in self._while(lambda: self.draw.expovariate(1 / 900)):
            for _ in range(self.draw.randint(5, 15) if self.draw.random() < 0.03 else 1):
                self.world.spawn(self._transaction)
                self.world.sleep(self.draw.random())

    def _transaction(self) -> None:
        draw, database = self.draw, self.cloud.database
        transaction = database.begin()
        for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
            self._change(database, transaction)
            if draw.random() < 0.3:
                self.world.sleep(draw.expovariate(1 / 5))
        if draw.random() < 0.02:
            self.world.sleep(draw.uniform(60, 3 * HOUR))
        elif draw.random() < 0.5:
            self.world.sleep(draw.expovariate(1 / 2))
        if transaction in database.open:
            (database.rollback if draw.random() < 0.05 else database.commit)(transaction)

    def _change(self, database: SimulatedDatabase, transaction: Transaction) -> None:
        draw = self.draw
        clock = transaction.began if draw.random() < 0.7 else database.now()
        at = wall(clock)
        if draw.random() < 0.3:
            at = at.replace(microsecond=0) + timedelta(seconds=1)  # ties; never earlier than the transaction began
        luck = draw.random()
        if luck < 0.12 or not database.tables["customer"]:
            self._next_id += 1
            row = {"customer_id": self._next_id, "name": self._text(), "city": None, "created_at": at}
            database.put(transaction, "customer", {**row, "last_updated": at})
        elif luck < 0.55 or not database.tables["purchase"]:
            self._next_id += 1
            amount = Decimal(draw.randint(-10_000, 1_000_000)).scaleb(-2)
            owner = draw.choice([*database.tables["customer"]])[0] if draw.random() < 0.97 else self._next_id + 5
            row = {"purchase_id": self._next_id, "customer_id": owner, "amount": amount, "note": self._text()}
            database.put(transaction, "purchase", {**row, "created_at": at, "last_updated": at})
        else:
            self._alter(database, transaction, at, is_delete=luck > 0.95)

    def _alter(self, database: SimulatedDatabase, transaction: Transaction, at: Any, *, is_delete: bool) -> None:
        """Update or delete a row that nobody holds; the first ones are hot."""
        draw = self.draw
        table = "customer" if draw.random() < 0.25 and not is_delete else "purchase"
        keys = [*database.tables[table]]
        key = keys[min(int(draw.expovariate(4 / len(keys))), len(keys) - 1)]
        if database.is_locked(table, key):
            return
        if is_delete:
            database.delete(transaction, table, key)
            return
        row = dict(database.tables[table][key])
        row["note" if table == "purchase" else "city"] = None if draw.random() < 0.1 else self._text()
        if table == "purchase" and draw.random() < 0.5:
            row["amount"] += 1
        if "channel" in row:
            row["channel"] = draw.choice([None, "web", "shop"])
        if draw.random() >= 0.08:  # else a silent change: somebody went past the application
            row["last_updated"] = max(at, row["last_updated"])
        database.put(transaction, table, row)

    def _text(self) -> str:
        texts = ["", "plain", 'with "quotes", commas', "line\nbreak", "ünï", "\\ back"]
        return self.draw.choice([*texts, f"{self.draw.random()}"])

    def settle(self) -> None:
        """The application ends: what was open is rolled back, and parents that purchases wait for are made."""
        database = self.cloud.database
        for transaction in [*database.open]:
            database.rollback(transaction)
        transaction, at = database.begin(), wall(database.now())
        owners = {row["customer_id"] for row in database.tables["purchase"].values()}
        for number in sorted(owners - {key[0] for key in database.tables["customer"]}):
            row = {"customer_id": number, "name": "late", "city": None, "created_at": at, "last_updated": at}
            database.put(transaction, "customer", row)
        database.commit(transaction)

    # ------------------------------------------------------------ readers

    def _read(self) -> None:
        """Somebody follows a pointer, and reads the object up to an hour later."""
        for _ in self._while(lambda: self.draw.expovariate(1 / 600)):
            tables = [table.name for table in self.cloud.contracts.tables()]
            targets = [*self.judge.targets(self.draw.choice(tables))]
            if targets:
                target = self._one(targets)[1]
                self.world.spawn(partial(self._hold, target))

    def _hold(self, target: str) -> None:
        self.judge.reading[target] += 1
        self.world.sleep(self.draw.uniform(0, 55 * 60))
        self.judge.reading[target] -= 1

    # ------------------------------------------------------------ bad days

    def _moods(self) -> None:
        """The provider has moods."""
        for _ in self._while(lambda: self.draw.expovariate(1 / (8 * HOUR))):
            is_known = self.world.time > self.began + KNOWN_HOURS * HOUR
            hours = self.draw.choice([0.3, 1, 2, 5])
            if self.draw.random() < 0.3:  # an outage of both, in which history pretends that there is nothing
                self.provider.mood, self.provider.live_mood = self.draw.choice(PRETENDING), "html"
                hours += 4
            else:
                self.provider.mood = self.draw.choice([mood for mood in MOODS if is_known or mood != "shifted"])
                self.provider.live_mood = self.draw.choice(["", "", "zeros", "html", "no date"])
            if is_known and self.draw.random() < 0.2:
                self.provider.error = self.draw.choice([*ERRORS])
            self.cloud.weather.counts["mood"] += 1
            self.world.sleep(hours * HOUR)
            self.provider.mood = self.provider.live_mood = self.provider.error = ""

    def _spells(self) -> None:
        """A service fails often, or always, for a while."""
        for _ in self._while(lambda: self.draw.expovariate(1 / (6 * HOUR))):
            rate = self.draw.choice([0.02, 0.1, 0.5, 1.0])
            until = self.world.time + self.draw.choice([2, 10, 40]) * 60 * (1 if rate < 1 else 0.5)
            self.cloud.weather.spell(self.draw.choice(SERVICES), until, rate)

    def _database(self) -> None:
        """The database is down for a while; what its sessions had not committed is gone."""
        for _ in self._while(lambda: self.draw.expovariate(1 / (1.5 * DAY))):
            database = self.cloud.database
            database.is_down = True
            self.cloud.weather.counts["database down"] += 1
            self.world.sleep(self.draw.uniform(10, 5400))
            database.is_down = False

    def _stall(self) -> None:
        """Delivery stops for hours."""
        for _ in self._while(lambda: self.draw.expovariate(1 / (2 * DAY))):
            self.cloud.streams[FEED].stalled_until = self.world.time + self.draw.uniform(600, 5 * HOUR)
            self.cloud.weather.counts["delivery stalled"] += 1

    def _disasters(self) -> None:
        """Somebody with the keys to everything."""
        for _ in self._while(lambda: self.draw.expovariate(2 / DAY)):
            disaster = self.draw.choice([
                self._lose_objects, self._lose_pointer, self._overwrite_pointer, self._lose_data, self._alter_data,
                self._lose_parameters, self._lose_receipts,
            ])  # fmt: skip
            if disaster():
                self.judge.last_disaster = self.world.time
                self.cloud.weather.counts[disaster.__name__.strip("_").replace("_", " ")] += 1

    def _lose_objects(self) -> bool:
        """A prefix of the ingest bucket is deleted; its old versions stay."""
        keys = [info.key for info in self.cloud.ingest.list(self.draw.choice(["feeds/", "tables/"]))]
        if not keys:
            return False
        prefix = self.draw.choice(keys).rpartition("/")[0]
        chosen = [key for key in keys if key.startswith(prefix)]
        for key in self.draw.sample(chosen, min(len(chosen), self.draw.randint(1, 8))):
            self.cloud.deleted.delete(key)
        return True

    def _targets(self) -> list[tuple[str, str]]:
        tables = [table.name for table in self.cloud.contracts.tables() if table.kind != "calendar"]
        return [*self.judge.targets(self.draw.choice(tables))]

    def _one(self, targets: list[tuple[str, str]]) -> tuple[str, str]:
        """A partition with its object; half of the time the newest, which everybody writes to."""
        is_newest = self.draw.random() < 0.5
        return max(targets, key=lambda each: each[0].rpartition("=")[2]) if is_newest else self.draw.choice(targets)

    def _lose_pointer(self) -> bool:
        targets = self._targets()
        if targets:
            self.cloud.partitions.objects.pop(pointer_key(self._one(targets)[0]))
        return bool(targets)

    def _overwrite_pointer(self) -> bool:
        targets = self._targets()
        if targets:
            key = pointer_key(self._one(targets)[0])
            wrong = self.draw.choice([b"", b"s3://elsewhere/x.parquet\n", b"\xff", b"s3://warehouse-bucket/gone\n"])
            self.cloud.partitions._put(key, wrong)
        return bool(targets)

    def _lose_data(self) -> bool:
        targets = self._targets()
        if targets:
            partition, target = self._one(targets)
            self.cloud.partitions.objects.pop(target, None)
            self.judge.lost.add(target)
            if self.draw.random() < 0.5:  # else nobody sees it before the auditor does
                self.world.spawn(partial(self.on_lost, table_of(partition)))
        return bool(targets)

    def _alter_data(self) -> bool:
        """Bytes of an object are others."""
        targets = [each for each in self._targets() if each[1] in self.cloud.partitions.objects]
        if targets:
            key = self._one(targets)[1]
            body = bytearray(self.cloud.partitions.objects[key])
            for _ in range(3):
                body[self.draw.randrange(4, len(body) // 2)] ^= 0x55
            self.cloud.partitions._put(key, bytes(body))
        return bool(targets)

    def _lose_parameters(self) -> bool:
        names = [name for name in self.cloud.parameters.values if f"/{SHOP}/" in name]
        for name in self.draw.sample(names, self.draw.randint(1, len(names))):
            kind = self.draw.random()
            if kind < 0.4:
                self.cloud.parameters.values.pop(name)
            else:
                self.cloud.parameters.values[name] = self.draw.choice(["", "rubbish", "0", "1970-01-01T00:00:00Z"])
        return True

    def _lose_receipts(self) -> bool:
        keys = [info.key for info in self.cloud.records.list("receipts/")]
        self.cloud.records.delete(self.draw.sample(keys, min(len(keys), 5)))
        return bool(keys)


__all__ = ["FACT", "Workload"]

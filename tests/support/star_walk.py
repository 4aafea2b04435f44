"""A walk of a certified star: tables that lag, wait and fail, audits that find less, runs that are bounded or killed.

After each run every tag that moved is held against what audits have certified by then, and in the end, when nothing
fails any more, all tables are certified together within as many runs as there are objects.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.support.audited_shop import AuditedShop
from tests.support.contracts import GOOD, changed
from tests.support.mirrored import in_order, rows_of

from core.errors import StarmendError, TransientFailure
from core.mirroring.names import hint_key, table_prefix
from core.time import epoch, iso
from mirror.certified import step
from mirror.certified.known import known_key
from mirror.certified.star import CertifiedStar, star_key
from mirror.certified.step import Uncertified, certify_dataset
from mirror.certified.tags import TAG, UNTIL
from mirror.iceberg.table import TAGS_KEPT
from mirror.reading import read_mirror

FACTS = {"fact_sale": "sale", "fact_refund": "refund"}
DIMENSIONS = {"dim_person": "person", "dim_clerk": "clerk"}
TABLES = (*FACTS, *DIMENSIONS)
MONTHS = range(7, 12)
MOST_READ = 6  # objects, by a run that is killed then: more than a piece of each table and what it is computed from
MOST_TRIES = 3  # runs beside those that objects are read in: one that tags, one after what it waited for


class Killed(BaseException):
    """The process is gone."""


def star_contract() -> dict[str, Any]:
    """The shop's contract with two facts and two dimensions."""
    contract = copy.deepcopy(GOOD)
    tables, warehouse = contract["source"]["tables"], contract["warehouse"]
    for old, new in (("sale", "refund"), ("person", "clerk")):
        table = copy.deepcopy(tables[old]) | {"key": f"{new}_id"}
        table["columns"] = {name.replace(f"{old}_id", f"{new}_id"): kind for name, kind in table["columns"].items()}
        tables[new] = table
    columns = {"refund_id": "int", "created_at": {"type": "timestamp", "immutable": True}, "changed_at": "timestamp"}
    price = {"price": {"type": "decimal(10,2)", "check": "> 0"}}
    warehouse["fact_refund"] = copy.deepcopy(warehouse["fact_sale"]) | {
        "from": "refund",
        "key": ["refund_id", "changed_at"],
        "history_of": "refund_id",
        "columns": columns | price,
    }
    warehouse["dim_clerk"] = warehouse["dim_person"] | {
        "from": "clerk",
        "key": "clerk_id",
        "columns": {"clerk_id": "int", "name": "string"},
    }
    return contract


def walked(folder: Path, seed: int, *, steps: int) -> list[str]:
    """What is wrong after any of the steps of the walk with this seed, or at its end."""
    walk = _Walk(folder, seed)
    faults: list[str] = []
    with patch.object(step, "PIECE", 2):  # of some ten objects: what is known is kept several times in a run
        for number in range(steps):
            name = walk.step()
            faults += [f"step {number} ({name}): {fault}" for fault in walk.faults()]
        return faults + [f"at the end: {fault}" for fault in walk.end()]


class _Walk:
    def __init__(self, folder: Path, seed: int) -> None:
        self._draw = random.Random(seed)
        self._contract = star_contract()
        self._shop = AuditedShop(folder, self._contract, seed=str(seed))
        self._certified: dict[str, list[tuple[Any, ...]]] = {}  # partition -> rows as an audit saw them
        self._amiss: dict[str, int] = {}
        self._waiting = ""
        self._seen: dict[str, tuple[int, int]] = {}  # table -> snapshot and end of its claim
        self._star: CertifiedStar | None = None
        self._faults: list[str] = []
        self._steps: dict[str, tuple[int, Callable[[], None]]] = {
            "sell": (6, self._sell),
            "hire": (2, self._hire),
            "derive fails": (2, self._derive_fails),
            "audit": (6, self._audit),
            "certify": (10, self._certify),
            "fail": (6, self._fail),
            "kill": (3, self._kill),
            "time out": (2, self._time_out),
            "wait for a contract": (2, self._wait_or_go_on),
            "time": (2, self._time),
            "lose": (2, self._lose),
        }
        for table in FACTS.values():
            self._shop.sell(2, created=self._day(), table=table)
        self._hired: dict[str, dict[int, str]] = {source: {} for source in DIMENSIONS.values()}  # number -> name now
        for source in DIMENSIONS.values():
            self._hire_in(source, 1, 2)

    def step(self) -> str:
        names = list(self._steps)
        (name,) = self._draw.choices(names, [weight for weight, _ in self._steps.values()])
        self._shop.now += timedelta(minutes=self._draw.randint(1, 90))
        self._steps[name][1]()
        self._look()
        return name

    def faults(self) -> list[str]:
        faults, self._faults = self._faults, []
        return faults

    # ------------------------------------------------------------ steps

    def _day(self) -> str:
        return f"2026-{self._draw.choice(MONTHS):02d}-{self._draw.randint(1, 9):02d}T00:00:00"

    def _sell(self) -> None:
        if may_sell := [source for fact, source in FACTS.items() if fact != self._waiting]:
            self._shop.sell(self._draw.randint(1, 2), created=self._day(), table=self._draw.choice(may_sell))

    def _hire(self) -> None:
        self._hire_in(self._draw.choice([*DIMENSIONS.values()]), self._draw.randint(1, 5))

    def _derive_fails(self) -> None:
        """A current state goes on and its dimension does not; mostly audits and runs come before the next does."""
        self._hire_in(self._draw.choice([*DIMENSIONS.values()]), self._draw.randint(1, 5), derives=False)
        if self._draw.random() < 0.7:
            self._audit()
            self._certify()

    def _hire_in(self, source: str, *numbers: int, derives: bool = True) -> None:
        name = f"Name {self._draw.random()}"
        self._shop.hire(*numbers, name=name, table=source, derives=derives)
        self._hired[source] |= dict.fromkeys(numbers, name)

    def _audit(self, *, all_is_well: bool = False) -> None:
        """Of what is not certified, or is found amiss, tables stay behind."""
        but = "" if all_is_well else self._draw.choice(["", "", *TABLES, "_current/person", "2026-08", "2026-11"])
        self._amiss = {}
        if not all_is_well and self._draw.random() < 0.3:
            at = int((self._shop.now - timedelta(hours=self._draw.randint(1, 2000))).timestamp())
            self._amiss[self._draw.choice([*FACTS, "_current/clerk"])] = at
        other = ""
        if not all_is_well and self._draw.random() < 0.3:
            other = f"{self._draw.choice([*FACTS])}/month=2026-{self._draw.choice([6, *MONTHS]):02d}"
        if self._waiting:
            but = self._waiting
        certified = self._shop.audit(but=but, amiss=self._amiss, other=other)
        for fact in FACTS:
            rows = _by_month(self._shop, fact, self._shop.rows_by_pointers(fact))
            self._certified |= {name: rows[name] for name in rows if name in certified}
        if other in certified:
            self._certified[other] = [("no object has them",)]
        for dimension, source in DIMENSIONS.items():
            if f"_current/{source}" in certified:
                self._certified[dimension] = in_order(self._hired[source].items())

    def _certify(self) -> None:
        self._run(self._draw.choice([0, 1, 1, 2, 3]))

    def _run(self, most: int) -> CertifiedStar | None:
        contracts = self._shop.lake.services.contracts
        again = self._draw.random() < 0.2
        try:
            outcome = certify_dataset(contracts, "shop", self._shop.services, most=most, again=again)
        except StarmendError as error:
            self._faults.append(f"a run failed as a whole: {error}")
            return None
        self._star = None if isinstance(outcome, Uncertified) else outcome
        return self._star

    def _fail(self) -> None:
        """A run in which the store answers nothing of what lies below a table's folder, or of some of its objects."""
        table = self._draw.choice(TABLES)
        part = self._draw.choice(
            [f"{table_prefix(table)}/", f"/_data/{table}/", f"{table_prefix(table)}/metadata/snap"]
        )
        others = {name: self._claim_of(name) for name in TABLES}

        def fail(_effect: str, key: str) -> None:
            if part in key:
                raise TransientFailure("ask the store", key, "does not answer", "")

        self._shop.objects.before = fail
        star = self._run(0)
        self._shop.objects.before = lambda _effect, _key: None
        if star is None:
            return
        for name in set(TABLES) - {table, self._waiting, *star.problems}:
            if self._claim_of(name) < others[name]:
                self._faults.append(f"the claim of {name} went back while {table} failed")
        self._faults += [
            f"{name} is said to fail with {table}: {star.problems[name]}"
            for name in set(star.problems) - {table}
            if "does not answer" in star.problems[name]
        ]

    def _kill(self) -> None:
        left = [self._draw.randint(0, 60)]

        def kill(effect: str, _key: str) -> None:
            left[0] -= effect in ("write", "delete", "read")
            if left[0] < 0:
                raise Killed

        self._run_killed(kill, most=self._draw.choice([0, 2]))
        self._star = None

    def _time_out(self) -> None:
        """A run that is killed while it reads objects, or right before it keeps what it knows by them."""
        left = [self._draw.randint(0, MOST_READ)]

        def kill(effect: str, key: str) -> None:
            left[0] -= effect == "read" and key.endswith(".parquet")
            if left[0] < 0 or (effect == "write" and key == known_key("shop")):
                raise Killed

        self._run_killed(kill, most=self._draw.choice([0, 2]))

    def _run_killed(self, kill: Callable[[str, str], None], *, most: int) -> bool:
        """Whether a run was killed."""
        self._star, self._shop.objects.before = None, kill
        try:
            self._run(most)
        except Killed:
            return True
        finally:
            self._shop.objects.before = lambda _effect, _key: None
        return False

    def _wait_or_go_on(self) -> None:
        """A contract of which engines do not read the older objects, and the one before again."""
        if self._waiting:
            self._waiting = ""
            self._shop.deployed(self._contract)
            return
        self._waiting = self._draw.choice([*FACTS])
        self._shop.deployed(
            changed(f"warehouse/{self._waiting}/columns/price", "decimal(14,4)", contract=self._contract)
        )

    def _time(self) -> None:
        self._shop.now += timedelta(hours=self._draw.choice([7, 30, 24 * 8]))

    def _lose(self) -> None:
        """What is no truth: memories, a hint, or the state of a mirror, with which its older snapshots go."""
        table = self._draw.choice(TABLES)
        state = read_mirror(table, self._shop.objects).state_key
        key = self._draw.choice([known_key("shop"), star_key("shop"), hint_key(table), state])
        if key and self._shop.objects.read(key):
            self._shop.objects.delete([key])

    # ------------------------------------------------------------ what is so afterwards

    def _tagged(self, table: str) -> tuple[int, int, float] | None:
        """The tagged snapshot, up to when it is certified, and when it was made."""
        metadata = read_mirror(table, self._shop.objects).metadata
        snapshot = metadata.snapshot_by_name(TAG) if metadata else None
        if snapshot is None or snapshot.summary is None:
            return None
        return snapshot.snapshot_id, epoch(str(snapshot.summary[UNTIL])), snapshot.timestamp_ms / 1000

    def _claim_of(self, table: str) -> int:
        """What a table's tag claims that is not about to go."""
        tagged = self._tagged(table)
        is_kept = tagged and self._shop.now.timestamp() - tagged[2] < TAGS_KEPT.total_seconds()
        return tagged[1] if tagged and is_kept else 0

    def _look(self) -> None:
        for table in TABLES:
            tagged = self._tagged(table)
            if tagged is not None and self._seen.get(table) != tagged[:2]:
                self._faults += self._untrue(table, *tagged[:2])
                self._seen[table] = tagged[:2]
        if self._star is None:
            return
        for name, table_of_star in self._star.tables.items():
            if table_of_star.group == self._star.group and table_of_star.until != self._star.until:
                self._faults.append(f"{name} of the star's group is certified until {iso(table_of_star.until)}")

    def _untrue(self, table: str, number: int, until: int) -> Iterator[str]:
        """What is claimed of a snapshot, and is not as it was certified."""
        amiss = [self._amiss[name] for name in (table, f"_current/{DIMENSIONS.get(table)}") if name in self._amiss]
        if until > min([self._shop.owed(), *amiss]):
            yield f"{table} is certified until {iso(until)}, which audits do not say"
        rows = rows_of(self._shop.opened(table).scan(snapshot_id=number).to_arrow())
        if table in DIMENSIONS:
            if rows != self._certified.get(table):
                yield f"{table} is certified until {iso(until)}, and has other rows"
            return
        there = _by_month(self._shop, table, rows)
        wanted = {name: of for name, of in self._certified.items() if name.startswith(f"{table}/")}
        for name in {*there, *wanted}:
            start = epoch(f"{name.rpartition('=')[2]}-01T00:00:00Z")
            if start < until and there.get(name) != wanted.get(name):
                yield f"{table} is certified until {iso(until)}, and {name} has other rows"

    def end(self) -> Iterator[str]:
        """Nothing fails any more."""
        if self._waiting:
            self._wait_or_go_on()
        self._shop.now += timedelta(hours=1)
        for name in set(self._certified) - set(DIMENSIONS):
            self._shop.sell(1, created=f"{name.rpartition('=')[2]}-05T00:00:00", table=FACTS[name.partition("/")[0]])
        for source in DIMENSIONS.values():  # a dimension whose deriving has failed follows with the next row
            self._hire_in(source, 1)
        self._audit(all_is_well=True)
        objects = max(len(self._shop.lake.paths(fact)) for fact in FACTS)
        yield from self._end_in_time()
        for _ in range(objects + MOST_TRIES):
            self._shop.now += timedelta(minutes=1)
            self._run(1)
            self._look()
        yield from self.faults()
        star = self._star
        if star is None or star.problems or star.until != self._shop.owed() or set(star.tables) != set(TABLES):
            yield f"not all is certified: {star}"
        elif {table.group for table in star.tables.values()} != {star.group}:
            yield f"not all is of one group: {star}"

    def _end_in_time(self) -> Iterator[str]:
        """Runs that are given no bound, and are killed after a few objects, come to an end all the same."""
        self._shop.objects.delete([known_key("shop"), star_key("shop")])
        objects = sum(len(self._shop.lake.paths(table)) for table in TABLES) + len(DIMENSIONS)
        for _ in range(objects):
            left = [MOST_READ]

            def kill(effect: str, key: str, left: list[int] = left) -> None:
                left[0] -= effect == "read" and key.endswith(".parquet")
                if left[0] < 0:
                    raise Killed

            self._shop.now += timedelta(minutes=1)
            if not self._run_killed(kill, most=0):
                return
        yield f"{objects} runs that read {MOST_READ} objects each are not through {objects} objects"


def _by_month(shop: AuditedShop, table: str, rows: list[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of a fact by the partition that they lie in."""
    place = [column.name for column in shop.table(table).columns].index("created_at")
    parts: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        parts.setdefault(f"{table}/month={row[place]:%Y-%m}", []).append(row)
    return parts

"""Tables of random shapes under the whole pipeline: keys, columns, clocks and zones as a seed draws them, and harm."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.support.zoo import Cage, Zoo, zoo

# PostgreSQL's type, the contract's, and the literal of the n-th value.
Kind = tuple[str, str, Callable[[int], str]]
KEYS: Sequence[Kind] = (
    ("int", "int", lambda n: f"{n}"),
    ("bigint", "bigint", lambda n: f"{n * 10**12}"),
    ("uuid", "string", lambda n: f"md5('{n}')::uuid"),
    ("text", "string", lambda n: f"'k''{n}é'"),
    ("char(6)", "string", lambda n: f"'c{n}'"),
    ("inet", "string", lambda n: f"inet '10.0.0.0' + {n}"),
    ("numeric(12,2)", "decimal(12,2)", lambda n: f"{n}.50"),
    ("date", "date", lambda n: f"date '2020-01-01' + {n}"),
    ("timestamp(3)", "timestamp", lambda n: f"timestamp '2026-06-01' + interval '{n} hours'"),
)
VALUES: Sequence[Kind] = (
    ("int", "int?", lambda n: f"{n}"),
    ("numeric(20,6)", "decimal(20,6)?", lambda n: f"{n}.000001"),
    ("numeric", "string?", lambda n: "'NaN'" if n % 7 == 0 else f"{n}.10"),
    ("float8", "string?", lambda n: "'Infinity'" if n % 5 == 0 else f"{n} / 8.0"),
    ("jsonb", "json?", lambda n: f"""'{{"n": {n}.50}}'"""),
    ("boolean", "boolean?", lambda n: f"{n % 2} = 1"),
    ("timestamptz", "timestamp?", lambda n: f"timestamptz '2026-07-01 00:00Z' + interval '{n} days'"),
    ("text", "string?", lambda n: f"repeat('ä', {n % 9}) || '{n}'"),
)
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns")
CLOCKS = ("timestamp", "timestamp(0)", "timestamptz")
PARTITIONS: Sequence[Sequence[str]] = (
    ("month(created_at)",),
    ("month(created_at)", "bucket(k0, 3)"),
    ("day(created_at)",),
    ("year(created_at)",),
)
ROWS, HARMED = 40, 8
NULLS = 0.3  # share of the values


@dataclass
class SchemaTally:
    """What came of the harm; ``faults`` name the seed."""

    schemas: int = 0
    made: int = 0
    found: int = 0
    healed: int = 0
    invented: int = 0
    faults: list[str] = field(default_factory=list)


class Stranger:
    """A table of a random shape, and one who harms its rows. Each row is harmed once in a batch."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.zone = self.draw.choice(ZONES)
        self.clock = self.draw.choice(CLOCKS)
        self._keys = self.draw.sample(KEYS, self.draw.choice((1, 1, 2)))
        self._values = self.draw.sample(VALUES, self.draw.randint(1, 4))
        columns = {f"k{at}": (kind, stated) for at, (kind, stated, _) in enumerate(self._keys)}
        columns |= {f"v{at}": (kind, stated) for at, (kind, stated, _) in enumerate(self._values)}
        columns["changed_at"] = (f"{self.clock} not null", "timestamp")
        keys = [f"k{at}" for at in range(len(self._keys))]
        partition_by = self.draw.choice(PARTITIONS)
        self.cage = Cage("stranger", columns, keys, clock=self.clock, partition_by=partition_by)
        self._next = 0
        self._now: dict[int, str] = {}  # the first value that a row has now
        self.rows: list[int] = []

    @property
    def shape(self) -> str:
        """The shape in a line."""
        kinds = ", ".join(kind for kind, _ in self.cage.columns.values())
        return f"{kinds} by {', '.join(self.cage.partition_by)} in {self.zone}"

    def at(self, offset: str) -> str:
        """The time of now and an offset, by the source's clock."""
        now = f"now() + interval '{offset}'"
        return now if self.clock == "timestamptz" else f"({now}) at time zone '{self.zone}'"

    def insert(self, simulation: Zoo, *, changed: str = "0 seconds") -> int:
        """A row as an application writes it."""
        number, self._next = self._next, self._next + 1
        row = {f"k{at}": literal(number) for at, (_, _, literal) in enumerate(self._keys)}
        for at, (_, _, literal) in enumerate(self._values):
            row[f"v{at}"] = "null" if self.draw.random() < NULLS else literal(number)
        self._now[number] = row["v0"]
        row |= {"created_at": self.at(f"-{self.draw.randint(0, 70)} days"), "changed_at": self.at(changed)}
        simulation.insert("stranger", row)
        self.rows.append(number)
        return number

    def change(self, simulation: Zoo, number: int, **columns: str) -> None:
        """Set columns of a row."""
        changes = ", ".join(f"{name} = {value}" for name, value in columns.items())
        simulation.run(f"update stranger set {changes} where {self._is(number)}")

    def harm(self, simulation: Zoo, number: int) -> str:
        """Harm a row in one of the ways; returns which."""
        wrong = self.draw.choice(("20 years", "3 days", "400 minutes"))
        kind = self.draw.choice(("deleted", "silent", "set back", "clock wrong", "moved", "late"))
        if kind == "deleted":
            simulation.run(f"delete from stranger where {self._is(number)}")
            self.rows.remove(number)
        elif kind == "silent":
            self.change(simulation, number, v0=self._other(number))
        elif kind == "set back":
            self.change(simulation, number, changed_at=f"changed_at - interval '{self.draw.randint(1, 40)} days'")
        elif kind == "clock wrong":
            self.change(simulation, number, v0=self._other(number), changed_at=self.at(wrong))
        elif kind == "moved":
            self.change(simulation, number, created_at="created_at - interval '62 days'")
        else:
            self.insert(simulation, changed="-2 hours")
        return kind

    def _other(self, number: int) -> str:
        """Another first value than the row has: null now and then, and never equal to it."""
        if self._now[number] != "null" and self.draw.random() < NULLS:
            other = "null"
        else:
            literal = self._values[0][2]
            others = (literal(number + step * 37) for step in range(1, 51))
            other = self.draw.choice([other for other in others if other != self._now[number]])
        self._now[number] = other
        return other

    def _is(self, number: int) -> str:
        return " and ".join(f"k{at} = {literal(number)}" for at, (_, _, literal) in enumerate(self._keys))


def harm_schema(seed: int, *, batches: int, tally: SchemaTally) -> None:
    """Load a table of a random shape, harm it batch by batch, and have audits find and heal each harm."""
    stranger = Stranger(seed)
    tally.schemas += 1
    with zoo(stranger.cage, timezone=stranger.zone) as simulation:
        for _ in range(ROWS):
            stranger.insert(simulation, changed=f"-{stranger.draw.randint(1, 90)} minutes")
        simulation.extract()
        simulation.heal()
        for batch in range(batches):
            where = f"seed {seed}, batch {batch} ({stranger.shape})"
            invented = _amiss(simulation)
            tally.invented += len(invented)
            tally.faults += [f"{where}: invented {finding}" for finding in invented]
            chosen = stranger.draw.sample(stranger.rows, HARMED)
            harms = [stranger.harm(simulation, number) for number in chosen]
            found = {key for finding in simulation.audited() for key in _keys(finding)}
            tally.made += len(harms)
            tally.found += min(len(found), len(harms))
            if len(found) != len(harms):
                tally.faults.append(f"{where}: {len(harms)} harmed ({', '.join(harms)}), {len(found)} named")
            for _ in range(2):
                simulation.heal()
            left = [*simulation.differences(), *_amiss(simulation), *simulation.verified()]
            tally.healed += max(0, len(harms) - len(left))
            tally.faults += [f"{where}: not healed: {difference}" for difference in left]


def _keys(finding: object) -> Sequence[tuple[object, ...]]:
    """The keys of rows that a finding is about; of those without a place, what differs is another finding's."""
    return () if getattr(finding, "kind", "") == "unplaced_row" else tuple(getattr(finding, "keys", ()))


def _amiss(simulation: Zoo) -> list[str]:
    """What an audit finds that is not only reported."""
    return [str(finding) for finding in simulation.audited() if finding.kind != "unplaced_row"]

"""Memory of what was proven of each table's mirror, whatever group its tag is of: no run proves it again.

``warehouse/_iceberg/_proven/<dataset>.json``, written before tags move. It is a memory and not the truth: where it is
lost, the star still tells of the tables of its group, and the others are proven again. It stands beside the star
(``star``), which earlier releases read and which refuses fields that they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Self

from core.change import Remembered
from core.json import canonical_json
from core.mirroring.names import ROOT
from mirror.certified.star import CertifiedStar
from mirror.reading import Mirror

PROVEN = f"{ROOT}_proven/"


@dataclass(frozen=True, slots=True)
class KnownTable:
    """The rows of files up to ``sequence`` hold before ``until`` (epoch seconds), by certificates up to ``number``.

    ``paths`` are the partitions of which less holds, or more is known: each with its own instant. All partitions that
    certificates of windows before ``named`` name are there. ``identity`` is the mirror's own: one that began anew
    counts its sequences from 1.
    """

    identity: str = ""
    sequence: int = 0
    number: int = 0
    hash: str = ""
    until: int = 0
    named: int = 0
    paths: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownTables:
    """What is known of a dataset's tables by name."""

    tables: Mapping[str, KnownTable] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Fields that a later release has are passed over."""
        names = {each.name for each in fields(KnownTable)}
        tables = json.loads(body)["tables"].items()
        return cls(
            {name: KnownTable(**{key: value for key, value in table.items() if key in names}) for name, table in tables}
        )

    def of(self, table: str, mirror: Mirror, star: CertifiedStar) -> KnownTable:
        """What is known of a table's mirror; where the star knows of later certificates, what it says."""
        by_star = _known_by(star, table, mirror)
        known = self.tables.get(table, KnownTable())
        if known.identity != identity_of(mirror) or by_star.number > known.number:
            return by_star
        return known


def identity_of(mirror: Mirror) -> str:
    """The mirror's own identity; empty where there is none."""
    return str(mirror.metadata.table_uuid) if mirror.metadata else ""


def _known_by(star: CertifiedStar, table: str, mirror: Mirror) -> KnownTable:
    """What the star says of a table of its group, as long as the mirror has the snapshot that it names."""
    tagged = star.tables.get(table)
    is_there = mirror.metadata and tagged and mirror.metadata.snapshot_by_id(tagged.snapshot)
    if tagged is None or not is_there or tagged.group != star.group:
        return KnownTable()
    return KnownTable(identity_of(mirror), tagged.sequence, star.number, star.hash, star.until, star.until)


_KNOWN = Remembered(KnownTables, PROVEN, "proven tables")
known_key, read_known, change_known = _KNOWN.key, _KNOWN.read, _KNOWN.change

"""The certified part of a dataset's star: the snapshots that belong together, told in one object for whoever asks.

``warehouse/_iceberg/_certified/<dataset>.json``, written after the tags have moved. It is a memory and not the truth,
which the tags are: where it is lost, everything is proven again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

from core.change import Remembered
from core.json import canonical_json
from core.mirroring.names import ROOT

STARS = f"{ROOT}_certified/"


@dataclass(frozen=True, slots=True)
class CertifiedTable:
    """The tag ``certified`` of a table: the ``snapshot`` that it names since metadata ``version``, and its claim.

    ``sequence`` is the number of the snapshot that was proven, of which it is a twin: what came by then needs no second
    proof. ``group`` is the same for all tables that were tagged together.
    """

    snapshot: int
    version: int
    sequence: int
    until: int
    group: str


@dataclass(frozen=True, slots=True)
class CertifiedStar:
    """What was claimed last of a dataset, and by which certificate (``number``, ``hash``).

    ``until`` is the instant before which it holds, and ``at`` when the tags of ``group`` were made (epoch seconds). A
    table of another group could not follow; ``problems`` says why, by table, and ``tried`` has the sequence number of
    the snapshot that was looked at. ``considered`` is what was last thought about: as long as audits say no more,
    nothing is proven again.
    """

    until: int = 0
    at: int = 0
    number: int = 0
    hash: str = ""
    group: str = ""
    tables: Mapping[str, CertifiedTable] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    considered: str = ""
    tried: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return canonical_json(asdict(self))

    def sequence_of(self, table: str) -> int:
        """The sequence number up to which files of a table are proven; 0: none is."""
        known = self.tables.get(table)
        return known.sequence if known is not None and known.group == self.group else 0

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        data = json.loads(body)
        return cls(**data | {"tables": {name: CertifiedTable(**table) for name, table in data["tables"].items()}})


_STARS = Remembered(CertifiedStar, STARS, "certified star")
star_key, read_star, change_star = _STARS.key, _STARS.read, _STARS.change

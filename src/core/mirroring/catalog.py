"""Entries of mirrors in a catalog: which version of its metadata a table's name leads to.

Whoever deploys makes the entries, the mirror moves them. An entry is moved on condition that it is the one that was
read, so that of two committers one wins, and the other looks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A table's entry as it was read: ``location`` of its metadata and ``identity`` of the table, empty at first.

    ``token`` is of the entry itself and another after every change. ``rest`` is what else the catalog says of it.
    """

    location: str
    identity: str
    token: str
    rest: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column as a catalog shows it; ``kind`` is its type in the catalog's words, ``number`` Iceberg's field id."""

    name: str
    kind: str
    number: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class CatalogTarget:
    """What an entry is moved to: ``location`` of the metadata, ``folder`` of the table."""

    location: str
    identity: str
    folder: str
    columns: Sequence[CatalogColumn]


class MirrorCatalog(Protocol):
    """The entries of one deployment's mirrors, by table."""

    def read(self, table: str) -> CatalogEntry | None:
        """The entry as it is; None where nobody made it."""
        ...

    def move(self, table: str, entry: CatalogEntry, target: CatalogTarget) -> bool:
        """Let the entry that was read lead to the target. False: it is another by now, and nothing was changed."""
        ...

"""A catalog in memory, whose entries are there from the beginning, as Terraform makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from core.mirroring.catalog import CatalogEntry, CatalogTarget


class MemoryCatalog:
    """``core.mirroring.catalog.MirrorCatalog``. ``before`` and ``after`` are told of each move, by table."""

    def __init__(self, tables: Iterable[str]) -> None:
        self._entries = {table: CatalogEntry("", "", "0") for table in tables}
        self._targets: dict[str, CatalogTarget] = {}
        self.before: Callable[[str], None] = lambda _table: None
        self.after: Callable[[str], None] = lambda _table: None

    def read(self, table: str) -> CatalogEntry | None:
        return self._entries.get(table)

    def move(self, table: str, entry: CatalogEntry, target: CatalogTarget) -> bool:
        self.before(table)
        if self._entries[table].token != entry.token:
            return False
        token = str(int(entry.token) + 1)
        self._entries[table] = replace(entry, location=target.location, identity=target.identity, token=token)
        self._targets[table] = target
        self.after(table)
        return True

    def target(self, table: str) -> CatalogTarget:
        """What the table's entry was moved to last."""
        return self._targets[table]

"""Index from partitions to the ingest objects that have rows of them, made of the receipts and kept beside them.

A receipt names the partitions that its object's rows went to, and is read once for that: a block of receipts (a day of
arrivals, a thousand numbers of a sequence) has an object below ``audit/arrivals/`` that holds what they say, with the
ETag of each. It is a memory, not the truth: what it does not know, or knows otherwise, is read from the receipts.

An object may have rows that its receipt does not name: one that was never processed, that halted, of which lines were
rejected or lay before the first partition, or that was processed by a contract which had no such table, or placed its
rows otherwise (``core.evolution.placing``), or whose bytes are others since. Such ones count for every partition.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from core.audit.repair_jobs import Inputs
from core.contract.model import Feed, Table
from core.evolution.deployments import read_history
from core.evolution.placing import folders_by_contract, placing_of
from core.json import UNREADABLE, canonical_json
from core.landing.records import receipt_if_any
from core.landing.whereabouts import repair_name
from core.landing.zone import FEEDS, RECEIPTS, REPAIR, landing_of, object_of_record, prefixes_of
from core.ports import ObjectInfo
from core.time import format_instant
from processing.services import Services

ROOT = "audit/arrivals/"
LATE = timedelta(days=1)  # that an object may come after the time in its name: as long as Firehose tries
_BLOCK = {"feed": len("2026-11-20"), "table": 9, "repair": len("repair-20261120")}  # of a receipt's name


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The objects of a source table at a time: by partition of one warehouse table, and those that count for all.

    ``sizes`` are those of all of them, in bytes.
    """

    by_path: Mapping[str, frozenset[str]]
    doubtful: frozenset[str]
    after: tuple[tuple[str, str], ...]
    at: str
    placing: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)

    def inputs_of(self, paths: Iterable[str]) -> Inputs:
        """All objects that may have rows of these partitions, in order of key."""
        objects = self.doubtful.union(*(self.by_path.get(path, frozenset()) for path in paths))
        return Inputs(tuple(sorted(objects)), self.after, self.at, self.placing)


def read_arrivals(services: Services, table: Table) -> Arrivals:
    """The objects of a fact's source by the fact's partitions. Reads receipts that no index knows, and writes it.

    Raises ``TransientFailure`` where a store does not answer, ``InvalidData`` where an earlier contract cannot be read.
    """
    at = services.now()
    contract = services.contracts.dataset(table.dataset)
    earlier = [recorded.form.contract for recorded in read_history(services.records, table.dataset)]
    folders = folders_by_contract(contract, table, earlier)
    said = _Receipts(services, table.dataset, table.source).read()
    by_path: dict[str, set[str]] = {}
    doubtful: set[str] = set()
    listing = list_ingest(services, table.dataset, table.source)
    for info in listing.objects:
        by, etag, places = said.get(info.key, ("", "", None))
        if places is None or etag != info.etag or not folders.get(by):
            doubtful.add(info.key)
            continue
        for folder, path in places:
            if folder in folders[by]:
                by_path.setdefault(path, set()).add(info.key)
    frozen = {path: frozenset(objects) for path, objects in by_path.items()}
    sizes = {info.key: info.size for info in listing.objects}
    return Arrivals(frozen, frozenset(doubtful), listing.after, format_instant(at), known_by(services, table), sizes)


def places_of(services: Services, dataset: str, source: str) -> dict[str, Places | None]:
    """The partitions that each object of a source table went to, by its receipt; None where that does not name all.

    Objects without a receipt are left out. Raises ``TransientFailure`` where the store does not answer.
    """
    return {key: places for key, (_, _, places) in _Receipts(services, dataset, source).read().items()}


@dataclass(frozen=True, slots=True)
class Listing:
    """The ingest objects of a source table, by prefix; ``after``: the key of each behind which later ones lie."""

    objects: tuple[ObjectInfo, ...]
    after: tuple[tuple[str, str], ...]


def list_ingest(services: Services, dataset: str, source: str) -> Listing:
    """The objects of a source table that are there. Raises ``TransientFailure`` where the store does not answer."""
    at = services.now()
    objects: list[ObjectInfo] = []
    after: list[tuple[str, str]] = []
    for prefix in prefixes_of(services.contracts, dataset, source):
        own = [info for info in services.ingest.list(prefix) if landing_of(info.key) is not None]
        objects += own
        after.append((prefix, _bound(prefix, own[-1].key if own else "", at)))
    return Listing(tuple(objects), tuple(after))


def known_by(services: Services, table: Table) -> str:
    """What the objects of partitions are looked up by: under another folder or placing they are others."""
    return f"{table.folder} {placing_of(services.contracts.dataset(table.dataset), table)}"


def _bound(prefix: str, last: str, at: datetime) -> str:
    """The key behind which whatever arrives from now on lies."""
    late = at - LATE
    if prefix.startswith(FEEDS):
        return min(last, f"{prefix}{late:%Y/%m/%d/%H}")
    return min(last, f"{prefix}{repair_name(late, '')}") if prefix.startswith(REPAIR) else last


# ---------------------------------------------------------------- what receipts say

Places = tuple[tuple[str, str], ...]  # (folder, path) of each partition
Said = tuple[str, str, Places | None]  # the contract, the object's ETag, and its places unless the receipt lacks any


class _Receipts:
    """The receipts of one source table, block by block."""

    def __init__(self, services: Services, dataset: str, source: str) -> None:
        self._services = services
        self._folder = f"{RECEIPTS}dataset={dataset}/source_table={source}/"
        self._index = f"{ROOT}dataset={dataset}/source_table={source}/"
        self._is_feed = isinstance(services.contracts.dataset(dataset).source, Feed)

    def read(self) -> dict[str, Said]:
        """What is said of each object, by its key."""
        said: dict[str, Said] = {}
        for block, infos in groupby(self._services.records.list(self._folder), key=self._block_of):
            said |= self._of_block(block, {self._name(info.key): info for info in infos})
        return said

    def _name(self, key: str) -> str:
        return key.removeprefix(self._folder)

    def _block_of(self, info: ObjectInfo) -> str:
        name = self._name(info.key)
        kind = "repair" if name.startswith("repair-") else "feed" if self._is_feed else "table"
        return name[: _BLOCK[kind]]

    def _of_block(self, block: str, listed: Mapping[str, ObjectInfo]) -> dict[str, Said]:
        key = f"{self._index}{block}.json"
        stored = self._services.records.read(key)
        known = _entries(stored.body if stored else None)
        fresh = [name for name, info in listed.items() if known.get(name, {}).get("etag") != info.etag]
        entries = {name: entry for name, entry in known.items() if name in listed} | self._read(listed, fresh)
        if entries != known:
            self._services.records.write(key, canonical_json(entries), content_type="application/json")
        return {entry["object"]: _said(entry) for entry in entries.values()}

    def _read(self, listed: Mapping[str, ObjectInfo], names: list[str]) -> dict[str, dict[str, Any]]:
        with ThreadPoolExecutor(self._services.workers) as pool:
            stored = pool.map(lambda name: self._services.records.read(listed[name].key), names)
            return {
                name: {"etag": receipt.stat.etag, **_entry(listed[name].key, receipt_if_any(receipt.body))}
                for name, receipt in zip(names, stored, strict=True)
                if receipt
            }


def _entry(key: str, receipt: Mapping[str, Any]) -> dict[str, Any]:
    """What the index keeps of a receipt; of one that cannot be read, that nobody knows where its rows went."""
    if not receipt:
        return {"object": object_of_record(key), "object_etag": "", "contract": "", "places": None}
    is_doubtful = receipt["outcome"] == "halted" or receipt.get("rejected") or receipt.get("outside")
    places = sorted([part["table"], part["partition"]] for part in receipt["partitions"])
    return {
        "object": receipt["object"],
        "object_etag": receipt["etag"],
        "contract": receipt.get("contract_hash", ""),
        "places": None if is_doubtful else places,
    }


def _said(entry: Mapping[str, Any]) -> Said:
    places = entry["places"]
    named = None if places is None else tuple((folder, path) for folder, path in places)
    return entry["contract"], entry["object_etag"], named


def _entries(body: bytes | None) -> dict[str, dict[str, Any]]:
    """The index of a block; nothing where it cannot be read."""
    try:
        return {str(name): entry for name, entry in json.loads(body or b"{}").items() if _is_entry(entry)}
    except UNREADABLE:
        return {}


def _is_entry(entry: Any) -> bool:
    """Whether it is what ``_entry`` gave; an earlier release's had no ETag of the object."""
    texts = (entry.get(name) for name in ("etag", "object", "object_etag", "contract"))
    places = entry["places"]
    pairs = [] if places is None else places
    return all(isinstance(text, str) for text in texts) and all(
        isinstance(pair, list) and list(map(type, pair)) == [str, str] for pair in pairs
    )

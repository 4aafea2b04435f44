"""Receipts: the outcome of an ingest object, one JSON line (``core.landing.records.RECEIPT_COLUMNS``), written last.

An object without a receipt has not been processed to its end. Processing it again replaces its receipt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import orjson

from core.landing.records import receipt_if_any
from core.landing.zone import Landing
from core.ports import ObjectReader, ObjectWriter

_TYPE = "application/json"
OutcomeName = Literal["committed", "unchanged", "halted"]


@dataclass(frozen=True, slots=True)
class TouchedPartition:
    """A partition that the object's rows went to: ``committed`` where a version was made, else ``unchanged``.

    ``rows`` are this object's, ``version`` is the partition's after it.
    """

    table: str
    partition: str
    version: int
    outcome: Literal["committed", "unchanged"]
    rows: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt's fields, as ``core.landing.records`` describes them; times are in milliseconds."""

    object: str
    etag: str
    version_id: str
    dataset: str
    table: str
    sequential_id: int | None
    sequential: bool
    size: int
    lines_in: int
    rows_out: int
    rejected: int
    accepted: int
    unknown_columns: tuple[str, ...]
    partitions: tuple[TouchedPartition, ...]
    outcome: OutcomeName
    reason: str
    milliseconds: float
    stages: Mapping[str, float] = field(default_factory=dict)
    contract_hash: str = ""
    code_version: str = ""
    processed_at: str = ""
    outside: int = 0

    def to_json(self) -> bytes:
        """One JSON line."""
        return orjson.dumps(asdict(self)) + b"\n"


def write_receipt(store: ObjectWriter, landing: Landing, receipt: Receipt) -> None:
    """Write the receipt under the object's receipt key, over an earlier one."""
    store.write(landing.receipt_key, receipt.to_json(), content_type=_TYPE)


def note_halt(store: ObjectWriter, landing: Landing, *, now: datetime) -> None:
    """Leave the note by which an audit finds a halted object, however old: before its receipt says so."""
    store.write(landing.halt_note_key(now), orjson.dumps({"object": landing.key}) + b"\n", content_type=_TYPE)


def read_receipt(store: ObjectReader, landing: Landing) -> dict[str, Any] | None:
    """The receipt's fields; None where the object has none, or none that can be read: it is to be processed again."""
    stored = store.read(landing.receipt_key)
    return receipt_if_any(stored.body if stored else None) or None


def read_receipts(store: ObjectReader, prefix: str) -> Iterator[dict[str, Any]]:
    """The receipts below a prefix of ``receipts/``, in key order; what cannot be read is passed over."""
    for info in store.list(prefix):
        stored = store.read(info.key)
        if receipt := receipt_if_any(stored.body if stored else None):
            yield receipt


def halted_before(earlier: Mapping[str, Any] | None, receipt: Receipt) -> Receipt:
    """The receipt of an object that halts, with what the earlier one knew: the version of it that was taken.

    Where the bytes changed after they were processed that version is what is to be brought back, and nothing else
    remembers which it was.
    """
    if earlier is None:
        return receipt
    if earlier["etag"] == receipt.etag:  # the same bytes again: what was known of them still holds
        known = str(earlier.get("reason") or "") if earlier["outcome"] == "halted" else ""
        return replace(receipt, reason=known) if known.startswith(f"{receipt.reason}; ") else receipt
    if earlier["outcome"] == "halted":
        return receipt
    version = (
        f"version {earlier['version_id']}" if earlier.get("version_id") else f"the bytes of ETag {earlier['etag']}"
    )
    at = earlier.get("processed_at") or ""
    return replace(receipt, reason=f"{receipt.reason}; changed since {version} of it was processed ({at})")


def outcome_of(partitions: Sequence[TouchedPartition], *, halted: str) -> OutcomeName:
    """``halted`` where a reason is given, ``committed`` where any partition got a new version, else ``unchanged``."""
    if halted:
        return "halted"
    return "committed" if any(partition.outcome == "committed" for partition in partitions) else "unchanged"

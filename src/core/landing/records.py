"""Columns of the records that the pipeline keeps of its work: receipts, rejected lines, completeness of windows.

Each is an Athena table over JSON lines; the columns are (name, Glue type, comment), in order. Instants are ISO 8601 in
UTC as text.
"""

from __future__ import annotations

from typing import Any

from core.json import UNREADABLE, json_object
from core.time import epoch

RecordColumns = tuple[tuple[str, str, str], ...]

RECEIPT_COLUMNS: RecordColumns = (
    ("object", "string", "key of the ingest object"),
    ("etag", "string", "of the ingest object"),
    ("version_id", "string", "of the ingest object"),
    ("sequential_id", "bigint", "null for feeds and repairs"),
    ("sequential", "boolean", "false: ids were skipped before this object"),
    ("size", "bigint", "bytes as stored"),
    ("lines_in", "bigint", "lines read"),
    ("rows_out", "bigint", "rows shaped, over all tables"),
    ("rejected", "bigint", "bad lines, in quarantine; lines_in = accepted + rejected + outside"),
    ("accepted", "bigint", "good lines: they became rows unless it was halted"),
    ("unknown_columns", "array<string>", "fields that the contract does not know"),
    ("partitions", "array<struct<table:string,partition:string,version:bigint,outcome:string,rows:bigint>>", ""),
    ("outcome", "string", "committed, unchanged or halted"),
    ("reason", "string", "why it was halted"),
    ("milliseconds", "double", "from event to receipt"),
    ("stages", "struct<read:double,shape:double,commit:double,derive:double>", "milliseconds of each part"),
    ("contract_hash", "string", ""),
    ("code_version", "string", ""),
    ("processed_at", "string", ""),
    ("outside", "bigint", "lines from before the first partition: outside of the promise, and no bad lines"),
)

# The table ``processing_log`` is a copy of the receipts by day (``auditor.processing_log``), kept for so many days.
LOG_COLUMNS: RecordColumns = (*RECEIPT_COLUMNS, ("dataset", "string", "the dataset of the object"))
LOG_DAYS = 100

QUARANTINE_COLUMNS: RecordColumns = (
    ("object", "string", "key of the ingest object"),
    ("line", "bigint", "number of the line, from 1"),
    ("reason", "string", "the rule that it breaks"),
    ("content", "string", "the line as it came, of one over 1 MiB the beginning; base64 if it is no UTF-8"),
    ("encoding", "string", "utf-8 or base64"),
    ("rejected_at", "string", ""),
)

COMPLETENESS_COLUMNS: RecordColumns = (
    ("subject", "string", "what is counted: the feed's or the database's source table"),
    ("window_start", "string", "the window is [start, end)"),
    ("window_end", "string", ""),
    ("status", "string", "certified, open (being healed), alarmed or held; of a halted object: halted, then released"),
    ("expected", "bigint", "points or rows that are owed"),
    ("present", "bigint", "observed + late + repaired"),
    ("observed", "bigint", ""),
    ("late", "bigint", "observed, but stored after the time to settle"),
    ("repaired", "bigint", "fetched by the auditor"),
    ("absent", "bigint", "the source has proven not to have them"),
    ("missing", "bigint", "expected - present - absent"),
    ("certificate", "bigint", "number of the certificate that says so; null where there is none"),
    ("certificate_hash", "string", ""),
    ("digest", "string", "of the window's rows"),
    ("contract_hash", "string", ""),
    ("calendar", "string", "calendar and release that the expectation comes from"),
    ("audited_at", "string", ""),
    ("run", "string", "the audit that says so"),
    ("object", "string", "the ingest object that stands halted; null where the row is a window's"),
    ("reason", "string", "why it is halted, or who holds which partition, and why"),
)

_OF_RECEIPTS = ("object", "etag", "outcome", "partitions")  # what no receipt of any release is without
_OF_WINDOWS = ("subject", "window_start", "window_end", "status", "audited_at")
_WHOLE = range(-(2**63), 2**63)


def receipt_if_any(body: bytes | None) -> dict[str, Any]:
    """The fields of a receipt; empty where there is none, or the bytes are none."""
    try:
        receipt = _record(body, RECEIPT_COLUMNS, _OF_RECEIPTS) if body is not None else {}
        for touched in receipt.get("partitions", ()):
            _ = touched["table"], touched["partition"]
    except UNREADABLE:
        return {}
    else:
        return receipt


def completeness_if_any(body: bytes | None) -> dict[str, Any]:
    """The fields of a row of ``completeness``; empty where there is none, or the bytes are none."""
    try:
        row = _record(body, COMPLETENESS_COLUMNS, _OF_WINDOWS) if body is not None else {}
        for name in ("window_start", "window_end", "audited_at") if row else ():
            epoch(row[name])
    except UNREADABLE:
        return {}
    else:
        return row


def _record(body: bytes, columns: RecordColumns, needed: tuple[str, ...]) -> dict[str, Any]:
    """The record of the columns; what else it says stays. Raises one of ``UNREADABLE`` where it is none."""
    record = json_object(body)
    for name, kind, _ in columns:
        value = record.get(name)
        if (value is None and name in needed) or (value is not None and not _is_of(kind, value)):
            raise TypeError(f"{name} is {value!r}")
    return record


def _is_of(kind: str, value: Any) -> bool:
    """Whether a value of JSON is one of a column's type."""
    if kind.startswith("array<"):
        inner = kind.removeprefix("array<").removesuffix(">")
        return isinstance(value, list) and all(_is_of(inner, each) for each in value)
    if kind.startswith("struct<"):
        fields = dict(each.split(":") for each in kind.removeprefix("struct<").removesuffix(">").split(","))
        return isinstance(value, dict) and all(
            name not in fields or _is_of(fields[name], each) for name, each in value.items()
        )
    if kind == "bigint":
        return type(value) is int and value in _WHOLE
    return isinstance(value, {"string": str, "boolean": bool, "double": int | float}[kind])

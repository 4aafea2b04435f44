"""Columns of the records that the pipeline keeps of its work: receipts, rejected lines, completeness of windows.

Each is an Athena table over JSON lines; the columns are (name, Glue type, comment), in order. Instants are ISO 8601 in
UTC as text.
"""

from __future__ import annotations

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

"""The story of an object: what an ingest object brought and where its rows are now; what a partition's object is.

Named by its key: an ingest object, its receipt or refused lines (which lead to it), or an object of a partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.services import Services
from auditor.stories.story import Event, Story, Verdict, counted, in_order
from auditor.warehouse.partitions import target_of
from core.errors import Misuse, PipelineBug
from core.landing.ingest_objects import decode_facts, parse_repair_key, parse_table_key
from core.landing.records import receipt_if_any
from core.landing.refused_lines import refused_lines
from core.landing.zone import Landing, landing_of, object_of_record
from core.ports import ObjectStat
from core.time import format_instant
from core.warehouse.footer import Footer
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import parse_object, partition_of, table_of, version_of

SHOWN = 5  # refused lines that are told one by one


def trace(services: Services, key: str) -> Story:
    """The story of the object under a key, of either bucket; ``s3://bucket/`` before it is passed over.

    Raises ``Misuse`` where the key is none of an object that this pipeline makes, ``TransientFailure`` where a store
    does not answer.
    """
    key = key.partition("://")[2].partition("/")[2] if "://" in key else key
    key = object_of_record(key)
    if landing := landing_of(key):
        return _IngestObject(services, landing).story()
    if parse_object(key) is not None:
        return _partition_object(services, key)
    remedy = "Give the key of an ingest object, a receipt, refused lines, or an object below warehouse/_data/"
    raise Misuse("trace", key, "is no object that this pipeline makes", remedy)


# ---------------------------------------------------------------- ingest objects


@dataclass(frozen=True, slots=True)
class _IngestObject:
    services: Services
    landing: Landing

    def story(self) -> Story:
        stat = self.services.ingest.stat(self.landing.key)
        receipt, refused = self._receipt(), self._refused()
        verdict, sentence = self._verdict(stat, receipt)
        subject = {"object": self.landing.key, "kind": self.landing.kind}
        events = in_order(self._events(stat, receipt, refused))
        partitions = receipt.get("partitions", ())
        return Story(
            dataset=self.landing.dataset,
            table=self.landing.table,
            subject=subject | {"partitions": [self._place(touched) for touched in partitions]},
            verdict=verdict,
            sentence=sentence,
            events=events,
            next=tuple(self._next(verdict, len(refused))),
        )

    def _receipt(self) -> Mapping[str, Any]:
        stored = self.services.records.read(self.landing.receipt_key)
        return receipt_if_any(stored.body if stored else None)

    def _refused(self) -> list[Mapping[str, Any]]:
        stored = self.services.records.read(self.landing.quarantine_key)
        return list(refused_lines(self.landing.quarantine_key, stored.body)) if stored else []

    def _verdict(self, stat: ObjectStat | None, receipt: Mapping[str, Any]) -> tuple[Verdict, str]:
        name = self.landing.key
        if stat is None:
            if not receipt:
                raise Misuse("trace", name, "is not there, and was never processed", "starmend replay lists what is")
            return "lost", f"{name} is gone; it was processed, and its rows are where it brought them"
        if not receipt:
            return "waiting", f"{name} is there, and has no receipt: it was not processed to its end"
        if receipt["outcome"] == "halted":
            return "halted", f"nothing of {name} was taken: {receipt.get('reason', '')}"
        rows = counted(int(receipt.get("rows_out", 0)), "row")
        places = counted(len(receipt.get("partitions", ())), "partition")
        refused = int(receipt.get("rejected", 0))
        rest = f"; {counted(refused, 'line')} of it {'was' if refused == 1 else 'were'} refused" if refused else ""
        return "processed", f"{name} brought {rows} into {places}{rest}"

    def _events(
        self, stat: ObjectStat | None, receipt: Mapping[str, Any], refused: list[Mapping[str, Any]]
    ) -> Iterator[Event]:
        if stat is not None:
            yield Event(format_instant(stat.modified), "arrived", _content(stat), stat.key)
        if receipt:
            counts = ", ".join(
                counted(int(receipt.get(name, 0)), word)
                for name, word in (("lines_in", "line"), ("rows_out", "row"), ("rejected", "refused line"))
            )
            at, contract = str(receipt.get("processed_at", "")), str(receipt.get("contract_hash", ""))[:12]
            yield Event(
                at, "processed", f"{receipt['outcome']}: {counts}; contract {contract}", self.landing.receipt_key
            )
        for line in refused[:SHOWN]:
            text = f"line {line['line']:,}: {line['reason']}"
            yield Event(str(line["rejected_at"]), "quarantined", text, self.landing.quarantine_key)
        if len(refused) > SHOWN:
            text = f"{counted(len(refused) - SHOWN, 'more line')}: starmend quarantine list"
            yield Event(str(refused[SHOWN]["rejected_at"]), "quarantined", text, self.landing.quarantine_key)
        for touched in receipt.get("partitions", ()):
            yield Event("", "stored", self._stored(touched), self._now_in(touched))

    def _place(self, touched: Mapping[str, Any]) -> dict[str, Any]:
        target = self._now_in(touched)
        name = partition_of(touched["table"], touched["partition"])
        version = version_of(target) if target else None
        return {
            "partition": name,
            "rows": touched["rows"],
            "version": touched["version"],
            "now": version,
            "object": target,
        }

    def _now_in(self, touched: Mapping[str, Any]) -> str:
        """The object in which the partition's rows are now; empty where it has none."""
        return target_of(self.services.partitions, partition_of(touched["table"], touched["partition"]))

    def _stored(self, touched: Mapping[str, Any]) -> str:
        name, target = partition_of(touched["table"], touched["partition"]), self._now_in(touched)
        now = f"the partition is at version {version_of(target):,} now" if target else "the partition has no object now"
        rows = counted(int(touched["rows"]), "row")
        return f"{rows} into {name} with version {int(touched['version']):,} ({touched['outcome']}); {now}"

    def _next(self, verdict: Verdict, refused: int) -> Iterator[str]:
        if verdict == "waiting":
            yield "The next audit has it processed, if the queue does not before"
            yield f"Now: starmend replay {self.landing.key}"
        if verdict == "halted":
            yield "Mend the contract or the code, deploy, then: starmend quarantine retry"
        if verdict == "lost":
            yield "The next audit brings back S3's own old version, if there is one"
        if verdict == "processed" and refused:
            yield f"Its refused lines: starmend quarantine list --dataset {self.landing.dataset}"


def _content(stat: ObjectStat) -> str:
    """What an extraction or a repair says of an object in its metadata; of a feed's its size."""
    metadata = stat.metadata
    if parse_table_key(stat.key) and "starmend-interval-from" in metadata:
        facts = decode_facts(metadata, key=stat.key)
        interval = f"[{format_instant(facts.interval_from)}, {format_instant(facts.interval_to)})"
        return f"extracted: {counted(facts.rows, 'row')} of the interval {interval}"
    if parse_repair_key(stat.key) and "starmend-checked-at" in metadata:
        return f"fetched by a repair: {metadata.get('starmend-rows', '?')} rows as of {metadata['starmend-checked-at']}"
    return f"{stat.size:,} bytes"


# ---------------------------------------------------------------- objects of partitions


def _partition_object(services: Services, key: str) -> Story:
    """The story of a partition's object: which version it is, what it was made of, what is current."""
    name = parse_object(key)
    partition = name.partition if name else ""
    current, stored = target_of(services.partitions, partition), services.partitions.read_object(key)
    table = table_of(partition)
    dataset = next((each.dataset for each in services.contracts.tables() if each.name == table), "")
    if stored is None:
        raise Misuse(
            "trace", key, "is not there: it was replaced long ago, or never was", f"Current: {current or 'none'}"
        )
    try:
        footer = open_object(key, stored.body).footer
    except PipelineBug as error:
        sentence = f"{key} {error.problem}"
        return Story(dataset, table, {"object": key, "partition": partition}, "lost", sentence, next=(error.remedy,))
    is_current = current == key
    is_served = partition.startswith("_") or partition.partition("/")[0] in {
        each.folder for each in services.contracts.tables()
    }
    state = (
        "is what readers see now"
        if is_current and is_served
        else "is current in a generation of its table that readers do not see"
        if is_current
        else f"was replaced: version {version_of(current):,} is current"
        if (current)
        else "is not current: the partition has no pointer"
    )
    sentence = f"version {footer.version:,} of {partition}, {counted(footer.rows, 'row')}, {state}"
    return Story(
        dataset=dataset,
        table=table,
        subject={"object": key, "partition": partition, "current": current},
        verdict="current" if is_current and is_served else "replaced" if current and not is_current else "kept",
        sentence=sentence,
        events=in_order(_footer_events(footer, format_instant(stored.modified), key)),
        next=() if not footer.hold else (f"The partition must not be healed: {footer.hold}",),
    )


def _footer_events(footer: Footer, written_at: str, key: str) -> Iterator[Event]:
    for source in footer.sources:
        yield Event(written_at, "merged", f"rows of an ingest object, ETag {source.etag}", source.key)
    for partition, target in footer.inputs.items():
        yield Event(written_at, "derived", f"of {partition}", target)
    what = {"merge": "a merge", "derive": "a computation", "restate": "a restatement", "rollback": "a rollback"}
    yield Event(written_at, "written", f"by {what.get(footer.kind, footer.kind)}; contract {footer.contract[:12]}", key)
    if footer.parent:
        yield Event("", "parent", "the object that was current before", footer.parent)

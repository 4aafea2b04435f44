"""Witnesses at the seams: what a function says that it did is held against what is there at that moment.

The pipeline heals itself, so that whoever looks at the end alone would find next to nothing wrong: a function that lost
rows would cost a repair, and nobody heard of it.
"""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
from tests.simulation.database import Key, wall
from tests.simulation.judge import FACT, FEED, SHOP, Judge
from tests.simulation.services import Letter

from auditor.notifications.compose import ALARM
from core.landing.ingest_objects import decode_facts, parse_table_key
from core.landing.state import TIMESTAMP
from core.landing.zone import RECEIPTS, landing_of
from core.ports import Refused, Written
from core.time import iso, parse_instant
from core.warehouse.current_state import current_table
from core.warehouse.pointer import partition_of
from ingestion.extract.flow import PassResult
from ingestion.pull.batch import PullReport
from processing.events import object_events

SHAKEN = 3600.0  # seconds after a disaster in which what is there may be other than what was done
RECENT = 7200.0  # seconds at the end of which an extraction has still to come
EXCUSES = ("killed", "lost", "unanswered", "invoked twice")  # after which a mail may be sent again


class Witness:
    """Stands where functions end; ``extracted`` are the versions of rows that objects of a sequence have, by table."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.cloud = judge.cloud
        self.extracted: dict[str, set[tuple[Key, datetime]]] = {}
        self.until: dict[str, datetime] = {}
        self._seen: set[str] = set()
        self._events = 0
        self._told: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._excused: dict[tuple[str, str], int] = {}
        self._excuses = 0
        self.cloud.on_processed, self.cloud.on_pulled = self.processed, self.pulled
        self.cloud.on_extracted = self.passed
        self._durable: dict[str, datetime] = {}
        self._watch_ingest()
        self._watch_receipts()
        self._watch_parameters()

    # ------------------------------------------------------------ functions

    def pulled(self, report: PullReport, taken: int) -> None:
        """What was written was taken by the stream."""
        if report.written > taken:
            self.judge.say(f"a pull says that it wrote {report.written} points, the stream took {taken}")

    def passed(self, result: PassResult, disturbed: bool) -> None:
        """An extraction that nothing disturbed comes to its end, and nobody was faster."""
        if disturbed:
            return
        for table in result.tables:
            if table.outcome in ("failed", "beaten"):
                self._blame(f"the extraction of {table.table} that nothing disturbed is {table.outcome}: {table.error}")

    def processed(self, letters: Sequence[Letter], failed: Sequence[str]) -> None:
        """An object whose message is done has a receipt, if it is still there."""
        for letter in letters:
            if letter.id in failed:
                continue
            body = json.loads(letter.body)
            keys = [record["s3"]["object"]["key"] for record in body.get("Records", ())]
            named = {event.key for event in object_events(letter.body)}
            if len(named) < len(keys):
                self.judge.say(f"{len(keys) - len(named)} objects of a message were passed over")
            for key in sorted(named):
                self._has_receipt(key)

    def _has_receipt(self, key: str) -> None:
        landing = landing_of(key)
        if landing is None:
            self.judge.say(f"{key} was taken for no ingest object")
        elif key in self.cloud.ingest._objects and landing.receipt_key not in self.cloud.records._objects:
            self._blame(f"{key} was processed, and has no receipt")

    def _blame(self, problem: str) -> None:
        """Something is wrong, unless a disaster has just been."""
        if self.cloud.world.time >= self.judge.last_disaster + SHAKEN:
            self.judge.say(problem)

    # ------------------------------------------------------------ receipts

    def _watch_receipts(self) -> None:
        write = self.cloud.records.write

        def written(key: str, body: bytes, **conditions: Any) -> Written | Refused:
            if key.startswith(RECEIPTS):
                self._see_receipt(json.loads(body))
            return write(key, body, **conditions)

        self.cloud.records.write = written  # type: ignore[method-assign]

    def _see_receipt(self, receipt: Mapping[str, Any]) -> None:
        """When it is written, every row of its object is there for readers; none of the shop's was ever refused."""
        refused = receipt["rejected"] or receipt["outside"] or receipt["outcome"] == "halted"
        if refused and receipt["dataset"] == SHOP:
            self.judge.say(f"rows of {receipt['object']} are refused: {receipt}")
        stored = self.cloud.ingest._objects.get(receipt["object"])
        if stored is None or stored[0].etag != receipt["etag"] or receipt["rejected"] or receipt["outside"]:
            return
        if receipt["outcome"] == "halted":
            return
        self.judge.counts["receipts"] += 1
        lines = [json.loads(line) for line in gzip.decompress(stored[1]).splitlines()]
        if receipt["dataset"] == FEED:
            wanted = {(line["symbol"], _second(line["minute"])) for line in lines}
            lacking = wanted - self.judge.points(since=min(second for _, second in wanted)) if wanted else set()
        elif receipt["table"] == "purchase":
            there = self.judge.keys_of("fact_purchase")
            lacking = {line["purchase_id"] for line in lines} - there
        else:
            there = self._current(receipt["table"])
            lacking = {line["customer_id"] for line in lines if there.get(line["customer_id"], "") < _version(line)}
        if lacking:
            self._blame(f"the receipt of {receipt['object']} is written, {len(lacking)} of its rows are not there")

    def _current(self, table: str) -> Mapping[Any, str]:
        """The versions of the rows of a current state, by the first column of their key."""
        contract = self.cloud.contracts.dataset(SHOP)
        folder = current_table(contract, contract.source_table(table)).folder
        body = self.cloud.partitions.objects.get(self.judge.target_of(partition_of(folder, "")))
        key = contract.source_table(table).key[0]
        file = pq.ParquetFile(io.BytesIO(body)) if body else None
        rows = file.read(columns=[key, "last_updated"], use_threads=False).to_pylist() if file else []
        return {row[key]: row["last_updated"].isoformat() for row in rows}

    # ------------------------------------------------------------ extraction

    def _watch_ingest(self) -> None:
        write = self.cloud.ingest.write

        def written(key: str, body: bytes, **conditions: Any) -> object:
            answer = write(key, body, **conditions)
            if isinstance(answer, Written) and key.startswith(f"tables/{SHOP}/") and key not in self._seen:
                self._seen.add(key)
                self._see_object(key, body, conditions.get("metadata") or {})
            return answer

        self.cloud.ingest.write = written  # type: ignore[method-assign, assignment]

    def _see_object(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        """The watermark is never past what is durable: no row of before it is in no object."""
        target, facts = parse_table_key(key), decode_facts(metadata, key=key)
        assert target is not None
        source = self.cloud.contracts.dataset(SHOP).source_table(target.table)
        versions = self.extracted.setdefault(target.table, set())
        for line in gzip.decompress(body).splitlines():
            row = json.loads(line)
            versions.add((tuple(row[name] for name in source.key), datetime.fromisoformat(row["last_updated"])))
        self._durable[target.table] = max(facts.durable_until, self._durable.get(target.table, facts.durable_until))
        if not facts.last:
            return
        until = self.until[target.table] = wall(facts.interval_to)
        rows = self.cloud.database.tables[target.table]
        passed = [key for key, row in rows.items() if row["last_updated"] < until and not self._has(target.table, key)]
        if passed:
            self.judge.say(f"the watermark of {target.table} is at {until}, past {len(passed)} rows: {passed[:3]}")

    def _watch_parameters(self) -> None:
        put = self.cloud.parameters.put

        def written(name: str, value: str) -> None:
            *_, table, what = name.split("/")
            durable = self._durable.get(table)
            if what == TIMESTAMP and durable is not None and parse_instant(value) > durable:
                self.judge.say(f"{name} is {value}, the objects reach {durable}")
            put(name, value)

        self.cloud.parameters.put = written  # type: ignore[method-assign]

    def _has(self, table: str, key: Key) -> bool:
        return (key, self.cloud.database.tables[table][key]["last_updated"]) in self.extracted.get(table, set())

    # ------------------------------------------------------------ mails

    def after_audit(self) -> None:
        """A cause that is open is mailed again only where there is news of it, or after a mail that nobody recorded."""
        told = self.cloud.bus.details(ALARM)[self._events :]
        self._events += len(told)
        excuses = sum(self.cloud.weather.counts[name] for name in EXCUSES)
        told_now: set[tuple[str, str]] = set()
        for event in told:
            cause = event["alarm"]["cause"]
            name = event["dataset"], event["kind"]
            places = cause.get("places", {})
            days = {(entity, start[:10]) for entity, spans in places.items() for start, _ in spans}
            if event["state"] == "over":
                self._told.pop(name, None)
            elif name in self._told and days <= self._told[name] and excuses == self._excused[name]:
                self.judge.say(f"{name[1]} of {name[0]} was mailed again, of what was told before")
            if event["state"] == "open":
                self.judge.counts["mails"] += 1
                self._told[name] = self._told.get(name, set()) | days
                self._excused[name] = self._excuses  # nobody knows what went wrong between two mails of an audit
                told_now.add(name)
        self._excused |= dict.fromkeys(told_now, excuses)
        self._excuses = excuses

    # ------------------------------------------------------------ the end

    def at_the_end(self, until: int) -> None:
        """Extraction alone has brought each version that is current, and rollups count what facts have."""
        now = self.cloud.world.time
        for table, rows in self.cloud.database.tables.items():
            cut = wall(datetime.fromtimestamp(now - RECENT, UTC))
            left = [key for key, row in rows.items() if row["last_updated"] < cut and not self._has(table, key)]
            if left:
                self.judge.say(f"{len(left)} rows of {table} were never extracted: {left[:3]}")
        points = Counter((entity, second // 3600) for entity, second in self.judge.points())
        for row in self.judge.rows(f"{FACT}_hourly"):
            hour = _epoch(row["hour"]) // 3600
            owed = hour * 3600 >= self.judge.first_slot and hour * 3600 < until
            if owed and row["points"] != points[row["symbol"], hour]:
                seen = points[row["symbol"], hour]
                self.judge.say(f"rollup {row['symbol']} {iso(hour * 3600)}: {row['points']} points, {seen} are there")
            elif owed and not row["complete"]:
                self.judge.say(f"rollup {row['symbol']} {iso(hour * 3600)} is not complete at the end")


def _version(line: Mapping[str, Any]) -> str:
    return datetime.fromisoformat(line["last_updated"]).isoformat()


def _second(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _epoch(at: datetime) -> int:
    return int(at.timestamp()) if at.tzinfo else _second(f"{at.isoformat()}+00:00")

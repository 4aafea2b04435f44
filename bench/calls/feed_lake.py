"""A lake of a feed as old as one likes: whole, certified and signed, with a receipt for every object."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml

from auditor.evidence.certificates import Basis, draft_certificate
from auditor.evidence.chain import Chain
from auditor.evidence.completeness import completeness_key, completeness_row
from auditor.evidence.journal import Entry
from auditor.evidence.results import AuditResult, WindowResult
from auditor.feeds.choose import RECENT_DAYS
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import scan_partitions
from auditor.processing_log.compaction import MOST_BLOCKS, compact_log
from auditor.run_files import run_file_key
from auditor.state import DatasetState, state_key
from auditor.windows import Window, partitions_of, windows_between
from bench.calls.deployed import ANCHORS, INGEST, WAREHOUSE, DeployedFunctions
from bench.race import ROOT
from core.audit.anchors import Anchor, anchor_key
from core.audit.certificate import entry_of
from core.authoring.load import load
from core.contract.model import Contracts
from core.feeds.grid import expected_slots
from core.feeds.partitions import entities_in, period_of
from core.feeds.sweeps import whose_turn
from core.json import canonical_json
from core.landing.zone import landing_of
from core.time import at_epoch, format_second, iso
from core.warehouse.arrow_types import stored_schema
from processing.derived.rollups import derive_rollup
from processing.partitions.commit import restate
from processing.records.receipts import Receipt, TouchedPartition

DATASET, FACT, ROLLUP = "quotes", "fact_quote", "fact_quote_hourly"
EVERY = dt.timedelta(minutes=15)
ENTITIES = ("AAPL", "ZM")
OPENING = dt.datetime(2026, 11, 20, 14, 0, tzinfo=dt.UTC)  # a Friday: the first hour that is lived through here
AUDIT_AT = dt.timedelta(minutes=80)  # after the hour's start


def contracts_in(folder: Path, *, days: int) -> Contracts:
    """The shipped feed of so many days, with two symbols and a point each quarter of an hour: many objects."""
    contract = yaml.safe_load((ROOT / "contracts" / "quotes.yaml").read_text(encoding="utf-8"))
    contract["source"] |= {"entities": list(ENTITIES), "every": "15 minutes"}
    contract["source"]["complete_within"] = "3 hours"
    contract["warehouse"][FACT]["since"] = f"{OPENING - dt.timedelta(days=days):%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quotes.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    return load(folder, today=OPENING.date())


def age_with_sweep(days: int, hour: int) -> int:
    """The least age from so many days on, of which the audit of an hour sweeps a working day: one day of history a run.

    As ``auditor.feeds.choose`` takes them in turn; on a weekend there would be nothing to sweep.
    """
    now = int((OPENING + dt.timedelta(hours=hour) + AUDIT_AT).timestamp())
    while True:
        first = int((OPENING - dt.timedelta(days=days)).replace(hour=0).timestamp())
        swept = whose_turn(first // 86_400, (now - RECENT_DAYS * 86_400) // 86_400, now // 3600)
        if any(at_epoch(day * 86_400).weekday() < 5 for day in swept):
            return days
        days += 1


class FeedLake:
    """The lake at the beginning of a trading day, ``days`` old, and the hours that are lived through then."""

    def __init__(self, folder: Path, *, days: int) -> None:
        contracts = contracts_in(folder, days=days)
        self.functions = DeployedFunctions(contracts, OPENING)
        self.contracts = contracts
        self.contract, self.feed = contracts.dataset(DATASET), contracts.feed(DATASET)
        self.calendar = contracts.calendar(self.feed.calendar)
        self._until = int(OPENING.timestamp())
        self._since = self._until - days * 86_400
        self.functions.now = at_epoch(self._since)
        self.functions.deploy_each_month(DATASET, at_epoch(self._since), OPENING)
        self.functions.now = OPENING
        if days:
            self._fill()

    # ------------------------------------------------------------ an hour

    def live(self, hour: int) -> None:
        """The objects of an hour arrive, all but the last, which is left to be processed."""
        *first, self.last_object = self._objects(hour)
        for key in first:
            self.functions.process(key)

    def _objects(self, hour: int) -> list[str]:
        start = OPENING + dt.timedelta(hours=hour)
        slots = expected_slots(
            self.calendar, every=self.feed.every, start=int(start.timestamp()), end=int(start.timestamp()) + 3600
        )
        keys = []
        for slot in slots.tolist():
            self.functions.now = at_epoch(slot) + dt.timedelta(minutes=1)
            key = _key(slot)
            lines = "".join(
                f'{{"symbol":"{name}","minute":"{iso(slot)}","kind":"live","provenance":"observed",'
                f'"fetched_at":"{iso(slot)}","dataset":"quotes","c":101.25}}\n'
                for name in ENTITIES
            )
            body = gzip.compress(lines.encode(), 1, mtime=0)
            bucket = self.functions.aws.bucket(INGEST)
            bucket.put(key, self.functions.aws.stored(body))
            keys.append(key)
        return keys

    def go_to_audit(self, hour: int) -> str:
        """The time at which the hour is audited; the run's name."""
        self.functions.now = OPENING + dt.timedelta(hours=hour) + AUDIT_AT
        return self.functions.run_name()

    # ------------------------------------------------------------ the past

    def _fill(self) -> None:
        windows = windows_between(self.feed, self.calendar, self._since, self._until)
        self._rows(windows)
        self._arrivals()
        self._certificates(windows)
        self._rollups(windows)
        self._memories(windows)

    def _rows(self, windows: list[Window]) -> None:
        table = self.contracts.table(FACT)
        schema = stored_schema(table)
        for path in partitions_of(table, self.feed, windows):
            first, last = period_of(table, self.feed, path)
            slots = expected_slots(
                self.calendar, every=self.feed.every, start=max(first, self._since), end=min(last, self._until)
            )
            [name] = entities_in(table, self.feed, path)
            minutes = pa.array(slots * 1_000_000).cast(pa.timestamp("us"))
            values = {
                "symbol": pa.repeat(name, len(slots)),
                "minute": minutes,
                "trade_date": minutes.cast(pa.date32()),
                "price": pa.array(np.full(len(slots), 101, np.int32)).cast(pa.decimal128(18, 6)),
                "provider_time": minutes,
                "provenance": pa.repeat("observed", len(slots)),
                "fetched_at": minutes,
            }
            rows = pa.table([values[column] for column in schema.names], schema=schema)
            self._commit(path, rows)

    def _commit(self, path: str, rows: pa.Table) -> None:
        processing, table = self.functions.processing, self.contracts.table(FACT)
        context = processing.context_of(self.contract)
        restate(processing.partitions, table, path, lambda: (rows, ()), context=context)

    def _arrivals(self) -> None:
        aws = self.functions.aws
        slots = expected_slots(self.calendar, every=self.feed.every, start=self._since, end=self._until).tolist()
        objects, receipts = {}, {}
        for slot in slots:
            landing = landing_of(_key(slot))
            assert landing is not None
            self.functions.now = at_epoch(slot) + dt.timedelta(minutes=1)
            objects[landing.key] = aws.stored(b"an object that arrived long ago")
            receipts[landing.receipt_key] = aws.stored(_receipt(landing.key, slot))
        self.functions.now = OPENING
        aws.bucket(INGEST).fill(objects)
        aws.bucket(WAREHOUSE).fill(receipts)

    def _certificates(self, windows: list[Window]) -> None:
        """As audits would have issued them, a month at a time."""
        expectation = expect(self.feed, self.calendar, windows)
        scan = scan_partitions(self.contract, expectation, self.functions.auditor.partitions)
        counts = scan.coverage.counts()
        results = [
            WindowResult(window.start, window.end, True, counts[place], scan.proofs[place])
            for place, window in enumerate(expectation.windows)
        ]
        chain = Chain(self.functions.auditor.records, DATASET)
        basis = Basis(
            "past", self.contract.hash, f"{self.calendar.name} ({self.calendar.version})", self.contract.tables
        )
        result = AuditResult(DATASET, self.feed.table.name, tuple(results), (), {}, "", iso(self._until))
        issued = chain.issue([draft_certificate(result, window, basis) for window in results])
        entries = {certificate.window: entry_of(certificate) for certificate in issued}
        aws = self.functions.aws
        aws.bucket(WAREHOUSE).fill(
            {
                completeness_key(DATASET, window.start): aws.stored(
                    canonical_json(completeness_row(result, window, basis, entries, alarmed=False))
                )
                for window in results
            }
        )

    def _rollups(self, windows: list[Window]) -> None:
        rollup, fact = self.contracts.table(ROLLUP), self.contracts.table(FACT)
        for path in partitions_of(rollup, self.feed, windows, fact=fact):
            derive_rollup(self.functions.processing, rollup, path)

    def _memories(self, windows: list[Window]) -> None:
        """What runs left of themselves, and what the next one knows of them."""
        aws, warehouse = self.functions.aws, {}
        nothing = AuditResult(DATASET, self.feed.table.name, (), (), {}, "", iso(self._until))
        files = {
            "order": aws.stored(canonical_json({})),
            "audit-0": aws.stored(canonical_json(nothing.to_data())),
            "judgement": aws.stored(canonical_json({"causes": [], "healing": 0, "alarmed": 0})),
        }
        for window in windows:
            entry = Entry(DATASET, f"run-{window.start}", iso(window.end + 1200))
            warehouse[entry.key] = aws.stored(entry.to_json())
            warehouse |= {run_file_key(entry.run, name): file for name, file in files.items()}
        aws.bucket(WAREHOUSE).fill(warehouse)
        yesterday = at_epoch(self._until - 86_400)
        state = DatasetState(frontier=self._until, objects_from=f"{yesterday:%Y/%m/%d/%H}")
        records = self.functions.auditor.records
        records.write(state_key(DATASET), state.to_json())
        for _ in range(len(windows) // 7 // MOST_BLOCKS + 2):  # a block for each day of seven hours
            compact_log(self.functions.auditor, DATASET, "past")
        self._anchors(len(windows))

    def _anchors(self, count: int) -> None:
        """One for each certificate: the notary comes as often as the audit."""
        aws, head = self.functions.aws, Chain(self.functions.auditor.records, DATASET).head()
        passed = aws.stored(b"an anchor that was signed long ago")
        aws.bucket(ANCHORS).fill({anchor_key(DATASET, number): passed for number in range(1, count)})
        key = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"  # of the simulated key
        last = Anchor(DATASET, count, "before", head.number, head.hash, format_second(at_epoch(self._until)), key)
        aws.bucket(ANCHORS).put(anchor_key(DATASET, count), aws.stored(last.signed(b"signature").to_json()))


def _key(slot: int) -> str:
    return f"feeds/{DATASET}/{at_epoch(slot):%Y/%m/%d/%H}/delivery-1-{at_epoch(slot):%Y-%m-%d-%H-%M-%S}"


def _receipt(key: str, slot: int) -> bytes:
    at = iso(slot)
    touched = tuple(TouchedPartition(FACT, f"symbol={name}/month={at[:7]}", 1, "committed", 1) for name in ENTITIES)
    return Receipt(
        object=key, etag="", version_id="", dataset=DATASET, table=DATASET, sequential_id=None, sequential=True,
        size=100, lines_in=4, rows_out=4, rejected=0, accepted=4, unknown_columns=(), partitions=touched,
        outcome="committed", reason="", milliseconds=1.0, processed_at=at,
    ).to_json()  # fmt: skip

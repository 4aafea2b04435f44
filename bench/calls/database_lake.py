"""A lake of a database as old as one likes: every month of it is certified, and each of its objects has a receipt."""

from __future__ import annotations

import datetime as dt
import gzip
from dataclasses import replace
from pathlib import Path

import yaml

from auditor.databases.memory import TableMemory, change_memory
from auditor.databases.rows.targets import ALWAYS, targets_of
from auditor.evidence.chain import Chain
from auditor.evidence.completeness import completeness_key
from auditor.evidence.journal import Entry
from auditor.evidence.results import AuditResult
from auditor.processing_log.compaction import compact_log
from auditor.run_files import run_file_key
from bench.calls.deployed import INGEST, WAREHOUSE, DeployedFunctions
from bench.calls.quiet_source import QuietSource
from bench.race import ROOT
from core.audit.certificate import certificate_key, hash_of, head_key
from core.authoring.load import load
from core.contract.model import Contracts, Database, SourceTable
from core.errors import of_kind, present
from core.json import canonical_json
from core.landing.ingest_objects import TableObject, encode_facts
from core.landing.records import LOG_DAYS
from core.landing.state import FIRST_ID, FIRST_TIMESTAMP, ParameterNames
from core.landing.zone import landing_of
from core.time import format_instant, iso
from processing.records.receipts import Receipt

DATASET, CHANGED = "sales", ("sales_order", "purchase_order", "payment", "staff")
FACTS = CHANGED[:3]
OPENING = dt.datetime(2026, 11, 20, 14, 0, tzinfo=dt.UTC)  # the first hour that is lived through here
AUDIT_AT = dt.timedelta(minutes=80)  # after the hour's start
DAY = dt.timedelta(days=1)
OBJECTS_A_DAY, FEWEST_OBJECTS = 10, 4_500  # of each table; more than the sweeps of the hours here come to
NAMES = {"transaction_type": "SALE", "payment_type_name": "SALES_RECEIPT", "currency_code": "GBP"}


def contracts_in(folder: Path, *, days: int) -> Contracts:
    """The shipped database, of so many days."""
    contract = yaml.safe_load((ROOT / "contracts" / "sales.yaml").read_text(encoding="utf-8"))
    for name in (f"fact_{table}" for table in FACTS):
        contract["warehouse"][name]["since"] = f"{OPENING - days * DAY:%Y-%m-%d}"
    (folder / "lookups").mkdir(parents=True, exist_ok=True)
    (folder / "lookups" / "currencies.csv").write_bytes((ROOT / "contracts/lookups/currencies.csv").read_bytes())
    (folder / "sales.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    return load(folder, today=OPENING.date())


class DatabaseLake:
    """The lake at the beginning of an hour, ``days`` old, and the hours that are lived through then."""

    def __init__(self, folder: Path, *, days: int) -> None:
        contracts = contracts_in(folder, days=days)
        self.source = QuietSource(lambda: self.functions.now)
        self.functions = DeployedFunctions(contracts, OPENING - days * DAY, database=self.source, dataset=DATASET)
        self.contract = contracts.dataset(DATASET)
        self._tables = of_kind(self.contract.source, Database, "make lake", DATASET).tables
        self._names = ParameterNames(self.functions.settings.parameter_prefix, DATASET)
        self._since = OPENING - days * DAY - dt.timedelta(hours=3)
        for table in self._tables:
            self.functions.aws.parameters[self._names.timestamp(table.name)] = FIRST_TIMESTAMP
            self.functions.aws.parameters[self._names.sequential_id(table.name)] = FIRST_ID
            self.functions.aws.parameters[self._names.latest_object(table.name)] = FIRST_ID
        self.functions.deploy_each_month(DATASET, OPENING - days * DAY, OPENING)
        self._load(days)
        if days:
            self._fill(days)
        self.functions.now = OPENING

    # ------------------------------------------------------------ an hour

    def change(self, hour: int) -> None:
        """An order, a purchase and a payment come, and one of the staff changes."""
        self.functions.now = OPENING + dt.timedelta(hours=hour, minutes=30)
        for name in CHANGED:
            table = self.contract.source_table(name)
            number = 1 if name == "staff" else len(self.source.rows[name]) + 1
            self.source.write(table, number, self.functions.now - dt.timedelta(minutes=1), **NAMES)

    def arrived(self) -> list[str]:
        """The objects that no receipt is there for yet, that of an order last."""
        objects = self.functions.aws.bucket(INGEST).objects
        receipts = self.functions.aws.bucket(WAREHOUSE).objects
        landings = [landing for landing in map(landing_of, objects) if landing]
        fresh = [landing for landing in landings if landing.receipt_key not in receipts]
        return [landing.key for landing in sorted(fresh, key=lambda landing: landing.table == FACTS[0])]

    def go_to_audit(self, hour: int) -> str:
        """The time at which the hour is audited; the run's name."""
        self.functions.now = OPENING + dt.timedelta(hours=hour) + AUDIT_AT
        return self.functions.run_name()

    def sweep(self) -> None:
        """The audit of a month of history."""
        month = (OPENING.replace(day=1) - DAY).replace(day=1, hour=0)
        bounds = {"start": iso(int(month.timestamp())), "end": iso(int((month + DAY).timestamp()))}
        self.functions.audit(DATASET, "sweep", tables=list(FACTS), **bounds)

    # ------------------------------------------------------------ the past

    def _load(self, days: int) -> None:
        """What the tables have had since the beginning: a row of each fact a week, and the rows that these refer to."""
        for table in self._tables:
            weeks = range(days // 7 + 1) if table.name in FACTS else range(1)
            for week in weeks:
                self.source.write(table, week + 1, self._since + dt.timedelta(days=7 * week, seconds=1), **NAMES)
        self.functions.now = OPENING - dt.timedelta(hours=2)
        self.functions.extract()
        self.functions.process(*self.arrived())
        if days:
            self.functions.now += dt.timedelta(minutes=30)
            first, last = int(self._since.timestamp()), int(OPENING.timestamp())
            run = self.functions.audit(DATASET, "past", start=iso(first), end=iso(last))
            self.functions.certify(run)

    def _fill(self, days: int) -> None:
        for table in self._tables:
            self._objects(table, days)
        self._rows(days)
        self._runs(days)
        self._certificates(days * 24)
        self.functions.now = OPENING
        while compact_log(self.functions.auditor, DATASET, "past").blocks:
            pass

    def _objects(self, table: SourceTable, days: int) -> None:
        """A sequence of objects, which repeat the last line of the first one: dense long ago, then one a day."""
        aws, first = self.functions.aws, TableObject(DATASET, table.name, 1)
        ingest, warehouse = aws.bucket(INGEST), aws.bucket(WAREHOUSE)
        loaded = present(self.functions.extraction.sink.landing.facts(first), "make lake", first.key)
        body = gzip.decompress(ingest.objects[first.key].body).splitlines(keepends=True)[-1]
        facts = replace(loaded, rows=1, interval_from=loaded.interval_to)
        self.functions.now = self._since + DAY
        stored = aws.stored(gzip.compress(body, 1, mtime=0), encode_facts(facts))
        passed = aws.stored(b"a receipt that nobody copies any more")
        count = max(FEWEST_OBJECTS, days * OBJECTS_A_DAY)
        keys = {number: TableObject(DATASET, table.name, number).key for number in range(2, count + 1)}
        receipts = {number: receipt_key(key) for number, key in keys.items()}
        ingest.fill(dict.fromkeys(keys.values(), stored))
        warehouse.fill(dict.fromkeys(receipts.values(), passed))
        for back in range(min(LOG_DAYS, days)):
            self.functions.now, number = OPENING - (back + 1) * DAY, count - back
            ingest.fill({keys[number]: replace(stored, modified=self.functions.now)})
            receipt = _receipt(keys[number], table.name, number, self.functions.now)
            warehouse.fill({receipts[number]: aws.stored(receipt)})
        aws.parameters[self._names.timestamp(table.name)] = format_instant(facts.durable_until)
        aws.parameters[self._names.sequential_id(table.name)] = str(count)
        aws.parameters[self._names.latest_object(table.name)] = str(count)
        known = TableMemory(verified=count)
        change_memory(
            self.functions.auditor.records,
            DATASET,
            lambda before: replace(before, tables={**before.tables, table.name: known}),
        )

    def _rows(self, days: int) -> None:
        """The rows of ``completeness`` of each day, of what no time bounds."""
        aws, warehouse = self.functions.aws, self.functions.aws.bucket(WAREHOUSE)
        today = f"{OPENING:%Y-%m-%d}"
        for target in targets_of(self.contract):
            if not target.column:
                key = completeness_key(DATASET, ALWAYS[0], subject=target.table.name, day=today)
                row = warehouse.objects[key]
                past = (f"{OPENING - back * DAY:%Y-%m-%d}" for back in range(1, days))
                keys = [completeness_key(DATASET, ALWAYS[0], subject=target.table.name, day=day) for day in past]
                warehouse.fill(dict.fromkeys(keys, aws.stored(row.body)))

    def _runs(self, days: int) -> None:
        """What the audits of each hour left of themselves."""
        aws, warehouse = self.functions.aws, {}
        nothing = AuditResult(DATASET, DATASET, (), (), {}, "", iso(int(OPENING.timestamp())))
        files = {
            "order": aws.stored(canonical_json({})),
            "audit-0": aws.stored(canonical_json(nothing.to_data())),
            "judgement": aws.stored(canonical_json({"causes": [], "healing": 0, "alarmed": 0})),
        }
        for hour in range(days * 24):
            at = iso(int((OPENING - dt.timedelta(hours=hour + 2)).timestamp()))
            entry = Entry(DATASET, f"run-{hour}", at)
            warehouse[entry.key] = aws.stored(entry.to_json())
            warehouse |= {run_file_key(entry.run, name): file for name, file in files.items()}
        aws.bucket(WAREHOUSE).fill(warehouse)

    def _certificates(self, count: int) -> None:
        """As many as there were changes: one an hour."""
        head = Chain(self.functions.auditor.records, DATASET).head()
        passed = self.functions.aws.stored(b"a certificate that another one replaced")
        warehouse = self.functions.aws.bucket(WAREHOUSE)
        numbers = range(head.number + 1, head.number + count)
        warehouse.fill({certificate_key(DATASET, number): passed for number in numbers})
        body = canonical_json({"number": numbers[-1], "hash": hash_of(passed.body)})
        warehouse.put(head_key(DATASET), self.functions.aws.stored(body))


def receipt_key(key: str) -> str:
    """The key of an object's receipt."""
    landing = landing_of(key)
    assert landing is not None
    return landing.receipt_key


def _receipt(key: str, table: str, number: int, at: dt.datetime) -> bytes:
    return Receipt(
        object=key, etag="", version_id="", dataset=DATASET, table=table, sequential_id=number, sequential=True,
        size=100, lines_in=1, rows_out=1, rejected=0, accepted=1, unknown_columns=(), partitions=(),
        outcome="committed", reason="", milliseconds=1.0, processed_at=iso(int(at.timestamp())),
    ).to_json()  # fmt: skip

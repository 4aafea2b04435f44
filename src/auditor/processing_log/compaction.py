"""Copying of receipts into the table ``processing_log``, at the end of an audit.

The receipts stay where they are; the copy can be thrown away and is made again from them. Each audit looks at the
newest blocks of its dataset, at those whose objects it found amiss, and at a few of the others in turn.

Effects, for each block in this order: the objects of its days, the newest first, then its ledger; at the end the places
from which the next audit lists. A crash between any two is made up for by the next audit, for the ledger knows the
ETags of what was written, and so is another audit that wrote at the same time. While a receipt moves to a newer day, a
reader may see it in both.
"""

from __future__ import annotations

import gzip
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from itertools import groupby

from auditor.evidence.results import AuditResult
from auditor.processing_log.blocks import (
    Ledger,
    Place,
    Row,
    Series,
    changed_receipts,
    first_day,
    is_turn_of,
    is_up_to_date,
    places_from,
    places_key,
    places_to_json,
    plan_copy,
    plan_reading,
    possible_days,
    row_of,
    rows_in,
    series_of,
    touched_days,
)
from auditor.run_files import find_run_file
from auditor.services import Services
from core.landing.zone import landing_of
from core.ports import ObjectInfo, Written

MOST_READ = 2_000  # receipts that are new or changed, in one run
MOST_BLOCKS = 50  # of one series, from its tail on
SWEPT_BLOCKS = 4  # of one series, behind its tail
NEWEST = 2  # days whose objects are looked at in every run
_BEYOND = "~"  # sorts behind whatever a name has


@dataclass(frozen=True, slots=True)
class Compacted:
    """Blocks that were copied anew, receipts that were read for it, and series that could not be copied."""

    blocks: int
    receipts: int
    failed: tuple[str, ...]


def compact_log(services: Services, dataset: str, run: str) -> Compacted:
    """Bring the copy of a dataset's receipts up to date, within the limits of one run.

    Never fails: what cannot be copied now is logged, harms no other series, and is copied by the next audit.
    """
    compaction = _Compaction(services, dataset)
    try:
        result = compaction.run(run)
        services.log.info("processing log copied", dataset=dataset, run=run, **asdict(result))
        return result
    except Exception as error:  # noqa: BLE001 - the audit is over, and the receipts are the truth
        services.log.error("processing log not copied", dataset=dataset, run=run, reason=str(error))
        return replace(compaction.result, failed=(*compaction.result.failed, dataset))


class _Compaction:
    """One run over the series of a dataset."""

    def __init__(self, services: Services, dataset: str) -> None:
        self._services = services
        self._store = services.records
        self._dataset = dataset
        self._first_day = first_day(services.now())
        self._left = MOST_READ
        self.result = Compacted(0, 0, ())

    def run(self, run: str) -> Compacted:
        contract = self._services.contracts.dataset(self._dataset)
        stored = self._store.read(places_key(self._dataset))
        before = places_from(stored.body if stored else None)
        places = dict(before)
        amiss = self._amiss(run)
        for series in series_of(contract):
            try:
                places[series.name] = self._follow(series, before.get(series.name, Place()), amiss)
            except Exception as error:  # noqa: BLE001 - the other series do not wait for it
                self._services.log.error(
                    "receipts not copied", dataset=self._dataset, series=series.name, reason=str(error)
                )
                self.result = replace(self.result, failed=(*self.result.failed, series.name))
        if places != before:
            self._write(places_key(self._dataset), places_to_json(places), "application/json")
        return self.result

    def _amiss(self, run: str) -> list[str]:
        """Keys of the receipts of objects that the run found amiss, and may have had processed again."""
        keys = []
        attempt = 0
        while (data := find_run_file(self._store, run, f"audit-{attempt}")) is not None:
            findings = AuditResult.from_data(data).findings
            landings = (landing_of(str(getattr(finding, "key", ""))) for finding in findings)
            keys += [landing.receipt_key for landing in landings if landing]
            attempt += 1
        return keys

    def _follow(self, series: Series, place: Place, amiss: Sequence[str]) -> Place:
        """Copy the newest blocks, those of receipts that were amiss, and the next ones of the sweep."""
        seen = []
        after = series.folder + place.tail if place.tail else ""
        for block, infos in self._blocks(series, after):
            seen.append(block)
            if not self._copy(series, block, infos) or len(seen) == MOST_BLOCKS:
                break
        place = place.after(seen)
        of_series = {series.block_of(key) for key in amiss if series.holds(key)}
        for block in sorted(of_series - {*seen}):
            listed = series.within(self._store.list(series.folder + block))
            self._copy(series, block, list(listed))
        return self._sweep(series, place)

    def _sweep(self, series: Series, place: Place) -> Place:
        """Copy what came late to blocks behind the tail, a few in each run and all of them in turn."""
        if place.first >= place.tail or self._left <= 0:
            return place
        swept = place.swept
        after = series.folder + swept + _BEYOND if swept else ""
        for number, (block, infos) in enumerate(self._blocks(series, after)):
            if block >= place.tail:
                return replace(place, swept="")
            if number == SWEPT_BLOCKS or not self._copy(series, block, infos):
                break
            swept = block
        return replace(place, swept=swept)

    def _blocks(self, series: Series, after: str) -> Iterator[tuple[str, list[ObjectInfo]]]:
        listed = series.within(self._store.list(series.prefix, after=after))
        for block, infos in groupby(listed, key=lambda info: series.block_of(info.key)):
            yield block, list(infos)

    def _copy(self, series: Series, block: str, infos: Iterable[ObjectInfo]) -> bool:
        """Copy what a block lacks; whether all of it is in the copy now."""
        # A receipt is older than its object: of those that were stored before the first day, nothing is kept.
        keys = {series.receipt_name(info.key): info for info in infos if f"{info.modified:%Y-%m-%d}" >= self._first_day}
        if not keys:
            return True
        listed = {name: info.etag for name, info in keys.items()}
        ledger = self._ledger(series, block)
        damaged = self._damaged(series, block, ledger)
        if is_up_to_date(listed, ledger, ledger.files.keys() - damaged, first_day=self._first_day):
            return True
        read: dict[str, Row] = {}
        copies: dict[str, bytes] = {}
        most, lost = self._left, {*damaged}
        while lost or most:  # what turns out to be lost of the days that are written again has to be read too
            names = plan_reading(listed, ledger, ledger.files.keys() - damaged, first_day=self._first_day, most=most)
            read |= self._read({name: keys[name] for name in names if name not in read})
            days = (touched_days(listed, ledger, read) & ledger.files.keys()) - damaged - copies.keys()
            copies |= self._copies(series, block, ledger, days)
            most, lost = 0, days - copies.keys()
            damaged |= lost
        self._left -= len(read)
        kept = {name: row for day, copy in copies.items() for name, row in rows_in(copy, day, ledger).items()}
        after, lines = plan_copy(listed, ledger, kept, read, ledger.files.keys() - damaged, first_day=self._first_day)
        if not lines and after == ledger:
            return False  # nothing more may be read in this run
        etags = {day: self._write_day(series.copy_key(block, day), lines[day]) for day in lines}
        after = replace(after, files={**after.files, **etags})
        self._write(series.ledger_key(block), after.to_json(), "application/json")
        self.result = replace(self.result, blocks=self.result.blocks + 1, receipts=self.result.receipts + len(read))
        return not changed_receipts(listed, after)

    def _ledger(self, series: Series, block: str) -> Ledger:
        """The ledger of a block. Where there is none, it is that of a copy of which no object is as it should be."""
        stored = self._store.read(series.ledger_key(block))
        ledger = Ledger.from_json(stored.body) if stored else None
        if ledger is not None:
            return ledger
        days = possible_days(block, self._services.now())
        with ThreadPoolExecutor(self._services.limits.workers) as pool:
            stats = list(pool.map(lambda day: self._store.stat(series.copy_key(block, day)), days))
        return Ledger(files={day: "" for day, stat in zip(days, stats, strict=True) if stat})

    def _damaged(self, series: Series, block: str, ledger: Ledger) -> set[str]:
        """The days whose object is not as the ledger says, by its ETag, of those that this run looks at."""
        looked = [day for day, etag in ledger.files.items() if etag and self._is_looked_at(day)]
        with ThreadPoolExecutor(self._services.limits.workers) as pool:
            stats = pool.map(lambda day: self._store.stat(series.copy_key(block, day)), looked)
            etags = {day: stat.etag if stat else "" for day, stat in zip(looked, stats, strict=True)}
        return {day for day, etag in etags.items() if etag != ledger.files[day]} | {
            day for day, etag in ledger.files.items() if not etag
        }

    def _is_looked_at(self, day: str) -> bool:
        """Whether the day is one of the newest, which others may write, or it is its turn in this hour."""
        now = self._services.now()
        return is_turn_of(day, now) or day >= f"{now - timedelta(days=NEWEST):%Y-%m-%d}"

    def _copies(self, series: Series, block: str, ledger: Ledger, days: Collection[str]) -> dict[str, bytes]:
        """The content of the objects of these days that are as the ledger says."""
        stored = {day: self._store.read(series.copy_key(block, day)) for day in days}
        return {
            day: gzip.decompress(copy.body)
            for day, copy in stored.items()
            if copy and copy.stat.etag == ledger.files[day]
        }

    def _read(self, keys: Mapping[str, ObjectInfo]) -> dict[str, Row]:
        with ThreadPoolExecutor(self._services.limits.workers) as pool:
            stored = dict(zip(keys, pool.map(lambda info: self._store.read(info.key), keys.values()), strict=True))
        return {
            name: row_of(name, receipt.body, receipt.stat.etag, receipt.stat.modified)
            for name, receipt in stored.items()
            if receipt
        }

    def _write_day(self, key: str, lines: Sequence[bytes]) -> str:
        return self._write(key, gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0), "application/gzip")

    def _write(self, key: str, body: bytes, content_type: str) -> str:
        answer = self._store.write(key, body, content_type=content_type)
        return answer.etag if isinstance(answer, Written) else ""

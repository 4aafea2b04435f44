"""Partitions as a certificate found them: the object whose rows it proves by their number and digest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from core.audit.certificate import Certificate, certificate_key
from core.contract.model import Contract, Feed, Table
from core.evolution.certified import table_as_certified
from core.feeds.partitions import column_of
from core.time import epoch
from core.warehouse.arrow_types import table_schema
from core.warehouse.canonical_rows import proof_of, rows_between
from core.warehouse.keys import with_path_columns
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import partition_of
from starmend_reader.errors import NotKept, NotProven
from starmend_reader.partitions import Past, in_parallel
from starmend_reader.storage import Storage

AUDIT = timedelta(hours=1)  # a certificate bears the time at which its audit began to read, which takes less


def certified_key(
    storage: Storage, past: Past, certificate: Certificate, contract: Contract, table: Table, at: datetime
) -> str:
    """The object of a partition that a certificate names: the first, from its time on, whose rows it proves.

    What was current as the audit began may be removed: what it committed after its repairs proves the same rows.
    Raises ``NotProven`` where there is none, ``NotKept`` where that may be because objects of its time are removed.
    """
    proven = certificate.partitions[past.name]
    later = sorted({time for time in past.written.values() if at < time <= at + AUDIT})
    tried: list[str] = []
    removed: NotKept | None = None
    for time in (at, *later):
        try:
            key = past.at(time)
        except NotKept as error:
            removed = removed or error
            continue
        if key and key not in tried:
            tried.append(key)
            if _proof(storage, certificate, contract, table, past.path, key) == list(proven):
                return key
    if removed:
        raise removed
    name = f"{certificate.dataset}/{certificate.number}"
    problem = f"none of {', '.join(tried) or 'its objects'} holds the {proven[0]} rows of {name}"
    raise NotProven("read as of a certificate", past.name, problem, "Ask an operator to run: starmend verify")


def is_certified(storage: Storage, table: Table, path: str, numbers: Iterable[int]) -> bool:
    """Whether one of these certificates of the table's dataset names the partition, which then has, or had, rows."""
    name = partition_of(table.folder, path)
    keys = [certificate_key(table.dataset, number) for number in sorted(numbers, reverse=True)]
    stored = zip(keys, in_parallel(storage.read, keys), strict=True)
    return any(name in Certificate.from_json(each.body, key=key).partitions for key, each in stored if each)


def _proof(
    storage: Storage, certificate: Certificate, contract: Contract, table: Table, path: str, key: str
) -> list[object]:
    """What the certificate would say of the rows of its window in an object; nothing where it is gone."""
    stored = storage.read(key)
    if stored is None:
        return []
    certified = table_as_certified(table, certificate.columns)
    kept = table_schema(replace(certified, columns=certified.stored_columns))
    rows = with_path_columns(certified, path, open_object(key, stored.body).read(kept, back=True))
    if isinstance(contract.source, Feed):
        instants = column_of(certified, contract.source.time_column)
        rows = rows_between(rows, instants, epoch(certificate.start), epoch(certificate.end))
    return proof_of(rows)

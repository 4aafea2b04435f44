"""Instants that a read is as of: a time, or that of a certificate; and the contracts that held then."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from core.audit.certificate import Certificate, certificate_key
from core.contract.model import Contract, Contracts, Table
from core.errors import Misuse
from core.evolution.deployments import read_history
from core.time import epoch, format_second
from starmend_reader.storage import Storage

_CERTIFICATE = re.compile(r"(?P<dataset>[A-Za-z]\w*)/(?P<number>\d{1,12})")


@dataclass(frozen=True, slots=True)
class Instant:
    """The time that a read is as of, and the certificate that it was given by, if any."""

    at: datetime
    certificate: Certificate | None = None


def instant_of(as_of: str | datetime, storage: Storage, datasets: Collection[str], *, now: datetime) -> Instant:
    """The instant of a time (ISO 8601, UTC where it has no offset) or of a certificate, ``<dataset>/<number>``.

    Raises ``Misuse`` where it is neither, or lies in the future.
    """
    remedy = "Give a time (2026-11-20T15:00:00Z) or a certificate (quotes/12)"
    certificate = None
    if isinstance(as_of, str) and (match := _CERTIFICATE.fullmatch(as_of)):
        certificate = _certificate(storage, match["dataset"], int(match["number"]), datasets)
        at = datetime.fromtimestamp(epoch(certificate.verified_at), UTC)
    else:
        try:
            at = _utc(as_of)
        except (ValueError, TypeError, OverflowError) as error:
            raise Misuse("read as of", str(as_of), "is neither a time nor a certificate", remedy) from error
    if at > now:
        raise Misuse("read as of", format_second(at), "lies in the future", remedy)
    return Instant(at, certificate)


def _utc(given: object) -> datetime:
    """An instant; a day is its first one."""
    given = datetime.fromisoformat(given) if isinstance(given, str) else given
    if isinstance(given, date) and not isinstance(given, datetime):
        given = datetime(given.year, given.month, given.day, tzinfo=UTC)
    if not isinstance(given, datetime):
        raise TypeError(f"{given!r} is no time")
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)


def _certificate(storage: Storage, dataset: str, number: int, datasets: Collection[str]) -> Certificate:
    place = f"{dataset}/{number}"
    if dataset not in datasets:
        raise Misuse("read certificate", place, "is of no dataset here", f"Datasets are {', '.join(sorted(datasets))}")
    key = certificate_key(dataset, number)
    stored = storage.read(key)
    if stored is None:
        raise Misuse("read certificate", place, "there is none", "The column certificate of completeness has them")
    return Certificate.from_json(stored.body, key=key)


def contracts_at(storage: Storage, now: Contracts, at: datetime) -> Contracts:
    """The contracts that held at an instant; before the first that is recorded, that one.

    Raises ``InvalidData`` where one of them was altered or is gone.
    """
    return replace(now, contracts=tuple(_contract_at(storage, contract, at) for contract in now))


def _contract_at(storage: Storage, contract: Contract, at: datetime) -> Contract:
    history = read_history(storage, contract.dataset) if contract.source else ()
    held = [recorded for recorded in history if recorded.deployment.since <= at.timestamp()]
    return (held or history)[-1 if held else 0].form.contract if history else contract


def is_kept(table: Table, contracts: Contracts, *, now: datetime) -> bool:
    """Whether the generation of a table is read or written ``now``, so that none of its partitions is removed."""
    current = contracts.dataset(table.dataset)
    beside = current.beside.contract.tables if current.beside and current.beside.is_live(int(now.timestamp())) else ()
    return any(each.folder == table.folder for each in (*current.tables, *beside))

"""Certificates drawn up from a scan's result: one for each window that is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.chain import Chain
from auditor.evidence.outstanding import Looks, Outstanding
from auditor.evidence.results import AuditResult, WindowResult
from core.audit.certificate import Certificate, LedgerEntry, window_digest, window_name
from core.contract.model import Table
from core.evolution.certified import columns_of
from core.ports import ObjectStore
from core.time import iso

Entries = Mapping[str, LedgerEntry]  # the certificates that speak for windows now, by window name


@dataclass(frozen=True, slots=True)
class Basis:
    """The terms on which windows are certified.

    ``contract`` is its hash and ``tables`` are its tables, ``calendar`` has a name and version (empty where the dataset
    has none).
    """

    run: str
    contract: str
    calendar: str = ""
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Certified:
    """The certificates that the end of an audit issued, and ``jobs`` for processing, by key.

    ``damage`` is what it saw wrong with the chain and ``looks`` where it looked, ``head`` the number of its last
    certificate before.
    """

    issued: tuple[Certificate, ...]
    jobs: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    head: int = 0
    looks: Looks = field(default_factory=Looks)


def issue_certificates(
    store: ObjectStore, result: AuditResult, basis: Basis, known: Outstanding | None = None
) -> tuple[Certified, Entries]:
    """Certify the windows that are whole; returns what was issued now, and what speaks for each window since.

    ``known`` tells which certificates earlier audits saw damaged.
    Safe to do again: where a window's certificate says the same already, none is issued.
    """
    chain = Chain(store, result.dataset)
    issued = chain.issue([draft_certificate(result, window, basis) for window in result.windows if window.whole])
    names = [
        (window_name(result.subject_of(window), iso(window.start)), iso(window.start)) for window in result.windows
    ]
    entries = chain.entries(names)
    damage = chain.damage(entries, run=basis.run, known=known)
    head = chain.known_head.number
    return Certified(tuple(issued), damage=damage.problems, head=head, looks=damage.looks), entries


def draft_certificate(result: AuditResult, window: WindowResult, basis: Basis) -> Certificate:
    """What a window's certificate says; its place in the chain is filled in when it is issued."""
    return Certificate(
        dataset=result.dataset,
        subject=result.subject_of(window),
        number=0,
        previous="",
        start=iso(window.start),
        end=iso(window.end),
        contract=basis.contract,
        calendar=basis.calendar,
        expected=window.counts["expected"],
        present=window.counts["present"],
        observed=window.counts["observed"],
        repaired=window.counts["repaired"],
        late=window.counts["late"],
        absent=window.counts["absent"],
        missing=window.counts["missing"],
        partitions=window.partitions,
        digest=window_digest(window.partitions),
        verified_at=result.audited_at,
        run=basis.run,
        absent_points=window.absent,
        evidence=window.evidence,
        columns=columns_of(basis.tables, window.partitions),
        unplaced=window.counts.get("unplaced", 0),
        orphans=window.counts.get("orphans", 0),
    )

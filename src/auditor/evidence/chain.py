"""The chain of a dataset's certificates in the warehouse bucket: read it, add to it; no certificate is ever changed.

A certificate is put under the next free number, if nobody else has; then the ledgers take it up, then the head. Whoever
comes after a crash finds certificates beyond the head and catches up first, so the three agree again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from auditor.evidence.damage import NEWEST, Damage, Listed, beyond_the_chain, damage_of, list_chain
from auditor.evidence.outstanding import Outstanding
from core.audit.certificate import (
    PUT_BACK,
    Certificate,
    Head,
    Ledger,
    LedgerEntry,
    certificate_key,
    chain_prefix,
    differences,
    entry_of,
    head_key,
    ledger_key,
    month_of,
    number_of,
)
from core.change import TRIES, change_object
from core.errors import InvalidData, PipelineBug, TransientFailure
from core.json import UNREADABLE, canonical_json
from core.ports import ObjectInfo, ObjectReader, ObjectStore, Refused

CATCH_UP_LATER = "The next audit catches up"


class ChainReader:
    """The chain of one dataset, to be read."""

    def __init__(self, store: ObjectReader, dataset: str) -> None:
        self._reader = store
        self.dataset = dataset

    def head(self) -> Head:
        """The head; number 0 where there is none yet. Raises ``InvalidData`` where it is altered."""
        stored = self._reader.read(head_key(self.dataset))
        return self._head_of(stored.body if stored else None)

    def _head_of(self, body: bytes | None) -> Head:
        try:
            head = Head(**json.loads(body)) if body is not None else Head()
            if type(head.number) is not int or head.number < 0 or type(head.hash) is not str:
                raise ValueError(f"number {head.number!r}, hash {head.hash!r}")
        except UNREADABLE as error:
            raise InvalidData("read head", head_key(self.dataset), f"is no head ({error!r})", PUT_BACK) from error
        else:
            return head

    def certificate(self, number: int) -> Certificate | None:
        """The certificate of this number, if there is one. Raises ``InvalidData`` where the object is none."""
        body = self.body(number)
        return Certificate.from_json(body, key=certificate_key(self.dataset, number)) if body is not None else None

    def body(self, number: int) -> bytes | None:
        """A certificate's bytes, whatever they are."""
        stored = self._reader.read(certificate_key(self.dataset, number))
        return stored.body if stored else None

    def numbers(self, *, after: int = 0) -> Iterator[int]:
        """The numbers of the certificates that are there, ascending."""
        start = certificate_key(self.dataset, after) if after else chain_prefix(self.dataset)
        for info in self._reader.list(chain_prefix(self.dataset), after=start):
            number = number_of(info.key)
            if number and certificate_key(self.dataset, number) == info.key:
                yield number

    def ledger(self, month: str) -> Ledger:
        """A month's ledger, empty where it has none. Raises ``InvalidData`` where the object is none."""
        stored = self._reader.read(ledger_key(self.dataset, month))
        return self._ledger_of(month, stored.body if stored else None)

    def _ledger_of(self, month: str, body: bytes | None) -> Ledger:
        return Ledger.from_json(body, key=ledger_key(self.dataset, month)) if body is not None else Ledger()

    def entries(self, windows: Iterable[tuple[str, str]]) -> Mapping[str, LedgerEntry]:
        """The current certificates' entries of (window name, start), where there are any."""
        starts = dict(windows)
        ledgers = {month: self.ledger(month) for month in sorted({month_of(start) for start in starts.values()})}
        entries = {name: ledgers[month_of(start)].windows.get(name) for name, start in starts.items()}
        return {name: entry for name, entry in entries.items() if entry is not None}


class Chain(ChainReader):
    """The chain of one dataset, to be added to."""

    def __init__(self, store: ObjectStore, dataset: str) -> None:
        super().__init__(store, dataset)
        self._store = store
        self._newest: Listed = ()
        self._ledgers: Sequence[ObjectInfo] = ()
        self.known_head = Head()  # that the last ``catch_up`` ended with
        self._last = 0

    def catch_up(self) -> Head:
        """Let ledgers and head take up certificates that a crash left beyond them. Idempotent."""
        head = self.head()
        beyond: list[Certificate] = []
        after = max(head.number - NEWEST, 0)
        self._newest, self._ledgers = list_chain(self._reader, self.dataset, after=after)
        for number, _ in self._newest:
            if number <= head.number:
                continue
            certificate = self.certificate(number)
            expected = head.number + 1 + len(beyond)
            if certificate is None or number != expected:
                raise PipelineBug(
                    "go on with the chain",
                    certificate_key(self.dataset, expected),
                    "is missing while a later certificate is there",
                    PUT_BACK,
                )
            beyond.append(certificate)
        self.known_head = self._publish(beyond) if beyond else head
        return self.known_head

    def damage(self, entries: Mapping[str, LedgerEntry], *, run: str, known: Outstanding | None = None) -> Damage:
        """What is wrong with the chain that was caught up with, as far as an audit sees it, and its ``entries``.

        ``known`` tells what earlier audits saw damaged.
        """
        store, name = self._reader, self.dataset
        damage = damage_of(store, name, self.known_head, self._newest, self._ledgers, run=run, known=known)
        return replace(damage, problems=(*damage.problems, *beyond_the_chain(store, name, self._last, entries)))

    def issue(self, drafts: Sequence[Certificate]) -> list[Certificate]:
        """Put a certificate for every draft whose window nobody has certified with the same claim; in order.

        A draft's number, ``previous``, ``replaces`` and ``changed`` are filled in here. Safe to run again after a crash
        and beside others: a claim is never made twice in a row for one window.
        """
        head = self.catch_up()
        ledgers: dict[str, Mapping[str, LedgerEntry]] = {}  # a month's is read once, however many windows it has
        own: dict[str, LedgerEntry] = {}
        issued: list[Certificate] = []
        for draft in drafts:
            month = month_of(draft.start)
            for _ in range(TRIES):
                if month not in ledgers:
                    ledgers[month] = self.ledger(month).windows
                entry = own.get(draft.window) or ledgers[month].get(draft.window)
                if entry is not None and entry.says_the_same(draft):
                    break
                certificate = _next(head, draft, entry)
                if not self._put(certificate):  # somebody else's number, or my own with a lost answer: look
                    head = self.catch_up()
                    ledgers.clear()
                    own.clear()
                    continue
                issued.append(certificate)
                own[draft.window] = entry_of(certificate)
                head = Head(certificate.number, certificate.hash)
                break
            else:
                raise TransientFailure(
                    "issue certificate", draft.window, f"beaten {TRIES} times", "The next audit does"
                )
        if issued:
            self._publish(issued)
        self._last = head.number
        return issued

    def _put(self, certificate: Certificate) -> bool:
        """Whether its number was free."""
        key = certificate_key(self.dataset, certificate.number)
        answer = self._store.write(key, certificate.to_json(), if_absent=True, content_type="application/json")
        return not isinstance(answer, Refused)

    def _publish(self, certificates: Sequence[Certificate]) -> Head:
        """Let the ledgers take up certificates, then the head."""
        for month in sorted({month_of(certificate.start) for certificate in certificates}):
            self._update_ledger(month, [each for each in certificates if month_of(each.start) == month])
        last = certificates[-1]
        return self._move_head(Head(last.number, last.hash))

    def _update_ledger(self, month: str, certificates: Sequence[Certificate]) -> None:
        def with_entries(ledger: Ledger) -> Ledger:
            for certificate in certificates:
                ledger = ledger.with_entry(certificate.window, entry_of(certificate))
            return ledger

        change_object(
            self._store,
            ledger_key(self.dataset, month),
            with_entries,
            read=lambda body: self._ledger_of(month, body),
            write=Ledger.to_json,
            operation="write ledger",
            remedy=CATCH_UP_LATER,
        )

    def _move_head(self, head: Head) -> Head:
        def forward(stored: Head) -> Head:
            return stored if stored.number >= head.number else head

        def body_of(stored: Head) -> bytes:
            return canonical_json(asdict(stored))

        return change_object(
            self._store,
            head_key(self.dataset),
            forward,
            read=self._head_of,
            write=body_of,
            operation="write head",
            remedy=CATCH_UP_LATER,
        )


def _next(head: Head, draft: Certificate, entry: LedgerEntry | None) -> Certificate:
    """The draft as the certificate after the head, in place of the one of ``entry``."""
    return replace(
        draft,
        number=head.number + 1,
        previous=head.hash,
        replaces=entry.number if entry else 0,
        changed=differences(entry, draft) if entry else {},
    )

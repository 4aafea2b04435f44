"""The chain of a dataset's certificates in the warehouse bucket: read, go on with, never change.

A certificate is put under the next free number, if nobody else has; then the ledgers learn it, then the head. Whoever
comes after a crash finds certificates beyond the head and catches up first, so the three agree again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from core.audit.certificate import (
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
from core.errors import InvalidData, PipelineBug, TransientFailure
from core.json import canonical_json
from core.ports import ObjectReader, ObjectStore, Refused

TRIES = 20


class ChainReader:
    """What the objects say; needs nothing but to read them."""

    def __init__(self, store: ObjectReader, dataset: str) -> None:
        self._reader = store
        self.dataset = dataset

    def head(self) -> tuple[Head, str]:
        """The head and its ETag; number 0 where there is none yet. Raises ``InvalidData`` where it is altered."""
        stored = self._reader.read(head_key(self.dataset))
        if stored is None:
            return Head(), ""
        try:
            return Head(**json.loads(stored.body)), stored.stat.etag
        except (ValueError, TypeError) as error:
            raise InvalidData(
                "read head", head_key(self.dataset), f"is no head ({error!r})", "It was altered"
            ) from error

    def certificate(self, number: int) -> Certificate | None:
        """Raises ``InvalidData`` where the object is no certificate."""
        key = certificate_key(self.dataset, number)
        stored = self._reader.read(key)
        return Certificate.from_json(stored.body, key=key) if stored else None

    def body(self, number: int) -> bytes | None:
        """A certificate's bytes, whatever they are."""
        stored = self._reader.read(certificate_key(self.dataset, number))
        return stored.body if stored else None

    def numbers(self, *, after: int = 0) -> Iterator[int]:
        """The numbers of the certificates that are there, ascending."""
        start = certificate_key(self.dataset, after) if after else chain_prefix(self.dataset)
        for found in self._reader.list(chain_prefix(self.dataset), after=start):
            number = number_of(found.key)
            if number is not None:
                yield number

    def ledger(self, month: str) -> Ledger:
        """A month's ledger, empty where it has none."""
        key = ledger_key(self.dataset, month)
        stored = self._reader.read(key)
        return Ledger.from_json(stored.body, etag=stored.stat.etag, key=key) if stored else Ledger()

    def entries(self, windows: Iterable[tuple[str, str]]) -> Mapping[str, LedgerEntry]:
        """The current certificates' entries of (window name, start), where there are any."""
        wanted = list(windows)
        ledgers = {month: self.ledger(month) for month in sorted({month_of(start) for _, start in wanted})}
        found = {name: ledgers[month_of(start)].windows.get(name) for name, start in wanted}
        return {name: entry for name, entry in found.items() if entry is not None}


class Chain(ChainReader):
    """Goes on with the chain."""

    def __init__(self, store: ObjectStore, dataset: str) -> None:
        super().__init__(store, dataset)
        self._store = store

    def catch_up(self) -> Head:
        """Let ledgers and head learn certificates that a crash left beyond them. Idempotent."""
        head, _ = self.head()
        beyond: list[Certificate] = []
        for number in self.numbers(after=head.number):
            certificate = self.certificate(number)
            expected = head.number + 1 + len(beyond)
            if certificate is None or number != expected:
                raise PipelineBug(
                    "go on with the chain",
                    certificate_key(self.dataset, expected),
                    "is missing while a later certificate is there",
                    "Run: starmend verify",
                )
            beyond.append(certificate)
        if not beyond:
            return head
        return self._learn(beyond)

    def issue(self, drafts: Sequence[Certificate]) -> list[Certificate]:
        """Put a certificate for every draft whose window nobody has certified with the same claim; in order.

        A draft's number, ``previous``, ``replaces`` and ``changed`` are filled in here. Safe to run again after a crash
        and beside others: a claim is never made twice in a row for one window.
        """
        head = self.catch_up()
        current: dict[str, LedgerEntry | None] = {}
        issued: list[Certificate] = []
        for draft in drafts:
            for _ in range(TRIES):
                if draft.window not in current:
                    current[draft.window] = self.ledger(month_of(draft.start)).windows.get(draft.window)
                entry = current[draft.window]
                if entry is not None and _same_claim(entry, draft):
                    break
                made = replace(
                    draft,
                    number=head.number + 1,
                    previous=head.hash,
                    replaces=entry.number if entry else 0,
                    changed=differences(entry, draft) if entry else {},
                )
                key = certificate_key(self.dataset, made.number)
                answer = self._store.write(key, made.to_json(), if_absent=True, content_type="application/json")
                if isinstance(answer, Refused):  # somebody else's, or my own with a lost answer: look
                    head = self.catch_up()
                    current.clear()
                    continue
                issued.append(made)
                current[draft.window] = entry_of(made)
                head = Head(made.number, made.hash)
                break
            else:
                raise TransientFailure(
                    "issue certificate", draft.window, f"beaten {TRIES} times", "The next audit does"
                )
        if issued:
            self._learn(issued)
        return issued

    def _learn(self, certificates: Sequence[Certificate]) -> Head:
        for month in sorted({month_of(certificate.start) for certificate in certificates}):
            mine = [certificate for certificate in certificates if month_of(certificate.start) == month]
            self._update_ledger(month, mine)
        last = certificates[-1]
        return self._move_head(Head(last.number, last.hash))

    def _update_ledger(self, month: str, certificates: Sequence[Certificate]) -> None:
        key = ledger_key(self.dataset, month)
        for _ in range(TRIES):
            before = self.ledger(month)
            after = before
            for certificate in certificates:
                after = after.with_entry(certificate.window, entry_of(certificate))
            if after is before:
                return
            answer = self._store.write(
                key,
                after.to_json(),
                if_absent=not before.etag,
                if_match=before.etag,
                content_type="application/json",
            )
            if not isinstance(answer, Refused):
                return
        raise TransientFailure("write ledger", key, f"beaten {TRIES} times", "The next audit catches up")

    def _move_head(self, head: Head) -> Head:
        """Forward only."""
        key = head_key(self.dataset)
        for _ in range(TRIES):
            there, etag = self.head()
            if there.number >= head.number:
                return there
            body = canonical_json(asdict(head))
            answer = self._store.write(key, body, if_absent=not etag, if_match=etag, content_type="application/json")
            if not isinstance(answer, Refused):
                return head
        raise TransientFailure("write head", key, f"beaten {TRIES} times", "The next audit catches up")


def _same_claim(entry: LedgerEntry, draft: Certificate) -> bool:
    """Whether the window's certificate already says what the draft would."""
    mine = entry_of(draft)
    return _plain(replace(entry, number=0, hash="")) == _plain(replace(mine, number=0, hash=""))


def _plain(entry: LedgerEntry) -> bytes:
    return canonical_json(asdict(entry))

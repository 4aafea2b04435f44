"""A random history of transactions on the ledger, by several sessions at once."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from pg8000.dbapi import Connection

# What an application may write as last_updated: none of them is earlier than the transaction's start.
CLOCKS = ("now()", "statement_timestamp()", "clock_timestamp()")


@dataclass
class Transaction:
    """``touched`` are rows that it holds locked, ``inserted`` those that it made; ``begun``: after so many passes."""

    begun: int
    touched: set[int] = field(default_factory=set)
    inserted: set[int] = field(default_factory=set)


@dataclass
class Client:
    """A session that may have a transaction open."""

    connection: Connection
    transaction: Transaction | None = None

    def run(self, statement: str) -> list[Any]:
        cursor = self.connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []

    def end(self, how: str) -> Transaction:
        self.run(how)
        ended, self.transaction = self.transaction, None
        assert ended is not None
        return ended


class Schedule:
    """One random history of the ledger.

    ``passes`` is told by who extracts. ``longest``: how many of them a transaction outlasted at most; ``inversions``:
    transactions that committed rows with smaller ids than one before had.
    """

    def __init__(self, chance: random.Random, writers: list[Client], admin: Client) -> None:
        self.passes = self.longest = self.inversions = 0
        self._chance = chance
        self._writers = writers
        self._admin = admin
        self._newest_id = 0
        self._prepared: dict[str, Transaction] = {}
        self._ever_prepared: dict[str, Transaction] = {}
        self._decided: dict[str, str] = {}

    def step(self) -> None:
        """One statement, or none where the dice ask for what cannot be."""
        writer = self._chance.choice(self._writers)
        what = self._chance.choices(
            (self._begin, self._insert, self._update, self._delete, self._end, self._prepare, self._finish),
            (10, 30, 20, 2, 16, 4, 7),
        )[0]
        what(writer)

    def quiet(self) -> None:
        """Every transaction ends, one way or the other."""
        for writer in self._writers:
            self._end(writer)
        while self._prepared:
            self._finish(self._writers[0])

    def fail_over(self) -> None:
        """The sessions are another server's now: open transactions are gone, prepared ones are there if it has them.
        Those that had ended on the other end at once and as they ended there, as their coordinator would see to."""
        there = self._admin.run("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
        self._prepared = {row[0]: self._ever_prepared[row[0]] for row in there}
        for gid in sorted(self._prepared.keys() & self._decided.keys()):
            self._finish_one(self._writers[0], gid)

    def _begin(self, writer: Client) -> None:
        if not writer.transaction:
            writer.run(self._chance.choice(("BEGIN", "BEGIN; SELECT 1", "BEGIN; SELECT count(*) FROM ledger")))
            writer.transaction = Transaction(self.passes)

    def _insert(self, writer: Client) -> None:
        rows = writer.run(
            f"INSERT INTO ledger (note, last_updated) SELECT {self._note()}, timezone('UTC', {self._clock()})"
            f" FROM generate_series(1, {self._chance.choice((1, 1, 2, 7))}) RETURNING id"
        )
        inserted = {row[0] for row in rows}
        if writer.transaction:
            writer.transaction.touched |= inserted
            writer.transaction.inserted |= inserted
        else:
            self._committed(Transaction(self.passes, inserted=inserted))

    def _update(self, writer: Client) -> None:
        changes = f"note = {self._note()}, last_updated = timezone('UTC', {self._clock()})"
        self._to_a_free_row(writer, f"UPDATE ledger SET {changes}")

    def _delete(self, writer: Client) -> None:
        self._to_a_free_row(writer, "DELETE FROM ledger")

    def _end(self, writer: Client) -> None:
        if writer.transaction:
            how = self._chance.choices(("COMMIT", "ROLLBACK"), (3, 1))[0]
            self._ended(writer.end(how), how)

    def _prepare(self, writer: Client) -> None:
        if writer.transaction and writer.transaction.touched:
            gid = f"gid-{len(self._ever_prepared)}"
            self._prepared[gid] = self._ever_prepared[gid] = writer.end(f"PREPARE TRANSACTION '{gid}'")

    def _finish(self, writer: Client) -> None:
        if self._prepared and not writer.transaction:
            self._finish_one(writer, self._chance.choice(sorted(self._prepared)))

    def _finish_one(self, writer: Client, gid: str) -> None:
        how = self._decided.setdefault(gid, self._chance.choice(("COMMIT", "ROLLBACK")))
        writer.run(f"{how} PREPARED '{gid}'")
        self._ended(self._prepared.pop(gid), how)

    def _ended(self, transaction: Transaction, how: str) -> None:
        self.longest = max(self.longest, self.passes - transaction.begun)
        if how == "COMMIT":
            self._committed(transaction)

    def _committed(self, transaction: Transaction) -> None:
        if transaction.inserted:
            self.inversions += min(transaction.inserted) < self._newest_id
            self._newest_id = max(self._newest_id, *transaction.inserted)

    def _to_a_free_row(self, writer: Client, statement: str) -> None:
        """A committed row that no other transaction holds: nobody may wait, for there is one thread."""
        others = [client.transaction for client in self._writers if client is not writer and client.transaction]
        held = set().union(*(transaction.touched for transaction in (*others, *self._prepared.values())))
        rows = [row[0] for row in self._admin.run("SELECT id FROM ledger ORDER BY id") if row[0] not in held]
        if rows:
            key = self._chance.choice(rows)
            writer.run(f"{statement} WHERE id = {key}")
            if writer.transaction:
                writer.transaction.touched.add(key)

    def _note(self) -> str:
        return f"'{self._chance.getrandbits(40):x}'"

    def _clock(self) -> str:
        return self._chance.choices(CLOCKS, (8, 1, 1))[0]

"""Proof of one table's last snapshot: what was not proven before is read, as much of it as a run has time for.

Each partition holds before an instant of its own. One that is new, or that a new certificate speaks of, holds before
its first possible row; one that is as it was holds before what was known of it. Those that hold least are read first,
so that each run brings the table further, also where all of them begin at the same instant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from operator import attrgetter

from core.audit.certificate import Certificate
from core.contract.model import Table
from core.mirroring.audited import Audited
from core.mirroring.state import MirroredFile
from mirror.certified.known import KnownTable, identity_of
from mirror.certified.proof import Place, Proven, Prover
from mirror.certified.static import is_static
from mirror.reading import Mirror

READ_AT_ONCE = 4  # objects, which are decoded


@dataclass(frozen=True, slots=True)
class TableProof:
    """How far a table's last snapshot holds, and what is known of it by now.

    ``left`` are the objects that a run had no time for.
    """

    proven: Proven
    known: KnownTable
    left: int = 0


@dataclass(frozen=True, slots=True)
class HeldPlace:
    """A partition whose rows before ``until`` (epoch seconds) hold."""

    place: Place
    until: int

    def is_open(self, limit: int) -> bool:
        """Whether it may have rows before ``limit`` that are not known to hold."""
        return self.until < min(limit, self.place.bounds[1])


def prove_table(
    prover: Prover,
    table: Table,
    mirror: Mirror,
    known: KnownTable,
    *,
    news: Collection[Certificate],
    audited: Audited,
    most: int,
    pool: Executor,
) -> TableProof:
    """Prove the certificates of a table in its last snapshot, of which ``known`` was proven before the ``news``.

    At most so many objects are read (0: no bound). Raises ``InvalidData`` where a ledger was altered, or
    ``TransientFailure``.
    """
    held = list(_held(table, mirror, known, prover.spoken_of(table, files_of(table, mirror), news)))
    unread = sorted((each for each in held if each.is_open(audited.until)), key=attrgetter("until"))
    within_reach = unread[:most] if most else unread
    least, results = _read(prover, within_reach, audited.until, pool)
    left = [each for each in unread[len(within_reach) :] if each.until < least.until]
    if left:
        problem = f"{len(left):,} objects have to be read, which a run has no time for: the next one goes on"
        least = Proven(left[0].until, f"{table.name}: {problem}, or starmend mirror certify does it at once")
    goes_on = any(file.sequence <= known.sequence for file in files_of(table, mirror).values())
    since = known.named if goes_on else 0
    named = prover.prove_named(table, files_of(table, mirror), since=since, news=news)
    after = [replace(each, until=results.get(each.place.path, each.until)) for each in held]
    reached = min((each.until for each in unread if each.place.path not in results), default=audited.until)
    learnt = KnownTable(
        identity=identity_of(mirror),
        sequence=sequence_of(mirror),
        number=audited.head.number,
        hash=audited.head.hash,
        until=max(known.until, min(reached, audited.until)),
        named=named.until,
    )
    learnt = replace(learnt, paths=_apart(after, learnt.until))
    return TableProof(min(named, least, key=lambda proven: proven.until), learnt, len(left))


def files_of(table: Table, mirror: Mirror) -> Mapping[str, MirroredFile]:
    """The files of the last snapshot by partition; none where it is of another generation."""
    return mirror.state.files if mirror.state.folder == table.folder else {}


def sequence_of(mirror: Mirror) -> int:
    """The sequence number of the last snapshot; 0: there is none."""
    snapshot = mirror.metadata.current_snapshot() if mirror.metadata else None
    return (snapshot.sequence_number or 0) if snapshot else 0


def _held(table: Table, mirror: Mirror, known: KnownTable, touched: Collection[str]) -> Iterator[HeldPlace]:
    """Each partition of the last snapshot, and what is known of it: nothing of those that news has ``touched``."""
    files = files_of(table, mirror)
    for path, file in files.items():
        place = Place(table, path, file.key)
        start, end = place.bounds
        is_known = file.sequence <= known.sequence and path not in touched
        yield HeldPlace(place, min(end, max(start, known.paths.get(path, known.until))) if is_known else start)
    if not files and is_static(table):
        yield HeldPlace(Place(table, "", ""), 0)


def _read(prover: Prover, unread: Sequence[HeldPlace], limit: int, pool: Executor) -> tuple[Proven, dict[str, int]]:
    """How far all of these hold, and each that was read by path.

    Those that hold further than the first that does not are not looked at.
    """
    least, results = Proven(limit), dict[str, int]()
    for first in range(0, len(unread), 2 * READ_AT_ONCE):
        part = unread[first : first + 2 * READ_AT_ONCE]
        if part[0].until >= least.until:
            break
        for each, proven in zip(part, pool.map(prover.prove, [each.place for each in part]), strict=True):
            results[each.place.path] = each.place.bounds[1] if proven.is_whole else proven.until
            least = min(least, proven, key=lambda proven: proven.until)
    return least, results


def _apart(held: Iterable[HeldPlace], until: int) -> dict[str, int]:
    """The partitions that hold less than ``until``, or further, as far as they may have rows there."""
    apart = {}
    for each in held:
        start, end = each.place.bounds
        if min(each.until, end) != min(max(until, start), end):
            apart[each.place.path] = each.until
    return apart

"""Attempts of a commit, repeated until it is settled whether this writer won.

This is the part of a commit that does not depend on the rows; ``commit`` holds the part that does.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from core.errors import TransientFailure
from core.ports import PartitionStore, Written
from core.warehouse.footer import Daily, Footer, Kind, SourceRef, later_ancestors, later_dailies
from core.warehouse.pointer import object_key, object_name
from core.warehouse.row_layout import RowLayout
from processing.partitions.layout import Layout
from processing.partitions.parquet import Pieces, encode
from processing.partitions.state import Current, State, Vacant, last_sound_at, read_state

# Seconds, halved by the jitter on the average; writers that retry at once cost eleven tries a commit.
FIRST_PAUSE = 0.060
LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class CommitContext:
    """Everything that a commit needs beside the store and the rows.

    ``contract_hash`` names the contract (and code) that made the rows: a source read by another one is no replay.
    ``random`` names objects and spreads pauses, so it must differ between processes: the system's own, but in tests.
    ``max_tries`` bounds how often a beaten writer starts again. ``timer`` counts seconds.
    """

    contract_hash: str
    random: random.Random = field(default_factory=random.SystemRandom)
    sleep: Callable[[float], None] = time.sleep
    max_tries: int = 50
    timer: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Committed:
    """A new version became current; others may already have followed it. ``tries`` is 1 where nobody was in the way."""

    partition: str
    version: int
    key: str
    rows: int
    inserted: int
    replaced: int
    tries: int


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The partition holds all rows; no version was made. ``version`` 0: there is no partition, and none is needed."""

    partition: str
    version: int
    key: str
    rows: int


Outcome = Committed | AlreadyThere


def already_there(current: Current) -> AlreadyThere:
    """The outcome of a commit that has nothing to add to what is there."""
    return AlreadyThere(current.partition, current.version, current.pointer.target, current.footer.rows)


@dataclass(frozen=True, slots=True)
class Next:
    """The content of the next version. ``layout`` is that of the rows (None: not known), ``hold`` None: as before."""

    kind: Kind
    rows: pa.Table | Pieces
    layout: RowLayout | None
    inserted: int = 0
    replaced: int = 0
    sources: tuple[SourceRef, ...] = ()
    recent: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    restores: int = 0
    hold: str | None = None


Make = Callable[[State], Next | AlreadyThere]


@dataclass(frozen=True, slots=True)
class _Swap:
    """An object that was written and the swap that would make it current."""

    expected: str | None
    result: Committed


def attempt(
    store: PartitionStore, layout: Layout, partition: str, make: Make, *, context: CommitContext, mends: bool = False
) -> Outcome:
    """Make the next version and swap the pointer; when beaten, do so again on top of the winner.

    ``make`` is called after the pointer was read, so whatever it reads is at least as new as what it will replace.
    ``mends``: it makes the partition whole, so that it may take the place of a pointer that is lost or broken; else
    such a partition raises ``LostCommit``.
    """
    written: list[Committed] = []
    swap: _Swap | None = None
    for tries in range(1, context.max_tries + 2):
        began = context.timer()
        state = read_state(store, partition)
        if isinstance(state, Vacant) and state.error is not None and not mends:
            raise state.error
        if won := _won(state, written):
            return replace(won, tries=tries - 1)
        if tries > context.max_tries:
            break
        etag = state.etag
        # An unsettled swap against an unchanged pointer may still be on its way: the same swap again cannot do harm,
        # while a second object could end up beside the first.
        if swap is None or swap.expected != etag:
            wanted = make(state)
            if isinstance(wanted, AlreadyThere):
                return wanted
            swap = _Swap(etag, _write(store, layout, state, wanted, context))
            written.append(swap.result)
        try:
            answer = store.swap_pointer(partition, swap.result.key, expected=etag)
        except TransientFailure:
            answer = None
        if isinstance(answer, Written):
            return replace(swap.result, tries=tries)
        context.sleep(_pause(tries, context.timer() - began, context.random))
    raise TransientFailure(
        "commit", partition, f"beaten or unanswered {context.max_tries} times", "it is tried again on redelivery"
    )


def _won(state: State, written: list[Committed]) -> Committed | None:
    """The commit of ours that is current, or that the current one descends from."""
    if isinstance(state, Vacant):
        return None
    for result in written:
        if state.pointer.target == result.key:
            return result
        if state.opened is not None and state.opened.footer.descends_from(result.key):
            return result
    return None


def _pause(tries: int, took: float, source: random.Random) -> float:
    """Seconds to wait: more after every try, and more where a try takes long.

    A writer that waits for less than the others' tries take is only in their way. Sixteen writers whose tries take a
    second each need 4 tries a commit without that, and 1.7 with it.
    """
    longest = max(LONGEST_PAUSE, 16 * took)
    return source.random() * min(longest, max(FIRST_PAUSE, 2 * took) * 2.0 ** min(tries - 1, 10))


def _write(store: PartitionStore, layout: Layout, state: State, wanted: Next, context: CommitContext) -> Committed:
    footer = _footer(layout.table, state, _past(store, state), wanted, context.contract_hash)
    unique = uuid.UUID(int=context.random.getrandbits(128), version=4).hex
    parent = state.opened if isinstance(state, Current) else None
    body = encode(wanted.rows, footer, key=layout.key, parent=parent)
    key = store.write_object(state.partition, object_name(footer.version, unique), body)
    return Committed(state.partition, footer.version, key, footer.rows, wanted.inserted, wanted.replaced, tries=0)


@dataclass(frozen=True, slots=True)
class _Past:
    """What a partition was before a commit: the footer whose hold and history go on, and the last object of each day.

    Where the current object or the pointer is lost the footer is that of the last sound object.
    """

    footer: Footer | None = None
    dailies: tuple[Daily, ...] = ()


def _past(store: PartitionStore, state: State) -> _Past:
    if isinstance(state, Vacant) and state.error is None:
        return _Past()
    if isinstance(state, Current) and state.opened is not None:
        footer = state.opened.footer
        return _Past(footer, _with_parent(footer.dailies, state))
    sound, written = last_sound_at(store, state.partition)
    if sound is None or written is None:
        return _Past(dailies=_with_parent((), state))
    # What was current after it is lost, and so is when that came: of its day none is named that is there.
    nobody = object_key(state.partition, object_name(max(state.version, 1), "0" * 32))
    lost = state.pointer.target if isinstance(state, Current) else nobody
    return _Past(sound.footer, _with_parent(later_dailies(sound.footer.dailies, lost, written), state))


def _with_parent(dailies: tuple[Daily, ...], state: State) -> tuple[Daily, ...]:
    if isinstance(state, Current) and state.modified:
        return later_dailies(dailies, state.pointer.target, state.modified)
    return dailies


def _footer(table: str, state: State, past: _Past, wanted: Next, contract_hash: str) -> Footer:
    parent, before = state.pointer.target if isinstance(state, Current) else "", past.footer
    return Footer(
        table=table,
        partition=state.partition,
        version=state.version + 1,
        kind=wanted.kind,
        rows=wanted.rows.num_rows,
        parent=parent,
        ancestors=later_ancestors(parent, before.ancestors if before else ()),
        sources=wanted.sources,
        recent=wanted.recent,
        inputs=wanted.inputs,
        dailies=past.dailies,
        restores=wanted.restores,
        hold=(before.hold if before else "") if wanted.hold is None else wanted.hold,
        contract=contract_hash,
        layout=wanted.layout,
    )

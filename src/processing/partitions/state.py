"""The state of a partition: the pointer and the object that it names, or what lies there without one.

What is broken is not taken for absent. A partition is new only where it has no pointer and no object above version 1;
everything else that does not lead to an object is a ``LostCommit``, on which nothing is merged and of which nothing is
derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.errors import BrokenPointer, LostCommit, PipelineBug
from core.ports import PartitionStore, Pointer
from core.warehouse.footer import Footer
from core.warehouse.partition_objects import Opened, open_object
from core.warehouse.pointer import lost_pointer, remedy_of, version_of

LOOKED_AT = 3  # objects that are opened to find the last sound one


@dataclass(frozen=True, slots=True)
class Current:
    """The pointer that was read and the object that it names; ``opened`` None: that is missing, or no Parquet."""

    partition: str
    pointer: Pointer
    opened: Opened | None
    modified: datetime | None

    @property
    def version(self) -> int:
        return version_of(self.pointer.target)

    @property
    def etag(self) -> str:
        """What a swap has to expect."""
        return self.pointer.etag

    @property
    def is_sound(self) -> bool:
        """Whether its rows are those that were committed."""
        return self.opened is not None and self.opened.is_sound

    @property
    def object(self) -> Opened:
        """The object; raises ``LostCommit`` where there is none to be read. Reading its rows checks their digest."""
        if self.opened is None:
            raise self.lost
        return self.opened

    @property
    def lost(self) -> LostCommit:
        """The error of a pointer whose object is not there."""
        problem = f"{self.pointer.target} is missing or no Parquet"
        return LostCommit("read partition", self.partition, problem, remedy_of(self.partition))

    @property
    def footer(self) -> Footer:
        return self.object.footer


@dataclass(frozen=True, slots=True)
class Vacant:
    """A partition whose pointer leads nowhere. ``error`` says why it is not new; None: it has no commit yet.

    ``objects`` lie there all the same: of a new one those of first commits that crashed or are under way. ``etag`` is
    that of a pointer which has to be replaced.
    """

    partition: str
    objects: tuple[str, ...] = ()
    etag: str | None = None
    error: LostCommit | None = None

    @property
    def version(self) -> int:
        """The number that the next object has to be above."""
        return max((version_of(key) for key in self.objects), default=0) if self.error else 0


State = Current | Vacant


def read_state(store: PartitionStore, partition: str) -> State:
    """The partition as it is now, whatever it is."""
    missing = ""
    lost: Vacant | None = None
    while True:
        try:
            pointer = store.read_pointer(partition)
        except BrokenPointer as error:
            return Vacant(partition, tuple(store.list_objects(partition)), error.etag, error)
        if pointer is None:
            if lost is not None:
                return lost
            objects = tuple(store.list_objects(partition))
            vacant = Vacant(partition, objects, None, lost_pointer(partition, objects))
            if vacant.error is None:
                return vacant
            lost = vacant  # unless the pointer was made, and followed by another commit, before the objects were listed
            continue
        stored = store.read_object(pointer.target)
        if stored is not None:
            try:
                return Current(partition, pointer, open_object(stored.key, stored.body), stored.modified)
            except PipelineBug:
                return Current(partition, pointer, None, stored.modified)
        if pointer.target == missing:  # else it may have been replaced, and removed, since the pointer was read
            return Current(partition, pointer, None, None)
        missing = pointer.target


def read_current(store: PartitionStore, partition: str) -> Current | None:
    """The pointer, and the object it names; None where there is no commit yet.

    Raises ``LostCommit`` where the pointer is gone, or names no object of the partition.
    """
    state = read_state(store, partition)
    if isinstance(state, Current):
        return state
    if state.error is not None:
        raise state.error
    return None


def last_sound(store: PartitionStore, partition: str, objects: Sequence[str] | None = None) -> Opened | None:
    """The newest of the partition's objects that is as a commit wrote it, of the last few; None where there is none.

    It tells what a partition held whose pointer or object is lost. Its writer may have crashed before the swap: then
    it holds more than was ever current, never less.
    """
    return last_sound_at(store, partition, objects)[0]


def last_sound_at(
    store: PartitionStore, partition: str, objects: Sequence[str] | None = None
) -> tuple[Opened | None, datetime | None]:
    """The same, and when it was written."""
    listed = store.list_objects(partition) if objects is None else objects
    for key in sorted(listed, key=version_of, reverse=True)[:LOOKED_AT]:
        stored = store.read_object(key)
        if stored is None:
            continue
        try:
            opened = open_object(stored.key, stored.body)
        except PipelineBug:
            continue
        if opened.is_sound:
            return opened, stored.modified
    return None, None

"""Ingest objects of a dataset: they are written once, and their metadata prove the state of extraction."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import InvalidData, ObjectConflict, TransientFailure
from core.landing.ingest_objects import ObjectFacts, TableObject, decode_facts, parse_table_key, table_prefix
from core.landing.state import StoredState, TableState, plan_adoption
from core.ports import ObjectReader, ObjectStore, Written

CONTENT_TYPE = "application/gzip"
_TRIES = 3


class Landing:
    """The landing zone of one dataset.

    Objects are immutable, so the facts of the newest object of each table are kept from pass to pass.
    """

    def __init__(self, objects: ObjectReader, dataset: str) -> None:
        self._objects = objects
        self._dataset = dataset
        self._facts: dict[str, tuple[str, ObjectFacts]] = {}

    def state(self, table: str, stored: StoredState) -> TableState:
        """The start of the table's next object, as the objects prove it: those beyond the stored id are adopted.

        Lists from the stored id on (the whole sequence only where that is lost). Where the newest object is known from
        the last pass, one look at the name of its successor tells the same for a twelfth of the price, for ids have no
        holes. Raises ``ObjectConflict`` where the newest object was not written by an extraction.
        """
        known = TableObject(self._dataset, table, stored.number or 0)
        beyond = [] if self._is_last(known) else self._beyond(known)
        number = beyond[-1] if beyond else known.number
        newest = self.facts(TableObject(self._dataset, table, number)) if number else None
        return plan_adoption(stored, beyond, newest)

    def _is_last(self, known: TableObject) -> bool:
        """Whether it is the object that the last pass left as the newest, and none has come since."""
        remembered, _ = self._facts.get(known.table, ("", None))
        successor = TableObject(self._dataset, known.table, known.number + 1)
        return remembered == known.key and self._objects.stat(successor.key) is None

    def _beyond(self, known: TableObject) -> list[int]:
        listed = self._objects.list(table_prefix(self._dataset, known.table), after=known.key)
        return [target.number for info in listed if (target := parse_table_key(info.key))]

    def facts(self, target: TableObject) -> ObjectFacts | None:
        """The object's metadata; None where there is no such object."""
        key, facts = self._facts.get(target.table, ("", None))
        if key == target.key:
            return facts
        stat = self._objects.stat(target.key)
        if stat is None:
            return None
        try:
            facts = decode_facts(stat.metadata, key=target.key)
        except InvalidData as error:
            raise ObjectConflict("adopt object", target.key, error.problem, error.remedy) from error
        self.remember(target, facts)
        return facts

    def remember(self, target: TableObject, facts: ObjectFacts) -> None:
        """Keep the facts of an object that is the table's newest now."""
        self._facts[target.table] = (target.key, facts)


def write_object(objects: ObjectStore, key: str, body: bytes, *, metadata: Mapping[str, str]) -> None:
    """Store an object under a name that is used once. Durable on return; the same again changes nothing.

    After a lost answer, and after a refusal, which may hide an earlier success, the object that is there decides.
    Raises ``ObjectConflict`` (FileExistsError) where it has other content, and ``OutOfReach`` (ConnectionError) where
    S3 does not answer.
    """
    failure: TransientFailure | None = None
    for _ in range(_TRIES):
        try:
            answer = objects.write(key, body, if_absent=True, metadata=metadata, content_type=CONTENT_TYPE)
        except TransientFailure as error:
            failure = error
        else:
            failure = None
            if isinstance(answer, Written):
                return
        stat = objects.stat(key)
        if stat is not None:
            if dict(stat.metadata) == dict(metadata):
                return
            remedy = "Another extraction has been faster, or someone put it there"
            raise ObjectConflict("write object", key, "it exists and has other content", remedy)
    raise failure or TransientFailure("write object", key, "refused, and yet there is no such object", "Try again")

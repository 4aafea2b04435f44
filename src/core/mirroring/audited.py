"""The end of what audits found whole of a dataset, read by whoever claims no more than that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.audit.certificate import Head, head_key
from core.contract.model import Contract, Database
from core.errors import InvalidData
from core.json import UNREADABLE
from core.ports import ObjectReader
from core.typed import typed

STATES = "audit/state/"  # the audits' own memory of a dataset (``auditor.state``)


@dataclass(frozen=True, slots=True)
class Audited:
    """Everything of a dataset before ``until`` (epoch seconds, 0: nothing) was audited and is not open.

    ``head`` names the last certificate that speaks of it. ``amiss``: of these tables of a database (by name) only what
    lies before an instant, for the next slice is not whole by the last audit that looked at it, and certificates of
    before may still speak of it.
    """

    until: int
    head: Head
    amiss: Mapping[str, int] = field(default_factory=dict)


def read_audited(objects: ObjectReader, contract: Contract) -> Audited:
    """How far the last audit came. Certificates come before the state that counts on them, and so it is read first.

    Of a database rows are owed only some time after they were written, and so much less is whole. Where the extraction
    of a table stands still, audits compare what it has brought and find that whole: no more than that is. Raises
    ``InvalidData`` where one of the two objects was altered, or ``TransientFailure``.
    """
    until, amiss = _whole_until(objects, contract)
    stored = objects.read(head_key(contract.dataset))
    try:
        head = typed(Head(**json.loads(stored.body))) if stored else Head()
    except UNREADABLE as error:
        place = head_key(contract.dataset)
        raise InvalidData("read head", place, f"is no head ({error!r})", "It was altered: starmend verify") from error
    return Audited(until if head.number else 0, head, amiss)


def _whole_until(objects: ObjectReader, contract: Contract) -> tuple[int, dict[str, int]]:
    """Up to when all is whole, and the tables of which less is."""
    key = f"{STATES}{contract.dataset}.json"
    stored = objects.read(key)
    if stored is None:
        return 0, {}
    try:
        state = json.loads(stored.body)
        frontier, still_open = int(state["frontier"] or 0), [int(start) for start in state["open"]]
        seen_until = int(state.get("seen_until", frontier))
        amiss = {str(table): int(start) for table, start in dict(state.get("amiss", {})).items()}
    except UNREADABLE as error:
        raise InvalidData("read state", key, f"is no state ({error!r})", "The next audit begins anew") from error
    if isinstance(contract.source, Database):
        frontier -= contract.source.complete_within
        frontier = min(frontier, seen_until)
    return max(0, min([frontier, *still_open])), amiss

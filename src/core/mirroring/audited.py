"""The end of what audits found whole of a dataset, read by whoever claims no more than that."""

from __future__ import annotations

import json
from dataclasses import dataclass

from core.audit.certificate import Head, head_key
from core.contract.model import Contract, Database
from core.errors import InvalidData
from core.ports import ObjectReader

STATES = "audit/state/"  # the audits' own memory of a dataset (``auditor.state``)


@dataclass(frozen=True, slots=True)
class Audited:
    """Everything of a dataset before ``until`` (epoch seconds, 0: nothing) was audited and is not open.

    ``head`` names the last certificate that speaks of it.
    """

    until: int
    head: Head


def read_audited(objects: ObjectReader, contract: Contract) -> Audited:
    """How far the last audit came. Certificates come before the state that counts on them, and so it is read first.

    Of a database rows are owed only some time after they were written, and so much less is whole. Where extraction
    stands still, audits compare what it has brought and find that whole: no more than that is. Raises ``InvalidData``
    where one of the two objects was altered, or ``TransientFailure``.
    """
    until = _whole_until(objects, contract)
    stored = objects.read(head_key(contract.dataset))
    try:
        head = Head(**json.loads(stored.body)) if stored else Head()
    except (ValueError, TypeError) as error:
        place = head_key(contract.dataset)
        raise InvalidData("read head", place, f"is no head ({error!r})", "It was altered: starmend verify") from error
    return Audited(until if head.number else 0, head)


def _whole_until(objects: ObjectReader, contract: Contract) -> int:
    key = f"{STATES}{contract.dataset}.json"
    stored = objects.read(key)
    if stored is None:
        return 0
    try:
        state = json.loads(stored.body)
        frontier, still_open = int(state["frontier"] or 0), [int(start) for start in state["open"]]
        seen_until = int(state.get("seen_until", frontier))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidData("read state", key, f"is no state ({error!r})", "The next audit begins anew") from error
    if isinstance(contract.source, Database):
        frontier -= contract.source.complete_within
        frontier = min(frontier, seen_until)
    return max(0, min([frontier, *still_open]))

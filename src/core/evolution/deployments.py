"""History of a dataset's contracts in the lake: which was deployed, and from when on it holds. Only appended to.

``warehouse/_contracts/<dataset>/<12 digits>.json`` is deployment ``number`` (from 1 on, in order of time), which names
by its SHA-256 the object ``warehouse/_contracts/<dataset>/forms/<sha256>.json``: the resolved contract with calendar
and lookups as they were. Both are put if absent and never changed; a contract that comes back is stored once.

Whoever applied a deployment appends to it when all of it is there, and so does each audit that runs by a contract which
the history does not end with. What is not recorded yet holds from now on.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.contract.codec import from_data, to_data
from core.contract.model import Contract, Contracts, Feed, Lookup, TradingCalendar
from core.errors import InvalidData, TransientFailure
from core.json import canonical_json
from core.ports import ObjectReader, ObjectStore, Refused
from core.time import epoch, iso

ROOT = "warehouse/_contracts/"
DIGITS = 12
FORMAT = 1
TRIES = 20


@dataclass(frozen=True, slots=True)
class ContractForm:
    """A dataset's resolved contract with what it refers to: the calendar of a feed, and lookup files."""

    contract: Contract
    calendar: TradingCalendar | None = None
    lookups: tuple[Lookup, ...] = ()

    @classmethod
    def of(cls, contracts: Contracts, dataset: str) -> ContractForm:
        """The form of a dataset among contracts. Raises ``KeyError`` where they do not name it."""
        contract = contracts.dataset(dataset)
        source = contract.source
        calendar = contracts.calendar(source.calendar) if isinstance(source, Feed) else None
        names = {
            column.rule.lookup
            for table in contract.tables
            for column in table.columns
            if column.rule.rule == "looked_up"
        }
        return cls(contract, calendar, tuple(lookup for lookup in contracts.lookups if lookup.name in names))

    def to_json(self) -> bytes:
        """The canonical bytes; the same promise has the same ones."""
        return canonical_json({"format": FORMAT, **to_data(self)})

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hash_of(self.to_json())

    @classmethod
    def from_json(cls, body: bytes, *, key: str) -> ContractForm:
        """Raises ``InvalidData`` where the bytes are no form that this release knows."""
        try:
            data = json.loads(body)
            if data.pop("format") != FORMAT:
                raise ValueError("is of another format")
            return from_data(cls, data)  # type: ignore[no-any-return]
        except (ValueError, KeyError, TypeError) as error:
            remedy = "Work from the release that deployed it"
            raise InvalidData("read contract", key, f"is no contract of this release ({error})", remedy) from error


@dataclass(frozen=True, slots=True)
class Deployment:
    """A contract that holds from ``since`` on (epoch seconds), until the next deployment's.

    ``contract`` is its hash as certificates name it, ``form`` that of the ``ContractForm``. ``collecting``: schedules
    were on, so a feed owes its points.
    """

    dataset: str
    number: int
    since: int
    contract: str
    form: str
    collecting: bool = True

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return canonical_json(
            {
                "format": FORMAT,
                "dataset": self.dataset,
                "number": self.number,
                "since": iso(self.since),
                "contract": self.contract,
                "form": self.form,
                "collecting": self.collecting,
            }
        )

    @classmethod
    def from_json(cls, body: bytes, *, key: str) -> Deployment:
        """Raises ``InvalidData`` where the bytes are no deployment."""
        try:
            data: dict[str, Any] = json.loads(body)
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}")
            return cls(
                data["dataset"],
                data["number"],
                epoch(data["since"]),
                data["contract"],
                data["form"],
                bool(data["collecting"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            remedy = "It was altered: bring back S3's own old version"
            raise InvalidData("read deployment", key, f"is no deployment ({error!r})", remedy) from error


@dataclass(frozen=True, slots=True)
class Recorded:
    """A deployment with the contract that it deployed."""

    deployment: Deployment
    form: ContractForm


def hash_of(body: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(body).hexdigest()


def deployments_prefix(dataset: str) -> str:
    """The folder of a dataset's history."""
    return f"{ROOT}{dataset}/"


def deployment_key(dataset: str, number: int) -> str:
    """The key of deployment ``number``."""
    return f"{deployments_prefix(dataset)}{number:0{DIGITS}d}.json"


def form_key(dataset: str, form: str) -> str:
    """The key of the contract of this hash."""
    return f"{deployments_prefix(dataset)}forms/{form}.json"


def read_deployments(store: ObjectReader, dataset: str) -> list[Deployment]:
    """The deployments in order; none where the lake is of a release that kept no history.

    Raises ``InvalidData`` where an object is none.
    """
    prefix = deployments_prefix(dataset)
    deployments = []
    for info in store.list(prefix):
        name = info.key.removeprefix(prefix)
        if len(name) == DIGITS + 5 and name[:DIGITS].isdigit() and (stored := store.read(info.key)):
            deployments.append(Deployment.from_json(stored.body, key=info.key))
    return deployments


def read_history(store: ObjectReader, dataset: str) -> tuple[Recorded, ...]:
    """The deployments with their contracts, in order.

    Raises ``InvalidData`` where an object is altered or gone: what was promised then is not known, and not guessed.
    """
    forms: dict[str, ContractForm] = {}
    recorded = []
    for deployment in read_deployments(store, dataset):
        if deployment.form not in forms:
            forms[deployment.form] = _read_form(store, dataset, deployment.form)
        recorded.append(Recorded(deployment, forms[deployment.form]))
    return tuple(recorded)


def _read_form(store: ObjectReader, dataset: str, form: str) -> ContractForm:
    key = form_key(dataset, form)
    stored = store.read(key)
    if stored is None or hash_of(stored.body) != form:
        problem = "is missing" if stored is None else "was altered"
        raise InvalidData("read contract", key, problem, "Bring back S3's own old version of it")
    return _form_of(stored.body, key)


@functools.lru_cache(maxsize=64)  # each step of an audit reads the same ones, and a contract takes 50 ms to parse
def _form_of(body: bytes, key: str) -> ContractForm:
    return ContractForm.from_json(body, key=key)


def record_deployment(
    store: ObjectStore, contracts: Contracts, dataset: str, *, now: int, collecting: bool | None = None
) -> Deployment:
    """Append the dataset's contract to its history, unless the history ends with it; returns the last deployment.

    ``now`` (epoch seconds) is when it begins to hold, never before the deployment before it. A feed that once collected
    goes on owing: that somebody turns its schedules off is no deployment. ``collecting`` None: whoever records does not
    know, so it is as before. Safe to do again and beside others. Raises ``TransientFailure`` where others are faster
    again and again.
    """
    form = ContractForm.of(contracts, dataset)
    body = form.to_json()
    name = hash_of(body)
    for _ in range(TRIES):
        history = read_deployments(store, dataset)
        last = history[-1] if history else None
        was_on = any(deployment.collecting for deployment in history) if history else collecting is None
        is_on = bool(collecting) or was_on
        if last is not None and (last.form, last.collecting) == (name, is_on):
            return last
        store.write(form_key(dataset, name), body, if_absent=True, content_type="application/json")
        since = max(now, last.since) if last else now
        number = last.number + 1 if last else 1
        deployment = Deployment(dataset, number, since, form.contract.hash, name, is_on)
        key = deployment_key(dataset, number)
        answer = store.write(key, deployment.to_json(), if_absent=True, content_type="application/json")
        if not isinstance(answer, Refused):
            return deployment
    raise TransientFailure(
        "record deployment", deployments_prefix(dataset), "others were faster", "The next audit does"
    )


def record_deployments(store: ObjectStore, contracts: Contracts, *, now: int, collecting: bool) -> list[Deployment]:
    """``record_deployment`` for every dataset that has a source: the last step of whoever applied a deployment."""
    return [
        record_deployment(store, contracts, contract.dataset, now=now, collecting=collecting)
        for contract in contracts
        if contract.source
    ]


def switched_on(history: Sequence[Deployment]) -> int | None:
    """When the feed's schedules were first switched on (epoch seconds); None where that is not known."""
    return next((deployment.since for deployment in history if deployment.collecting), None)

"""History of a dataset's contracts in the lake: which was deployed, and from when on it holds. Only appended to.

``warehouse/_contracts/<dataset>/<12 digits>.json`` is deployment ``number`` (from 1 on, in order of time), which names
by its SHA-256 the object ``warehouse/_contracts/<dataset>/forms/<sha256>.json``: the resolved contract with calendar
and lookups as they were. Both are put if absent and never changed; a contract that comes back is stored once.

Each deployment's object repeats those before it, so that the newest tells the whole history, however long it is. Who
proves something reads every object, and holds them to one another (``thoroughly``).

Whoever applied a deployment appends to it when all of it is there, and so does each audit that runs by a contract which
the history does not end with. What is not recorded yet holds from now on.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.contract.codec import from_data, to_data
from core.contract.model import Contract, Contracts, Feed, Lookup, TradingCalendar
from core.errors import InvalidData, TransientFailure
from core.json import UNREADABLE, canonical_json
from core.ports import ObjectReader, ObjectStore, Refused
from core.time import epoch, iso
from core.typed import typed

ROOT = "warehouse/_contracts/"
DIGITS = 12
FORMAT = 1
TRIES = 20
MOST_KNOWN = 128  # contracts that a process keeps beside a history's: each step of an audit reads the same ones
_KNOWN: dict[str, ContractForm] = {}  # by hash


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
        except UNREADABLE as error:
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

    def to_json(self, before: Sequence[Deployment] = ()) -> bytes:
        """The canonical bytes of its object, which repeats the deployments ``before`` it."""
        return canonical_json(
            {"format": FORMAT, "dataset": self.dataset, "number": self.number, **self._said()}
            | {"before": [deployment._said() for deployment in before]}
        )

    def _said(self) -> dict[str, Any]:
        return {
            "since": iso(self.since),
            "contract": self.contract,
            "form": self.form,
            "collecting": self.collecting,
        }

    @classmethod
    def from_json(cls, body: bytes, *, key: str) -> Deployment:
        """Raises ``InvalidData`` where the bytes are no deployment."""
        return _Read.of(body, key).deployment

    @classmethod
    def _from_data(cls, dataset: str, number: int, said: Mapping[str, Any]) -> Deployment:
        since, collecting = epoch(said["since"]), bool(said["collecting"])
        return typed(cls(dataset, number, since, said["contract"], said["form"], collecting))


@dataclass(frozen=True, slots=True)
class _Read:
    """A deployment's object: what it says of itself, and of those before it (None: an earlier release wrote it)."""

    deployment: Deployment
    before: list[Deployment] | None

    @classmethod
    def of(cls, body: bytes, key: str) -> _Read:
        """Raises ``InvalidData`` where the bytes are none."""
        try:
            data: dict[str, Any] = json.loads(body)
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}")
            dataset = data["dataset"]
            said = data.get("before")
            if said is not None:
                said = [Deployment._from_data(dataset, place, each) for place, each in enumerate(said, 1)]
            return cls(Deployment._from_data(dataset, data["number"], data), said)
        except UNREADABLE as error:
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


def read_deployments(store: ObjectReader, dataset: str, *, thoroughly: bool = False) -> list[Deployment]:
    """The deployments in order; none where the lake is of a release that kept no history.

    Reads the last object, and further back only those that an earlier release wrote; ``thoroughly`` reads all. Raises
    ``InvalidData`` where one is no deployment, and thoroughly where one says something else of those before it.
    """
    newest_first: list[_Read] = []
    for key in reversed(_listed(store, dataset)):
        if (stored := store.read(key)) is not None:
            newest_first.append(_Read.of(stored.body, key))
            if newest_first[-1].before is not None and not thoroughly:
                break
    before = newest_first[-1].before if newest_first and not thoroughly else None
    deployments = [*(before or ()), *(read.deployment for read in reversed(newest_first))]
    for place, read in enumerate(reversed(newest_first) if thoroughly else ()):
        if read.before not in (None, deployments[:place]):
            key, problem = deployment_key(dataset, read.deployment.number), "disagrees with those before it"
            raise InvalidData("read deployment", key, problem, "One was altered: bring back S3's own old versions")
    return deployments


def _listed(store: ObjectReader, dataset: str) -> list[str]:
    """The keys of the objects of deployments, which sort before that of contracts; one may stand for the folder."""
    prefix = deployments_prefix(dataset)
    listed = itertools.takewhile(lambda key: key[len(prefix) :] < ":", (info.key for info in store.list(prefix)))
    return [key for key in listed if len(key) == len(prefix) + DIGITS + 5 and key[len(prefix) : -5].isdigit()]


def read_history(store: ObjectReader, dataset: str, *, thoroughly: bool = False) -> tuple[Recorded, ...]:
    """The deployments with their contracts, in order. A contract is named by its hash and so read once by a process.

    Raises ``InvalidData`` where an object is altered or gone: what was promised then is not known, and not guessed.
    ``thoroughly``, as in ``read_deployments``, nothing is taken from what was read before.
    """
    forms: dict[str, ContractForm] = {} if thoroughly else _KNOWN
    deployments = read_deployments(store, dataset, thoroughly=thoroughly)
    read = {form: forms.get(form) or _read_form(store, dataset, form) for form in {each.form for each in deployments}}
    if len(_KNOWN) + len(read) > MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN.update(read)
    return tuple(Recorded(deployment, read[deployment.form]) for deployment in deployments)


def _read_form(store: ObjectReader, dataset: str, form: str) -> ContractForm:
    key = form_key(dataset, form)
    stored = store.read(key)
    if stored is None or hash_of(stored.body) != form:
        problem = "is missing" if stored is None else "was altered"
        raise InvalidData("read contract", key, problem, "Bring back S3's own old version of it")
    return ContractForm.from_json(stored.body, key=key)


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
        answer = store.write(key, deployment.to_json(history), if_absent=True, content_type="application/json")
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

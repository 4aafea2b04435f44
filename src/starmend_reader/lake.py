"""A lake as analysts read it: its relations by name, the rows of one of them now or as of an instant."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.fs import FileSystem, S3FileSystem, resolve_s3_region

from core.contract.codec import load_rendered
from core.contract.model import Contracts, Table
from core.errors import Misuse, NotDeployed, PipelineBug, UnknownTable
from core.json import UNREADABLE
from core.ports import ObjectInfo
from core.time import format_second, iso
from core.warehouse.keys import values_in
from core.warehouse.pointer import remedy_of
from starmend_reader.certified import certified_key, is_certified
from starmend_reader.errors import NotKept, NotProven
from starmend_reader.instants import Instant, contracts_at, instant_of, is_kept
from starmend_reader.partitions import (
    DERIVED,
    IsProven,
    Listed,
    Part,
    Past,
    current_parts,
    in_parallel,
    past_partitions,
)
from starmend_reader.relations import Relation, relations_of, stored_columns
from starmend_reader.rows import Rows
from starmend_reader.scan import line_batches, parquet_batches
from starmend_reader.storage import Storage, check_profile, reaching
from starmend_reader.where.conditions import Condition, Where, conditions_of
from starmend_reader.where.projection import is_listed
from starmend_reader.where.pruning import check_times, may_hold, time_of

DESCRIPTION = "deployment.json"
LAKE = "STARMEND_LAKE"
STACK = Path("build/local/stack.json")  # where the stack of this machine says where it is


def connect(lake: str | None = None, *, filesystem: FileSystem | None = None) -> Lake:
    """The lake that a code bucket describes, ``s3://<project>-<environment>-code-<account>``.

    Without a name it is that of the environment (``STARMEND_LAKE``), or the stack that is up in this folder.
    Credentials, region and endpoint are those of AWS's own settings, unless a ``filesystem`` of Arrow is given, whose
    paths are ``<bucket>/<key>``: a folder that the buckets were copied to, say.

    Raises ``NotDeployed`` where there is no lake, ``NotGranted`` where it may not be read, ``PipelineBug`` where it is
    of a release that this reader does not know.
    """
    named = lake or os.environ.get(LAKE)
    settings: Mapping[str, str] = os.environ
    if not named:
        named, settings = _local_stack()
    bucket = named.removeprefix("s3://").rstrip("/")
    return deployed_in(Storage(filesystem or s3_filesystem(bucket, settings), bucket))


def read(
    name: str,
    *,
    where: Where | None = None,
    columns: Sequence[str] | None = None,
    as_of: str | datetime | None = None,
    lake: str | None = None,
) -> Rows:
    """The rows of a table or view of a lake: ``connect(lake).read(…)``."""
    return connect(lake).read(name, where=where, columns=columns, as_of=as_of)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lake:
    """A lake: what was promised of it (``contracts``), the bucket of its tables, and the clock that tells the time.

    With the ``code`` bucket that describes it each read is by the contracts that are deployed then, ``contracts_key``.
    """

    contracts: Contracts
    warehouse: Storage
    clock: Callable[[], datetime] = _utc_now
    code: Storage | None = None
    contracts_key: str = ""

    @cached_property
    def relations(self) -> Mapping[str, Relation]:
        """What could be read at the connection: tables, views ``_now`` and ``_complete``, the pipeline's records."""
        return relations_of(self.contracts)

    def read(
        self,
        name: str,
        *,
        where: Where | None = None,
        columns: Sequence[str] | None = None,
        as_of: str | datetime | None = None,
    ) -> Rows:
        """The rows of a table or view that satisfy all conditions of ``where``, as they are now or were ``as_of``.

        Which objects they are in is settled here, so that all uses of the result are of one state. Only partitions that
        can hold such rows are read: conditions on a time or an entity prune, as do those on the partition keys that
        Athena asks for. ``columns`` are given in that order; without them all are, as Athena's ``select *`` has them.
        ``as_of`` is a time (text in ISO 8601, UTC without an offset, or ``datetime``), to the second, or a certificate
        (``quotes/12``): then the rows that it names are proven by their digests.

        Raises ``UnknownTable`` and ``Misuse`` for what is not there, ``NotKept`` where a state of the past is not whole
        any more, ``NotProven`` where the certified rows are not there, ``LostCommit`` where the lake itself is broken.
        """
        return self._as_deployed()._read(name, where=where, columns=columns, as_of=as_of)

    def _as_deployed(self) -> Lake:
        """It by the contracts of now: whoever is connected for days would read tables that were built anew since."""
        if self.code is None or description_of(self.code)[0] == self.contracts_key:
            return self
        return replace(deployed_in(self.code), clock=self.clock)

    def _read(
        self,
        name: str,
        *,
        where: Where | None = None,
        columns: Sequence[str] | None = None,
        as_of: str | datetime | None = None,
    ) -> Rows:
        now = self.clock()
        instant = self._instant(as_of, now)
        past = replace(self, contracts=contracts_at(self.warehouse, self.contracts, instant.at)) if instant else self
        relation = past._relation(name)
        conditions = conditions_of(where, relation.columns, place=name)
        wanted = _chosen(relation, columns)
        if relation.table is None:
            return past._records(relation, conditions, wanted, instant, now)
        check_times(relation.table, conditions)
        placed = [each for each in conditions if each.column not in relation.unknown]  # paths have what was stored

        def listed(path: str) -> bool:
            return is_listed(relation.projection, values_in(path), now)

        if instant is None:
            parts = current_parts(
                self.warehouse, relation.table, placed, listed, self._is_committed(relation.table, now)
            )
        elif is_kept(relation.table, self.contracts, now=now):
            parts = past._parts_at(relation.table, placed, instant, listed, now)
        else:
            problem = f"its partitions of then ({relation.table.folder}) were built anew, and the old ones are removed"
            raise NotKept("read as of", f"{name} at {format_second(instant.at)}", problem, "Ask for a later time")
        objects = [(part.key, _key_values(relation, part.path)) for part in parts]
        stored = stored_columns(relation)
        shown = self._shown(relation, as_of)
        beyond = [each for each in conditions if each.is_beyond_statistics(relation.columns.field(each.column).type)]
        rows = _condition(relation, [each for each in conditions if each not in beyond], shown)
        held = _together(relation, beyond, shown)

        def batches() -> Iterator[pa.RecordBatch]:
            columns_shown = {each: shown[each] for each in wanted.names}
            return parquet_batches(self.warehouse, objects, stored, columns_shown, rows, held)

        return Rows(name, wanted, tuple(key for key, _ in objects), batches)

    def _instant(self, as_of: str | datetime | None, now: datetime) -> Instant | None:
        if as_of is None:
            return None
        datasets = [contract.dataset for contract in self.contracts]
        return instant_of(as_of, self.warehouse, datasets, now=now)

    def _relation(self, name: str) -> Relation:
        if name not in self.relations:
            raise UnknownTable("read", name, "is no table or view", f"There are {', '.join(self.relations)}")
        return self.relations[name]

    def _is_committed(self, table: Table, now: datetime) -> IsProven:
        """Whether a first commit was made of which the object alone is there, and no pointer.

        Of a fact a certificate says so. Derived tables are in none, and each audit makes what is not as its inputs are.
        """

        def is_committed(path: str, first: ObjectInfo) -> bool:
            if table.kind != "fact":
                return first.modified < now - DERIVED
            windows: list[tuple[str, str, object]] = [("dataset", "=", table.dataset), ("certificate", "!=", None)]
            for start, end in filter(None, [time_of(table, path)]):
                windows += [("window_start", "<", iso(end)), ("window_end", ">", iso(start))]
            rows = self._read("completeness", where=windows, columns=["certificate"]).arrow()
            return is_certified(self.warehouse, table, path, rows.column(0).unique().to_pylist())

        return is_committed

    def _parts_at(
        self, table: Table, conditions: Sequence[Condition], instant: Instant, listed: Listed, now: datetime
    ) -> list[Part]:
        """The partitions as they were, without those that had no rows yet.

        Those that a certificate names hold the rows that it proves.
        """
        pasts = past_partitions(self.warehouse, table, conditions, listed, self._is_committed(table, now))
        certificate = instant.certificate
        named = certificate.partitions if certificate else {}
        contract = self.contracts.dataset(table.dataset)

        def key_of(past: Past) -> str:
            if certificate is None or past.name not in named:
                return past.at(instant.at)
            return certified_key(self.warehouse, past, certificate, contract, table, instant.at)

        keys = in_parallel(key_of, pasts)
        there = {past.name for past in pasts}
        for name in named:
            path = name.removeprefix(table.folder).lstrip("/")
            is_ours = name == table.folder or name.startswith(f"{table.folder}/")
            if is_ours and name not in there and listed(path) and may_hold(table, path, conditions):
                raise NotProven("read as of a certificate", name, "its pointer is gone", remedy_of(name))
        return [Part(past.path, key) for past, key in zip(pasts, keys, strict=True) if key]

    def _shown(self, relation: Relation, as_of: str | datetime | None) -> dict[str, pc.Expression]:
        """What each column shows: itself, or the unknown member for values that no row of the parent has."""
        shown = {name: pc.field(name) for name in relation.columns.names}
        for name, member in relation.unknown.items():
            known = self._read(member.parent, columns=[member.of], as_of=as_of).arrow().column(0)
            key = pa.scalar(member.key, relation.columns.field(name).type)
            shown[name] = pc.if_else(pc.is_in(shown[name], value_set=known), shown[name], key)
        return shown

    def _records(
        self,
        relation: Relation,
        conditions: Sequence[Condition],
        wanted: pa.Schema,
        instant: Instant | None,
        now: datetime,
    ) -> Rows:
        """The rows of a record of the pipeline, JSON lines in folders by its partition keys."""
        if instant is not None:
            remedy = "Read it as it is now: each row says when it was written"
            raise NotKept("read as of", relation.name, "is replaced row by row, and keeps no past", remedy)
        objects = []
        for info in self.warehouse.list(relation.location):
            if info.key.rpartition("/")[2].startswith(("_", ".")):  # hidden from Athena: rows of earlier releases
                continue
            values = values_in(info.key.removeprefix(relation.location).rpartition("/")[0])
            by_key = [(condition, values[condition.column]) for condition in conditions if condition.column in values]
            is_ours = set(values) == set(relation.keys) and is_listed(relation.projection, values, now)
            if is_ours and all(each.holds_between(value, value) for each, value in by_key):
                objects.append((info.key, values))
        shown = {name: pc.field(name) for name in relation.columns.names}
        rows = _condition(relation, conditions, shown)

        def batches() -> Iterator[pa.RecordBatch]:
            columns = {name: shown[name] for name in wanted.names}
            return line_batches(self.warehouse, objects, relation.columns, columns, rows)

        return Rows(relation.name, wanted, tuple(key for key, _ in objects), batches)


def _chosen(relation: Relation, columns: Sequence[str] | None) -> pa.Schema:
    names = relation.columns.names if columns is None else [] if isinstance(columns, str) else list(columns)
    if not names or len(set(names)) < len(names):
        problem = f"columns={columns!r} are none, or one twice"
        raise Misuse("read", relation.name, problem, 'Give a list: columns=["price"]')
    if strange := [str(name) for name in names if name not in relation.columns.names]:
        remedy = f"Its columns are {', '.join(relation.columns.names)}"
        raise Misuse("read", relation.name, f"has no column {', '.join(strange)}", remedy)
    return pa.schema([relation.columns.field(name) for name in names])


def _key_values(relation: Relation, path: str) -> dict[str, str | int]:
    """The partition keys of a path, in the catalog's types."""
    values = values_in(path)
    return {
        name: int(value) if pa.types.is_integer(relation.columns.field(name).type) else value
        for name, value in values.items()
    }


def _condition(
    relation: Relation, conditions: Sequence[Condition], shown: Mapping[str, pc.Expression]
) -> pc.Expression | None:
    """All that rows are held to, a view's condition included; None where that is nothing."""
    asked = _together(relation, conditions, shown)
    if not relation.condition:
        return asked
    own = pc.field(relation.condition)
    own = own.is_null() if relation.is_mark else own
    return own if asked is None else asked & own


def _together(
    relation: Relation, conditions: Sequence[Condition], shown: Mapping[str, pc.Expression]
) -> pc.Expression | None:
    expressions = [each.of(shown[each.column], relation.columns.field(each.column).type) for each in conditions]
    return reduce(operator.and_, expressions) if expressions else None


def deployed_in(code: Storage) -> Lake:
    """The lake that a code bucket describes now. Raises ``NotDeployed`` and ``PipelineBug``."""
    key, warehouse = description_of(code)
    with _of_this_release(code):
        contracts = load_rendered(_body(code, key))
    return Lake(contracts, Storage(code.filesystem, warehouse), code=code, contracts_key=key)


def description_of(code: Storage) -> tuple[str, str]:
    """The key of the contracts that are deployed, and the warehouse bucket."""
    with _of_this_release(code):
        description = json.loads(_body(code, DESCRIPTION))
        return str(description["contracts_key"]), str(description["buckets"]["warehouse"])


@contextmanager
def _of_this_release(code: Storage) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        remedy = "Install the reader of the release that was deployed"
        raise PipelineBug("connect", code.place(DESCRIPTION), f"is of another release: {error}", remedy) from error


def _body(storage: Storage, key: str) -> bytes:
    stored = storage.read(key)
    if stored is None:
        remedy = "Name the code bucket of a deployment: s3://<project>-<environment>-code-<account>"
        raise NotDeployed("connect", storage.place(key), "there is none", remedy)
    return stored.body


def s3_filesystem(bucket: str, settings: Mapping[str, str]) -> S3FileSystem:
    """S3 by AWS's settings: what they leave open, Arrow finds by the SDK in it (``storage.check_profile``)."""
    if not settings.get("AWS_ACCESS_KEY_ID"):
        check_profile(settings)
    region = settings.get("AWS_REGION") or settings.get("AWS_DEFAULT_REGION")
    endpoint = settings.get("AWS_ENDPOINT_URL_S3") or settings.get("AWS_ENDPOINT_URL")
    if not region:
        with reaching("find the region", f"s3://{bucket}"):
            region = resolve_s3_region(bucket)
    keys = {
        "access_key": settings.get("AWS_ACCESS_KEY_ID"),
        "secret_key": settings.get("AWS_SECRET_ACCESS_KEY"),
        "session_token": settings.get("AWS_SESSION_TOKEN"),
    }
    return S3FileSystem(region=region, endpoint_override=endpoint, **(keys if keys["access_key"] else {}))


def _local_stack() -> tuple[str, Mapping[str, str]]:
    """The code bucket of the stack of this folder, and AWS's settings for it."""
    if not STACK.exists():
        remedy = f'Name a lake: connect("s3://…-code-…"), or {LAKE} in the environment'
        raise NotDeployed("connect", str(STACK), "no lake is named, and no stack is up here", remedy)
    try:
        where = json.loads(STACK.read_text(encoding="utf-8"))
        return str(where["bucket"]), dict(where["aws_environment"])
    except UNREADABLE as error:
        remedy = f"Start it anew, or name a lake in {LAKE}"
        raise NotDeployed("connect", str(STACK), f"does not say where the stack is: {error!r}", remedy) from error

"""What is remembered of a partition is what a fresh look would say, whatever became of it and of the memory."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.audited import ORDER_FACT, AuditedDatabase, database_contract, instant
from tests.support.tables import rows_of

from auditor.databases.rows import proofs
from auditor.databases.rows.holdings import Holding, read_slices
from auditor.databases.rows.proofs import Proofs
from auditor.databases.rows.sums import Summary
from auditor.databases.rows.targets import ALWAYS, Slice, Target, targets_of
from auditor.warehouse.parents import References, references_of
from auditor.warehouse.partitions import Undecoded, read_partition
from core.audit.certificate import proof_key
from core.contract.model import HASH, HASH_LIST, Partition
from core.json import canonical_json
from core.warehouse.canonical_rows import proof_of
from core.warehouse.pointer import partition_of, pointer_key
from processing.partitions.commit import CommitContext, SourceRef, commit_rows, restate

BUCKETS = 64
SPREAD = replace(
    ORDER_FACT,
    columns=tuple(
        replace(each, references="dim_note.note", missing="alarm") if each.name == "note" else each
        for each in ORDER_FACT.columns
    ),
    partition_by=(Partition("part", "order_id", "bucket", buckets=3),),
)
CONTRACT = database_contract(SPREAD)
PART = Slice(SPREAD.name, *ALWAYS)
PATHS = [f"part={number}" for number in range(3)]
HOUR = 3_600


class Lake:
    """Three partitions of one slice, and how many of them were decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> None:
        lake = AuditedDatabase(CONTRACT)
        self.partitions, self.records, self.contract = lake.partitions, lake.records, lake.contract
        self.draw = random.Random(seed)
        self.notes = [f"note {number}" for number in range(4)]
        self.decoded = self.proven = 0
        self._commits = 0
        held, prove = Undecoded.held, proofs.proof_of

        def count(undecoded: Undecoded, *arguments: Any, **more: Any) -> Any:
            self.decoded += undecoded.opened is not None
            return held(undecoded, *arguments, **more)

        def count_proof(rows: pa.Table) -> list[object]:
            self.proven += 1
            return prove(rows)

        monkeypatch.setattr(Undecoded, "held", count)
        monkeypatch.setattr(proofs, "proof_of", count_proof)

    @property
    def target(self) -> Target:
        [target] = targets_of(self.contract)
        return target

    def rows(self, count: int) -> pa.Table:
        """Rows of some orders: new versions, deleted ones, checked ones, hashed by some list or by none."""
        draw = self.draw
        records = []
        for _ in range(count):
            at = instant(HOUR * draw.randrange(1, 200))
            records.append(
                {
                    "order_id": draw.randrange(40),
                    "updated": at,
                    "checked_at": at if draw.random() < 0.2 else None,
                    "note": draw.choice(self.notes),
                    "deleted_at": at if draw.random() < 0.2 else None,
                }
            )
        rows = rows_of(SPREAD, [{**record, "is_latest": None} for record in records])
        lists = [draw.choice([None, 1, 1, 2]) for _ in records]
        for name, values in ((HASH_LIST, lists), (HASH, [each and draw.getrandbits(62) for each in lists])):
            kind = pa.int32() if name == HASH_LIST else pa.int64()
            at = rows.schema.get_field_index(name)
            rows = (
                rows.set_column(at, name, pa.array(values, kind))
                if at >= 0
                else rows.append_column(pa.field(name, kind), pa.array(values, kind))
            )
        return rows

    def commit(self, path: str = "", count: int = 8) -> None:
        self._commits += 1
        context = CommitContext("c", random=random.Random(self._commits), sleep=lambda _: None)
        source = SourceRef(f"object-{self._commits}", "etag")
        place = path or self.draw.choice(PATHS)
        commit_rows(self.partitions, SPREAD, place, self.rows(count), sources=[source], context=context)

    def restate(self) -> None:
        """The partition made again of fewer rows."""
        context = CommitContext("again", sleep=lambda _: None)
        rows = self.rows(4)
        restate(self.partitions, SPREAD, self.draw.choice(PATHS), lambda: (rows, ()), context=context)

    def references(self) -> References:
        return references_of(SPREAD, lambda _: pa.array(self.notes))

    def proofs(self, run: str = "", *, fresh: bool = False) -> Proofs:
        return Proofs(self.partitions, MemoryObjects() if fresh else self.records, self.contract, "release", run)

    def read(self, run: str = "", *, buckets: int = BUCKETS, fresh: bool = False) -> Holding:
        looked = self.proofs(run, fresh=fresh)
        more: dict[str, Any] = {"buckets": buckets, "references": self.references(), "workers": 1}
        [holding] = read_slices(looked, self.contract, self.target, [PART], **more)
        return holding

    def memory(self, path: str) -> dict[str, Any]:
        stored = self.records.read(proof_key(f"{SPREAD.name}/{path}"))
        try:
            return json.loads(stored.body) if stored else {}
        except ValueError:
            return {}

    def remember(self, path: str, data: Any) -> None:
        body = data if isinstance(data, bytes) else canonical_json(data)
        self.records.write(proof_key(f"{SPREAD.name}/{path}"), body)


def said(holding: Holding, until: int, buckets: int) -> dict[str, Any]:
    """All that a comparison asks of a slice."""
    sums = holding.sums(until=until, buckets=buckets)
    return {
        "fingerprints": sums.fingerprints,
        "content": sums.content_by_bucket,
        "counts": (holding.count, holding.gone, holding.repaired, holding.accepted, holding.newest),
        "lists": holding.lists,
        "in order": holding.in_order,
        "proofs": holding.proofs,
        "objects": holding.objects,
        "problems": (holding.broken, holding.rolled_back, holding.held, holding.missing),
        "rows": holding.live.to_pylist(),
    }


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    return Lake(monkeypatch)


def forge(lake: Lake, path: str, change: Callable[[dict[str, Any]], None]) -> None:
    """A memory in good order, with a seal of its own, that says something else."""
    memory = lake.memory(path)
    if "sums" not in memory:
        return
    change(memory["sums"]["rows"])
    with pytest.raises(ValueError, match="seal"):
        Summary.from_data(memory["sums"]["rows"])
    memory["sums"]["rows"] = sealed(memory["sums"]["rows"]).to_data()
    lake.remember(path, memory)


def sealed(data: dict[str, Any]) -> Summary:
    """What somebody makes of altered numbers who knows how they are sealed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Summary, "_seal", lambda _summary: data["seal"])
        return Summary.from_data(data)


def damage(lake: Lake) -> None:
    """A memory that is cut, another partition's, of before, empty, or altered by somebody who knows no seals."""
    draw, path = lake.draw, lake.draw.choice(PATHS)
    memory, other = lake.memory(path), lake.memory(lake.draw.choice(PATHS))
    sums = memory.get("sums")
    kind = draw.randrange(7)
    if kind == 0:
        lake.remember(path, canonical_json(memory)[: draw.randrange(1, 400)])
    elif kind == 1 and other and memory:
        lake.remember(path, {**memory, "sums": other.get("sums", {})})
    elif kind == 2 and other:
        lake.remember(path, other)
    elif kind == 3:
        lake.remember(path, b"")
    elif kind == 4 and sums:
        column = sums["rows"][draw.choice(["content", "keys", "rows", "newest", "bucket", "number"])]
        column[draw.randrange(len(column))] ^= 1
        lake.remember(path, memory)
    elif kind == 5 and sums:
        name = draw.choice(["gone", "repaired", "accepted", "parents", "all"])
        sums["rows"][name] = 7
        lake.remember(path, memory)
    elif kind == 6 and sums:
        del sums["rows"][draw.choice(sorted(sums["rows"]))]
        lake.remember(path, memory)


@pytest.mark.parametrize("seed", range(3))
def test_a_remembered_slice_says_what_a_fresh_look_says(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    lake = Lake(monkeypatch, seed)
    draw, remembered = lake.draw, 0
    for path in PATHS:
        lake.commit(path)
    every = list(lake.notes)
    for step in range(16):
        change = draw.choice([lake.commit, lake.commit, lake.restate, lambda: damage(lake), lambda: None])
        change()
        if draw.random() < 0.3:
            lake.notes = draw.choice([every, every[1:], [*every, "another"]])
        if draw.random() < 0.1:
            lake.contract = replace(lake.contract, hash=f"contract {step}")
        until, buckets = HOUR * 1_000_000 * draw.choice([100, 300]), draw.choice([16, 32, BUCKETS])
        before = lake.decoded
        lake.read(f"run {seed} {step}", buckets=16)
        remembered += 3 - (lake.decoded - before)
        told = said(lake.read(f"run {seed} {step}", buckets=draw.choice([buckets, BUCKETS])), until, buckets)
        assert told == said(lake.read(fresh=True), until, buckets), f"seed {seed}, step {step}"
    assert remembered > 5, "partitions were remembered, else this shows nothing"


def test_what_did_not_change_is_not_decoded_and_of_what_did_only_that(lake: Lake) -> None:
    lake.notes = lake.notes[:1]
    for path in PATHS:
        lake.commit(path)
    lake.read()
    assert (lake.decoded, lake.proven) == (3, 3)
    holding = lake.read()
    assert holding.sums(until=HOUR * 10**9, buckets=16).fingerprints
    assert lake.decoded == 3
    lake.commit(PATHS[1])
    lake.read()
    assert (lake.decoded, lake.proven) == (4, 4)


def test_more_buckets_another_release_and_other_parents_are_computed_anew(lake: Lake) -> None:
    lake.commit(PATHS[0])
    lake.read()
    for look in (
        lambda: lake.read(buckets=BUCKETS * 2),
        lambda: lake.notes.append("another") or lake.read(),  # type: ignore[func-returns-value]
    ):
        before = lake.decoded
        look()
        assert lake.decoded > before


def test_a_memory_that_somebody_forged_is_found_by_chance_and_then_none_is_believed(lake: Lake) -> None:
    for path in PATHS:
        lake.commit(path, 20)
    lake.read()
    for path in PATHS:
        forge(lake, path, lambda rows: rows["content"].__setitem__(0, rows["content"][0] ^ 1))
    truth = said(lake.read(fresh=True), HOUR * 10**9, BUCKETS)
    for number in range(200):
        looked = lake.proofs(f"run {number}")
        more: dict[str, Any] = {"buckets": BUCKETS, "references": lake.references(), "workers": 1}
        [holding] = read_slices(looked, lake.contract, lake.target, [PART], **more)
        if looked.false:
            assert said(holding, HOUR * 10**9, BUCKETS) == truth
            break
        assert holding.sums(until=HOUR * 10**9, buckets=BUCKETS).content_by_bucket != truth["content"]
    else:
        pytest.fail("not undecoded")


def test_a_known_proof_does_not_hide_that_the_object_was_altered(lake: Lake) -> None:
    lake.commit(PATHS[0])
    before = lake.read()
    [key] = [target for target in before.objects.values() if target]
    body = bytearray(lake.partitions.objects[key])
    body[10] ^= 1
    lake.partitions.objects[key] = bytes(body)
    holding = lake.read()
    assert len(holding.broken) == 1
    assert holding.proofs == {}


def test_another_object_under_the_same_name_with_a_digest_of_its_own_is_decoded(lake: Lake) -> None:
    lake.commit(PATHS[0])
    [key] = [target for target in lake.read().objects.values() if target]
    before = said(lake.read(), HOUR * 10**9, BUCKETS)
    other = Lake(pytest.MonkeyPatch(), 5)
    other.commit(PATHS[0])
    [there] = [target for target in other.read().objects.values() if target]
    lake.partitions.objects[key] = other.partitions.objects[there]
    told = said(lake.read(), HOUR * 10**9, BUCKETS)
    assert told["content"] != before["content"]
    assert told == said(lake.read(fresh=True), HOUR * 10**9, BUCKETS)


def test_a_partition_without_rows_or_pointer_has_no_proof(lake: Lake) -> None:
    holding = lake.read()
    assert (holding.proofs, holding.count, lake.proven) == ({}, 0, 0)


def test_the_proof_is_that_of_all_columns(lake: Lake) -> None:
    lake.commit(PATHS[0])
    [proof] = lake.read().proofs.values()
    assert proof == proof_of(read_partition(lake.partitions, SPREAD, PATHS[0]).rows)


def test_a_pointer_that_an_audit_has_seen_is_gone_however_few_objects_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows of a slice of several partitions tell no partition, and of superseded versions the source tells none."""
    lake = Lake(monkeypatch)
    lake.commit(PATHS[1])
    name = partition_of(SPREAD.name, PATHS[1])
    [target] = [target for target in lake.read().objects.values() if target]
    lake.partitions.delete([pointer_key(name)])
    assert lake.read(fresh=True).broken == (), "a first commit may be on its way"
    [broken] = lake.read().broken
    assert (broken.partition, target in broken.problem) == (PATHS[1], True)
    lake.partitions.delete([target])
    assert lake.read().broken == (), "nothing is left of a generation that was cleaned away"

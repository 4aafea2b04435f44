"""Readers of outside data, each with what it may be given to begin with and the errors that it promises.

A target is a function of bytes. It returns where the bytes were read or refused by the promised errors, and raises
``AssertionError`` where a promise about the result does not hold; everything else that it raises is a fault.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from tests.support.recorded_answers import RECORDED

from core.audit.anchors import Anchor
from core.audit.certificate import Certificate, Ledger
from core.authoring.load import load
from core.contract.model import Contracts, Feed
from core.errors import InvalidData, StarmendError
from core.evolution.deployments import ContractForm, Deployment
from core.feeds.rest.spec import read_spec
from core.landing.ingest_objects import content_promise, decode_facts, parse_repair_key, parse_table_key
from core.warehouse.footer import Footer
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import parse_pointer
from ingestion.providers.reading.received import received
from ingestion.providers.rest.verdict import judge_history, judge_live
from ingestion.repair.runtime import read_message
from ingestion.request.message import read_points_due
from processing.events import object_events
from processing.parse_object import parse_object
from processing.plan import SourcePlan, plan_source
from processing.shape import Origin

ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests/stored_forms"
CONTRACTS = ROOT / "tests/stored_forms/contracts"
PROOFS = ("*/_certificates/*.json", "*/_contracts/*.json")
NOW = dt.datetime(2026, 11, 20, 10, 0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Target:
    """``read`` is given bytes; ``seeds`` are real ones; ``refusals`` are the errors that the reader promises."""

    read: Callable[[bytes], object]
    seeds: Callable[[], Iterator[bytes]]
    refusals: tuple[type[Exception], ...] = (StarmendError,)

    def __call__(self, data: bytes) -> None:
        with contextlib.suppress(*self.refusals):
            self.read(data)


@cache
def _lake() -> Mapping[str, tuple[bytes, Mapping[str, str]]]:
    """The objects of the lake that an earlier release made, with their metadata."""
    with tarfile.open(STORED / "lake.tar.gz") as lake:
        opened = ((member, lake.extractfile(member)) for member in lake if member.isfile())
        return {member.name: (file.read(), member.pax_headers) for member, file in opened if file is not None}


def _stored(*patterns: str) -> Callable[[], Iterator[bytes]]:
    return lambda: (body for name, (body, _) in _lake().items() if any(fnmatch(name, pattern) for pattern in patterns))


@cache
def _contracts() -> Contracts:
    return load(CONTRACTS, today=NOW.date())


@cache
def _plans() -> tuple[tuple[SourcePlan, Origin], ...]:
    """A plan for each source table of the stored forms: a feed's and two of a database."""
    contracts, plans = _contracts(), []
    for contract in contracts.contracts:
        source = contract.source
        tables = () if source is None else (source.table,) if isinstance(source, Feed) else source.tables
        plans += [(plan_source(contract, table.name), Origin(contract, contracts, NOW)) for table in tables]
    return tuple(plans)


# ---------------------------------------------------------------- lines


def read_object(data: bytes) -> None:
    """An ingest object of any bytes, by every plan: each line becomes rows, is rejected, or the object is halted."""
    for plan, origin in _plans():
        parsed = parse_object(io.BytesIO(data), plan, origin, place="fuzzed", now=NOW, timer=lambda: 0.0)
        if parsed.halted:
            assert not parsed.parts, "a halted object has rows"
            continue
        counted = parsed.accepted + parsed.rejected_lines + parsed.outside_lines
        assert counted == parsed.lines_in, f"{counted} of {parsed.lines_in} lines"
        assert parsed.rows_out == sum(part.rows.num_rows for part in parsed.parts)
        for part in parsed.parts:
            part.rows.validate(full=True)


def read_lines(data: bytes) -> None:
    """The same from lines, which are more often changed into lines than compressed bytes are into compressed ones."""
    read_object(gzip.compress(data, compresslevel=1, mtime=0))


def _lines() -> Iterator[bytes]:
    for data in _stored("*/ingest/*.jsonl.gz")():
        yield gzip.decompress(data)


# ---------------------------------------------------------------- messages


def read_event(data: bytes) -> None:
    for event in object_events(data.decode("utf-8", "replace")):
        assert isinstance(event.key, str)


def read_points(data: bytes) -> None:
    due = read_points_due(data.decode("utf-8", "replace"))
    assert read_points_due(json.dumps(due.to_data())) == due


def read_repair_message(data: bytes) -> None:
    read_message(data.decode("utf-8", "replace"))


def _messages() -> Iterator[bytes]:
    yield from (STORED / "expected/prices/queue.jsonl").read_bytes().splitlines()
    created = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "tables/a%2Bb"}}}
    yield json.dumps({"Records": [created]}).encode()
    yield b'{"objects":["tables/books/book/000000000001.jsonl.gz"]}'
    yield b'{"job":"audit/runs/r/jobs/0-000.json","token":"t"}'


# ---------------------------------------------------------------- answers


def read_answer(data: bytes) -> None:
    """A body after its first byte, which chooses the API, and two that choose the status and the headers."""
    if len(data) < 3:
        return
    recorded = RECORDED[data[0] % len(RECORDED)]
    status = (200, 200, 200, 204, 400, 403, 404, 429, 500)[data[1] % 9]
    headers = {"Content-Type": ("application/json", "text/html", "text/csv")[data[1] % 3]}
    if data[2] & 1:
        headers["Date"] = format_datetime(NOW, usegmt=True)
    slots = [dt.datetime.fromisoformat(slot) for slot in recorded.points]
    start, end, every = min(slots), max(slots) + recorded.every, int(recorded.every.total_seconds())
    spec = _spec(recorded.example, recorded.says)
    saved = received(status, headers, data[3:], request="GET /")
    judged = judge_history(spec, "fuzzed", [saved], start=start, end=end, every=every, attributes=recorded.attributes)
    for point in getattr(judged, "points", ()):
        assert start <= point.time < end, "a point outside of what was asked for"
    if spec.live is not None:
        judge_live(spec, "fuzzed", saved, every=every, attributes=recorded.attributes)


@cache
def _spec(example: str, says: tuple[str, str]) -> object:
    feed = load(ROOT / "contracts/examples", today=NOW.date()).feed(example)
    settings = json.dumps(dict(feed.history.settings))
    return read_spec(json.loads(settings.replace(*says) if says[0] else settings))


def _answers() -> Iterator[bytes]:
    for number, recorded in enumerate(RECORDED):
        yield bytes([number, 0, 1]) + json.dumps(recorded.body).encode()


# ---------------------------------------------------------------- what the lake holds


def read_metadata(data: bytes) -> None:
    """Metadata as S3 gives them: texts by name, from a JSON object of texts."""
    key, _, text = data.decode("utf-8", "replace").partition("\n")
    parse_table_key(key)
    parse_repair_key(key)
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(given, dict):
        metadata = {name: value for name, value in given.items() if isinstance(value, str)}
        content_promise(metadata)
        decode_facts(metadata, key="fuzzed")


def _metadata() -> Iterator[bytes]:
    for name, (_, headers) in _lake().items():
        if metadata := {key: value for key, value in headers.items() if key.startswith("starmend-")}:
            yield f"{name.partition('/ingest/')[2]}\n{json.dumps(metadata)}".encode()


def read_footer(data: bytes) -> None:
    footer = Footer.from_json(data)
    assert Footer.from_json(footer.to_json()) == footer, "a footer that is read back as another"


def read_parquet(data: bytes) -> None:
    """All that a commit on top and an audit ask of it."""
    opened = open_object("fuzzed", data)
    list(opened.dictionaries)
    list(opened.group_rows)
    opened.read(opened.schema, proven=False)


def _footers() -> Iterator[bytes]:
    for data in _stored("*/_data/*.parquet")():
        yield open_object("stored", data).footer.to_json()


def read_pointer(data: bytes) -> None:
    parse_pointer(data, bucket="lake", place="fuzzed", partition="fact_price/symbol=AAA/month=2026-11")
    parse_pointer(data, bucket="lake", place="fuzzed")


def read_proof(data: bytes) -> None:
    """Certificates, ledgers, anchors, and the contracts' history."""
    readers: Mapping[str, Callable[[bytes], object]] = {
        "certificate": lambda body: Certificate.from_json(body, key="fuzzed"),
        "ledger": lambda body: Ledger.from_json(body, key="fuzzed"),
        "anchor": lambda body: Anchor.from_json(body, key="fuzzed"),
        "form": lambda body: ContractForm.from_json(body, key="fuzzed"),
        "deployment": lambda body: Deployment.from_json(body, key="fuzzed"),
    }
    for name, reader in readers.items():
        try:
            value = reader(data)
        except InvalidData:
            continue
        again = reader(value.to_json())  # type: ignore[attr-defined]
        assert again == value, f"a {name} that is read back as another"


# ---------------------------------------------------------------- contracts


def read_contract(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        Path(folder, "fuzzed.yaml").write_bytes(data)
        load(Path(folder), today=NOW.date())


def _written_contracts() -> Iterator[bytes]:
    for folder in (CONTRACTS, ROOT / "contracts", ROOT / "contracts/examples"):
        yield from (file.read_bytes() for file in sorted(folder.glob("*.yaml")))


TARGETS: Mapping[str, Target] = {
    "objects": Target(read_object, _stored("*/ingest/*.jsonl.gz")),
    "lines": Target(read_lines, _lines),
    "events": Target(read_event, _messages),
    "points": Target(read_points, _messages, (ValueError,)),
    "repair_messages": Target(read_repair_message, _messages),
    "answers": Target(read_answer, _answers),
    "metadata": Target(read_metadata, _metadata),
    "footers": Target(read_footer, _footers),
    "parquet": Target(read_parquet, _stored("*/_data/*.parquet")),
    "pointers": Target(read_pointer, _stored("*/symlink.txt")),
    "proofs": Target(
        read_proof, _stored("*/warehouse/**/_certificates/**/*.json", "*/warehouse/**/_contracts/**/*.json")
    ),
    "contracts": Target(read_contract, _written_contracts),
}

"""Stored objects as texts that a reviewer can read, and as an archive; what differs, told shortly."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.support.lake import MemoryLake

HERE = Path(__file__).parent
EXPECTED, ARCHIVE = HERE / "expected", HERE / "lake.tar.gz"
REMEDY = "Was a stored form changed on purpose? Then: python -m tests.stored_forms, and say why in the commit"
METADATA = "starmend-"  # how all names of our metadata begin
_FORM = re.compile(r',"form":"[0-9a-f]{16}"')
_MOST = 12  # lines of a difference


@dataclass(frozen=True)
class Kept:
    """An object as a bucket keeps it: its body, the user's metadata, and when it was written (epoch seconds)."""

    body: bytes
    metadata: Mapping[str, str]
    modified: int


def objects_of(lake: MemoryLake) -> dict[str, Kept]:
    """Every object of both buckets: ``ingest/<key>`` and ``warehouse/<key>``."""
    found: dict[str, Kept] = {}
    for name, store in (("ingest", lake.ingest), ("warehouse", lake.records)):
        for listed in store.list(""):
            stored = store.read(listed.key)
            assert stored is not None
            found[f"{name}/{listed.key}"] = Kept(stored.body, stored.stat.metadata, _seconds(listed.modified))
    modified = lake.partitions.modified
    for key, body in lake.partitions.objects.items():
        found[f"warehouse/{key}"] = Kept(body, {}, _seconds(modified[key]))
    return found


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def as_text(kept: Kept) -> str:
    """What an object is: texts as they are, the others by their hash, footer and rows."""
    body = kept.body
    told = "".join(f"{name}: {value}\n" for name, value in sorted(kept.metadata.items()))
    if body[:4] == b"PAR1":
        return told + _head("Parquet", body) + _parquet(body)
    if body[:2] == b"\x1f\x8b":
        return told + _head("gzip", body) + gzip.decompress(body).decode("utf-8", "backslashreplace")
    return told + body.decode("utf-8")


_OF_BYTES = ("Parquet, ", "starmend.digest", "starmend.seal", "starmend.recent")


def beside_compression(kept: Kept) -> Kept:
    """The object with what of it no codec decides: of Parquet columns, rows, and the footer but for digest and seal.

    Nor the form of the columns, which footers did not say when the archive was made, and not the marks of what is
    merged, which did not count an object's rows then.
    """
    if kept.body[:4] != b"PAR1":
        return kept
    lines = [
        line for line in as_text(kept).splitlines() if not line.startswith(_OF_BYTES)
    ]  # fmt: skip
    return replace(kept, body=_FORM.sub("", "\n".join(lines)).encode())


def _head(kind: str, body: bytes) -> str:
    return f"{kind}, {len(body)} bytes, SHA-256 {hashlib.sha256(body).hexdigest()}\n"


def _parquet(body: bytes) -> str:
    """Schema, the files' own key-value metadata, and the rows in stored order."""
    file = pq.ParquetFile(pa.BufferReader(body))
    lines = ["columns " + ", ".join(f"{one.name}: {one.type}" for one in file.schema_arrow)]
    described = {name: value for name, value in (file.metadata.metadata or {}).items() if name != b"ARROW:schema"}
    for name, value in sorted(described.items()):
        lines += [f"{name.decode()}.{field}: {_short(told)}" for field, told in json.loads(value).items()]
    rows = file.read().to_pylist()
    lines += [json.dumps([*row.values()], default=str, ensure_ascii=False, separators=(",", ":")) for row in rows]
    return "\n".join(lines) + "\n"


def rendered(text: str, *, whole: bool) -> str:
    """The rendered contracts: their hash, and part by part a line; where not ``whole``, of the larger ones the hash."""
    document = json.loads(text)
    lines = [f"{len(text)} characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()}"]
    for name, part in document.items():
        parts = part.items() if isinstance(part, dict) else [("", part)]
        is_told = whole or name not in ("catalog", "views", "model")
        lines += [f"{name}.{one}: {_short(told) if is_told else _hash_of(told)}" for one, told in parts]
    return "\n".join(lines) + "\n"


def _short(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _hash_of(value: object) -> str:
    return f"SHA-256 {hashlib.sha256(_short(value).encode()).hexdigest()}"


def unpacked(archive: Path = ARCHIVE) -> dict[str, Kept]:
    """The objects of the archive by name."""
    found: dict[str, Kept] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            metadata = {name: value for name, value in member.pax_headers.items() if name.startswith(METADATA)}
            found[member.name] = Kept(content.read(), metadata, int(member.mtime))
    return found


def read_expected() -> dict[str, str]:
    """The texts of the last time."""
    return {
        str(path.relative_to(EXPECTED)): path.read_bytes().decode() for path in EXPECTED.rglob("*") if path.is_file()
    }


def write_expected(texts: Mapping[str, str]) -> None:
    """From now on these are the stored forms. The archive stays: lakes that were made before hold what it holds."""
    for path in [path for path in EXPECTED.rglob("*") if path.is_file()]:
        path.unlink()
    for name, text in texts.items():
        path = EXPECTED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    for folder in sorted((path for path in EXPECTED.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Of what differs the first lines that do; what is gone, and what is new."""
    both = sorted(expected.keys() & found.keys())
    changed = [name for name in both if expected[name] != found[name]]
    told = [f"differs: {name}\n{_first_lines(expected[name], found[name])}" for name in changed]
    told += [f"gone: {name}" for name in sorted(expected.keys() - found.keys())]
    return told + [f"new: {name}" for name in sorted(found.keys() - expected.keys())]


def _first_lines(before: str, after: str) -> str:
    pairs = _pairs(before.splitlines(), after.splitlines())
    lines = [f"  - {_around(old, new)}\n  + {_around(new, old)}" for old, new in pairs if old != new]
    return "\n".join(lines[: _MOST // 2]) or "  only line breaks at the end differ"


def _pairs(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    length = max(len(before), len(after))
    filled = [some + [""] * (length - len(some)) for some in (before, after)]
    return list(zip(*filled, strict=True))


def _around(line: str, other: str) -> str:
    """The part of a long line in which it begins to differ."""
    first = next((place for place, (a, b) in enumerate(zip(line, other, strict=False)) if a != b), 0)
    start = max(0, first - 60)
    return ("..." if start else "") + line[start : start + 160]

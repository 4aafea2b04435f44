"""Names of a partition's pointer and of its immutable objects.

A partition is named by its table's folder and its path below it: ``fact_quote/symbol=AAPL/month=2026-11``, or only
``dim_staff`` where there is one partition. The folder of a later generation of a table is its name, a dot and a hash
(``core.evolution.generations``). In the warehouse bucket that is

- ``warehouse/<partition>/symlink.txt``: the pointer, one line ``s3://<bucket>/<object key>`` and a newline;
- ``warehouse/_data/<partition>/v<version, 12 digits>-<32 hex digits>.parquet``: the objects.

A name is never given twice, so that a pointer never has the same content twice and its ETag is that of one commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.errors import BrokenPointer, LostCommit, PipelineBug
from core.ports import ObjectInfo

ROOT = "warehouse/"
DATA_ROOT = "warehouse/_data/"
POINTER_NAME = "symlink.txt"
_OBJECT = re.compile(r"(?P<folder>.*/)?v(?P<version>\d{12})-(?P<unique>[0-9a-f]{32})\.parquet")
_LARGEST = 10**12 - 1


@dataclass(frozen=True, slots=True)
class ObjectName:
    """An object's key, parsed; ``partition`` is empty where the key has no folders."""

    partition: str
    version: int
    unique: str


def partition_of(table: str, path: str) -> str:
    """The partition of a table and a path below it; an empty path is the table's only partition."""
    return f"{table}/{path}" if path else table


def table_of(partition: str) -> str:
    """The name of the table that a partition is of, whichever generation of it."""
    return partition.partition("/")[0].partition(".")[0]


def pointer_key(partition: str) -> str:
    """The key of a partition's pointer."""
    return f"{ROOT}{partition}/{POINTER_NAME}"


def data_prefix(partition: str) -> str:
    """The folder of a partition's objects."""
    return f"{DATA_ROOT}{partition}/"


def object_name(version: int, unique: str) -> str:
    """The name within the partition's data folder. ``unique`` is 32 hex digits, never used before."""
    name = f"v{version:012d}-{unique}.parquet"
    if not 0 < version <= _LARGEST or not _OBJECT.fullmatch(name):
        raise PipelineBug("name object", name, "is no version and 32 hex digits")
    return name


def object_key(partition: str, name: str) -> str:
    """The key of a partition's object."""
    return f"{DATA_ROOT}{partition}/{name}"


def parse_object(key: str) -> ObjectName | None:
    """Read a key (or a bare name) back; None where it is not an object's."""
    match = _OBJECT.fullmatch(key)
    if not match:
        return None
    folder = match["folder"] or ""
    return ObjectName(folder.removeprefix(DATA_ROOT).rstrip("/"), int(match["version"]), match["unique"])


def objects_among(partition: str, listing: Iterable[ObjectInfo]) -> list[str]:
    """The keys in a listing that are those of the partition's objects."""
    return [info.key for info in listing if (name := parse_object(info.key)) and name.partition == partition]


def version_of(key: str) -> int:
    """The version in an object's key; raises ``PipelineBug`` on a key that no commit made."""
    name = parse_object(key)
    if name is None:
        raise PipelineBug(
            "read pointer", key, "points to no object of a commit", "restate the partition: starmend rebuild"
        )
    return name.version


def pointer_body(bucket: str, key: str) -> bytes:
    """The content of a pointer to the object of this key."""
    return f"s3://{bucket}/{key}\n".encode()


def parse_pointer(body: bytes, *, bucket: str, place: str, partition: str = "", etag: str = "") -> str:
    """The object key that a pointer names.

    Raises ``BrokenPointer`` where it does not point into ``bucket``, or to no object of the ``partition`` (if given).
    """
    prefix = f"s3://{bucket}/"
    text = body.decode("utf-8", "replace").strip()
    if not text.startswith(prefix) or "\n" in text:
        problem = f"is not one line that starts with {prefix}: {text[:200]!r}"
        raise BrokenPointer("read pointer", place, problem, remedy_of(partition), etag)
    key = text.removeprefix(prefix)
    name = parse_object(key)
    if partition and (name is None or object_key(partition, key.rpartition("/")[2]) != key):
        problem = f"points to no object of a commit of {partition}: {text[:200]!r}"
        raise BrokenPointer("read pointer", place, problem, remedy_of(partition), etag)
    return key


def remedy_of(partition: str) -> str:
    """What to do where a partition has to be made again."""
    if partition.startswith("_"):
        return "Rebuild a dimension that is made of it: starmend rebuild TABLE"
    path = partition.partition("/")[2]
    return f"Rebuild it: starmend rebuild {table_of(partition) or 'TABLE'}" + (f" --partition {path}" if path else "")


def lost_pointer(partition: str, objects: Sequence[str]) -> LostCommit | None:
    """The error of a partition without a pointer whose ``objects`` prove that it had one; None where they do not.

    A first commit writes an object numbered 1 and then the pointer, so that one may be there before the pointer is. One
    with a greater number was made on top of a pointer.
    """
    last = max((version_of(key) for key in objects), default=0)
    if last < 2:
        return None
    problem = f"its pointer is gone, for there are objects up to version {last}"
    return LostCommit("read pointer", partition, problem, remedy_of(partition))

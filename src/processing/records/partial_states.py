"""Partial current states: what a rebuild has read so far that no function has the time for at once.

``audit/rebuilding/<folder>.arrow`` holds the newest version of each row that the objects read so far gave, and which
objects these were. A memory, not the truth: lost, altered, or of another contract or release, the rebuild begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from core.json import UNREADABLE, canonical_text
from core.ports import ObjectReader, ObjectWriter
from core.typed import typed

ROOT = "audit/rebuilding/"
_ABOUT = b"starmend"


@dataclass(frozen=True, slots=True)
class ReadObject:
    """An ingest object that was read: ``rows`` it gave; ``lines`` were rejected, or it was ``halted``, if any."""

    key: str
    etag: str
    rows: int = 0
    lines: int = 0
    halted: str = ""


@dataclass(frozen=True, slots=True)
class PartialState:
    """The ``objects`` that were read under a contract by a release (``by``), and the ``rows`` that they gave."""

    by: str
    objects: tuple[ReadObject, ...]
    rows: pa.Table


def read_partial(store: ObjectReader, folder: str, *, by: str) -> PartialState | None:
    """What was read of a folder's current state by the same; None where nothing that can be gone on with."""
    stored = store.read(_key(folder))
    if stored is None or not stored.body:
        return None
    try:
        rows = pa.ipc.open_stream(stored.body).read_all()
        about = json.loads(rows.schema.metadata[_ABOUT])
        objects = tuple(typed(ReadObject(*each)) for each in about["objects"])
    except (pa.ArrowInvalid, OSError, *UNREADABLE):
        return None
    return PartialState(by, objects, rows.replace_schema_metadata(None)) if about["by"] == by else None


def keep_partial(store: ObjectWriter, folder: str, partial: PartialState) -> None:
    """Keep it for the next run, in place of what was kept before."""
    objects = [[each.key, each.etag, each.rows, each.lines, each.halted] for each in partial.objects]
    about = canonical_text({"by": partial.by, "objects": objects})
    rows = partial.rows.replace_schema_metadata({_ABOUT: about.encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    store.write(_key(folder), sink.getvalue().to_pybytes(), content_type="application/vnd.apache.arrow.stream")


def end_partial(store: ObjectWriter, folder: str) -> None:
    """The state is made: nothing is to be gone on with."""
    store.write(_key(folder), b"", content_type="application/vnd.apache.arrow.stream")


def is_as_read(objects: Sequence[ReadObject], there: dict[str, str]) -> bool:
    """Whether all objects that were read are still there with the same bytes (ETags by key)."""
    return all(there.get(each.key) == each.etag for each in objects)


def _key(folder: str) -> str:
    return f"{ROOT}{folder}.arrow"

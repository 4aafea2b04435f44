"""A question to processing: which star rows do these lines of ingest objects give, and its answer.

The auditor holds them against what the star has. The rows travel as Parquet objects below the run, one for each table
and partition, with the columns of the stored table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.contract.codec import from_data, to_data

RESHAPE = "reshape_lines"


@dataclass(frozen=True, slots=True)
class ReshapeLines:
    """The question: at most ``lines`` of each object of a source table, chosen by the ``seed``.

    The rows of at most ``parts`` partitions of each table are written, drawn by how many rows of the sample they have,
    to objects whose keys begin with ``target``. ``contract`` is the hash of the one that audits the star (empty:
    any); while a deployment goes on, processing may go by another.
    """

    dataset: str
    table: str
    objects: tuple[str, ...]
    lines: int
    parts: int
    seed: str
    target: str
    contract: str = ""


@dataclass(frozen=True, slots=True)
class ReshapedPart:
    """Rows of one partition (``path``) of a table (its ``folder``), in the ``object`` of this key."""

    folder: str
    path: str
    object: str
    rows: int


def reshaping_to_data(question: ReshapeLines) -> dict[str, Any]:
    """A question as JSON-ready data."""
    return {"kind": RESHAPE, **to_data(question)}


def reshaping_from_data(data: Mapping[str, Any]) -> ReshapeLines:
    """Read what ``reshaping_to_data`` gave. Raises ``ValueError`` where it is no such question."""
    return from_data(  # type: ignore[no-any-return]
        ReshapeLines, {name: value for name, value in data.items() if name != "kind"}
    )


def parts_to_data(parts: Sequence[ReshapedPart]) -> dict[str, Any]:
    """An answer as JSON-ready data."""
    return {"parts": to_data(list(parts))}


def parts_from_data(answer: Mapping[str, Any]) -> tuple[ReshapedPart, ...]:
    """Read what ``parts_to_data`` gave."""
    return tuple(from_data(ReshapedPart, part) for part in answer["parts"])

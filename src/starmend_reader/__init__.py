"""Starmend's tables for analysts: through their pointers into pandas, Polars, DuckDB and Arrow, now or as they were.

``read`` and ``connect`` are all that is needed; every error is a ``StarmendError`` that says what to do next.
"""

from core.errors import StarmendError
from starmend_reader.errors import NotKept, NotProven
from starmend_reader.lake import Lake, connect, read
from starmend_reader.relations import Relation
from starmend_reader.rows import Rows

__all__ = ["Lake", "NotKept", "NotProven", "Relation", "Rows", "StarmendError", "connect", "read"]

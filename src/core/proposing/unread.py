"""Columns of a source table that a proposal does not read, and why of each."""

from __future__ import annotations

import re
from collections.abc import Collection

from core.contract.model import RESERVED
from core.sources.catalog import CatalogColumn, CatalogTable

_SECRET = re.compile(
    r"(^|_)(password|passwd|pwd|secret|token|api_?key|private_?key|salt|iban|ssn|cvv|pin|"
    r"(card|account|acc|ac)_(number|no|nr))(_|$)"
)
_UNREAD = {"bytea": "binary", "tsvector": "an index of words", "tsquery": "an index of words", "xml": "XML"}


def unread(table: CatalogTable, needed: Collection[str]) -> dict[str, str]:
    """Why each column is left where it is, by name; ``needed`` are those of the key and the clocks.

    Of names that differ in capitals alone, which are one to the catalog, the first is read, or the one that is needed.
    """
    reasons = {column.name: "" if column.name in table.key else _why_not(column) for column in table.columns}
    first: dict[str, str] = {}
    for name in sorted(reasons, key=lambda each: each not in needed):
        if not reasons[name] and (other := first.setdefault(name.casefold(), name)) != name:
            reasons[name] = f"to the catalog its name is that of {other}"
    return {name: why for name, why in reasons.items() if why}


def nameless(name: str) -> bool:
    """Whether no star table can take a column of this name: it would be read as one of a joined table."""
    return "." in name or name.lower().startswith(RESERVED)


def _why_not(column: CatalogColumn) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.name).lower()
    if not column.readable:
        return "this role may not read it"
    if column.stated in _UNREAD:
        return f"{_UNREAD[column.stated]}: nothing to ask in SQL"
    if "." in column.name:
        return "its name has a dot, which would be a joined table's: read it through a view that names it otherwise"
    if nameless(column.name):
        return "names that begin so are the pipeline's"
    if _SECRET.search(words):
        return "looks like a secret: it stays where it is unless somebody asks for it"
    return ""

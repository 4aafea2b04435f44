"""Names for what is proposed: those that a contract takes, each given once."""

from __future__ import annotations

import re

LONGEST = 63
_OFTEN_LAST = re.compile(r"_?(id|key|code|no|nr|num|number|uuid|guid)$")


def plain_name(text: str) -> str:
    """A name as a contract writes one: small letters, digits and _ after a letter."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    plain = re.sub(r"[^a-z0-9_]+", "_", parted.lower()).strip("_")
    return (plain if plain[:1].isalpha() else f"n_{plain}".rstrip("_"))[:LONGEST]


def unused(name: str, used: set[str]) -> str:
    """The name, with a number behind it where it is used already; it is used from then on."""
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = f"{name[: LONGEST - 1 - len(str(number))]}_{number}"
    used.add(candidate)
    return candidate


def without_id(name: str) -> str:
    """What a reference is of: ``legal_address`` of ``legal_address_id``."""
    return _OFTEN_LAST.sub("", name) or name


def one_of_many(name: str) -> str:
    """A table's name for one of its rows, in words: ``sales order`` of ``sales_orders``."""
    words = name.replace("_", " ")
    if words.endswith("ies"):
        return f"{words[:-3]}y"
    return words[:-1] if re.search(r"[^suc]s$", words) else words

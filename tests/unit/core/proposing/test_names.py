"""Names of a proposal: whatever the columns of a source are called, its own check takes what is proposed."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.proposed import loaded

from core.contract.model import Take
from core.proposing.database import propose
from core.sources.catalog import SESSION, CatalogColumn, CatalogTable, Reference, ServerFacts, SourceType

TODAY = dt.date(2026, 11, 30)
TYPES = {"int": SourceType("integer", 32), "text": SourceType("text"), "timestamp": SourceType("wall")}
CLOCKS = (("createdAt", "updatedAt"), ("created_at", "updated_at"), ("CREATED_AT", "Updated_At"))
# What the pipeline keeps for itself, what it derives from others, and what differs in capitals alone.
NAMES = (
    "deletedAt", "deleted_at", "DELETED_AT", "DeletedAt", "checkedAt", "checked_at", "Checked_At", "isLatest",
    "is_latest", "year", "Month", "DAY", "hour", "createdAt", "created_at", "createdDate", "created_time",
    "updatedDate",
    "order_record_id", "OrderRecordId", "starmendHash", "starmend_hash", "Starmend_List", "starmend_deleted_at",
    "StarmendDeletedAt", "source_deleted_at", "sourceDeletedAt", "id", "ID", "userId", "user_id", "a.b", "token_id",
    "x y", "x-y", "é",
)  # fmt: skip
KEYS = ("id", "Id", "userId", "deletedAt", "year", "isLatest", "starmendHash", "a.b")


def column(name: str, kind: str = "text", *, nullable: bool = True, zones: tuple[str, ...] = ()) -> CatalogColumn:
    return CatalogColumn(name, TYPES[kind], kind, nullable, zones=zones)


def table(name: str, key: str, columns: list[CatalogColumn], *references: Reference) -> CatalogTable:
    names = dict.fromkeys(each.name for each in columns)
    unique = [next(each for each in columns if each.name == name) for name in names]
    return CatalogTable(
        "public", name, f"public.{name}", "table", tuple(unique), (key,), ((key,),), ((key,),), references, rows=10
    )


def proposal(*tables: CatalogTable, timezone: str = "Europe/Berlin") -> str:
    server = ServerFacts("PostgreSQL 18", "shop", "reader", "UTF8", timezone, False, True)
    return propose("shop", "postgresql", server, tables, {}, today=TODAY)


def shop(
    clocks: tuple[str, str], key: str, others: list[str], reference: str = "user_id", **zones: tuple[str, ...]
) -> list[CatalogTable]:
    """Orders of users and of things, each with the same columns beside its own."""
    times = [column(name, "timestamp", nullable=False, zones=zones.get(name, ())) for name in clocks]
    more = [column(name, "timestamp" if name.lower().endswith("at") else "text") for name in others]
    ids = [
        column(key, "int", nullable=False),
        column(reference, "int"),
        column("thing", "int"),
        column("amount", "int"),
    ]
    order = [*times, *more, *ids, column("paid_on", "timestamp", nullable=False)]
    parents = [
        table("user", key, [*more, column(key, "int", nullable=False), *times]),
        table("thing", key, [*more, column(key, "int", nullable=False), *times]),
    ]
    to = [Reference((reference,), "public.user", (key,)), Reference(("thing",), "public.thing", (key,))]
    return [table("order", key, order, *to), *parents]


def stars(text: str) -> dict[str, Any]:
    warehouse: dict[str, Any] = yaml.safe_load(text)["warehouse"]
    return warehouse


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(CLOCKS), st.sampled_from(KEYS), st.lists(st.sampled_from(NAMES), max_size=12, unique=True),
    st.sampled_from(["user_id", "token_id", "USERID", "is_latest"]),
)  # fmt: skip
def test_whatever_columns_are_called_the_check_takes_what_is_proposed(
    clocks: tuple[str, str], key: str, others: list[str], reference: str
) -> None:
    tables = shop(clocks, key, [name for name in others if name not in (*clocks, key)], reference)
    if key == "a.b":
        tables.append(table("kept", "id", [column("id", "int", nullable=False)]))
    with tempfile.TemporaryDirectory() as folder:
        loaded(proposal(*tables), Path(folder))


@pytest.mark.parametrize(
    ("name", "own", "mark"),
    [
        ("deleted_at", "deleted_at", "starmend_deleted_at"),
        ("Deleted_At", "deleted_at", "starmend_deleted_at"),
        ("deletedAt", "source_deleted_at", "deleted_at"),
        ("checkedAt", "source_checked_at", "checked_at"),
        ("checked_at", "checked_at", "starmend_checked_at"),
    ],
)
def test_a_soft_delete_is_kept_beside_the_mark_of_the_pipeline(name: str, own: str, mark: str, tmp_path: Path) -> None:
    contract = loaded(proposal(*shop(CLOCKS[0], "id", [name])), tmp_path).dataset("shop")
    fact, dimension = (next(each for each in contract.tables if each.kind == kind) for kind in ("fact", "dimension"))
    taken = {
        each.rule.field: each.name for each in fact.columns if isinstance(each.rule, Take) and each.rule.form == "value"
    }
    assert (taken[name], taken[mark]) == (own, mark)
    assert mark in (fact.deleted, fact.checked)
    kept = {each.rule.field: each.name for each in dimension.columns if isinstance(each.rule, Take)}
    assert kept[name] == ("deleted_at" if "eleted" in name else "checked_at")  # a dimension has no marks


def test_two_columns_that_become_one_name_are_both_taken(tmp_path: Path) -> None:
    text = proposal(*shop(CLOCKS[0], "id", ["created_at", "deletedAt", "deleted_at"]))
    loaded(text, tmp_path)
    columns = stars(text)["fact_order"]["columns"]
    assert columns["created_at_2"]["from"] == "createdAt"
    assert columns["created_at"] == "timestamp"
    assert (columns["deleted_at"], columns["deleted_at_2"]["from"]) == ("timestamp", "deletedAt")
    assert "starmend_deleted_at" in columns


def test_of_names_that_differ_in_capitals_alone_the_needed_one_is_read() -> None:
    text = proposal(*shop(CLOCKS[0], "id", ["ID", "CREATEDAT"]))
    read = yaml.safe_load(text)["source"]["tables"]["order"]["columns"]
    assert {"id", "createdAt"} <= read.keys()
    assert not {"ID", "CREATEDAT"} & read.keys()
    assert "to the catalog its name is that of createdAt" in text


# ---------------------------------------------------------------- time zones


@pytest.mark.parametrize(
    ("created", "updated", "zone", "words"),
    [
        (("UTC",), (), "UTC", "the server writes UTC's into order.createdAt"),
        ((SESSION,), (), "Europe/Berlin", "which nothing says the applications use"),
        ((), (), "Europe/Berlin", "which nothing says the applications use"),
        (("UTC",), (SESSION,), "UTC", "but the session's (Europe/Berlin, unless it sets another) into order.updatedAt"),
        (("UTC",), ("Asia/Tokyo",), "UTC", "but Asia/Tokyo's into order.updatedAt"),
    ],
)
def test_a_default_that_names_a_zone_is_believed_and_one_that_disagrees_is_named(
    created: tuple[str, ...], updated: tuple[str, ...], zone: str, words: str
) -> None:
    text = proposal(*shop(CLOCKS[0], "id", [], createdAt=created, updatedAt=updated))
    assert yaml.safe_load(text)["source"]["timezone"] == zone
    assert words in " ".join(text.replace("#", "").split())

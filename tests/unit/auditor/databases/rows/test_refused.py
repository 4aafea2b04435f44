"""Refused rows: remembered by the hash of their content, each object of the quarantine read once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects

from auditor.databases.rows.refused import MOST_REMEMBERED, refused_key, refused_rows
from core.contract.model import HASH, HASH_LIST

FOLDER = "quarantine/dataset=shop/source_table=item/"


def reject(store: MemoryObjects, name: str, *rows: Any) -> None:
    lines = [
        {"object": f"repair/shop/item/{name}", "line": 1, "reason": "amount: 0 breaks > 0", "encoding": "utf-8"}
        | {"content": row if isinstance(row, str) else json.dumps(row)}
        for row in rows
    ]
    store.write(f"{FOLDER}{name}.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def hashes(store: MemoryObjects, contract: str = "c1") -> list[int]:
    refused = refused_rows(store, "shop", "item", contract)
    return [refusal.hash for refusal in refused.rows]


def test_rows_that_a_repair_brought_are_remembered_until_the_contract_changes() -> None:
    store = MemoryObjects()
    assert hashes(store) == []
    reject(store, "repair-1", {"id": 1, HASH_LIST: 1, HASH: -5})
    reject(store, "000000000001.jsonl.gz", {"id": 9, HASH_LIST: 1, HASH: 9})
    assert hashes(store) == [-5]
    reject(store, "repair-2", {"id": 2, HASH_LIST: 2, HASH: 7}, {"id": 3}, "no JSON", "[1]")
    assert hashes(store) == [-5, 7]
    refused = refused_rows(store, "shop", "item", "c1")
    assert refused.hashes(1).tolist() == [2**64 - 5]
    assert refused.reasons == ("amount: 0 breaks > 0",)
    assert hashes(store, "c2") == [], "another contract may take them"
    assert hashes(store, "c1") == [], "and they have to be fetched to be known again"


@pytest.mark.parametrize(
    "line",
    [
        b'{"object": "repair/shop/item/repair-2", "li',
        b"\xff\x00",
        b"[]",
        b"null",
        b'{"object": "repair/shop/item/repair-2", "line": 1, "reason": "", "encoding": "utf-8"}',
        b'{"content": {"starmend_list": 1, "starmend_hash": 6}, "encoding": "utf-8"}',
        b'{"content": "{\\"starmend_list\\": 1, \\"starmend_hash\\": 18446744073709551616}", "encoding": "utf-8"}',
        b'{"content": "{\\"starmend_list\\": [1], \\"starmend_hash\\": true}", "encoding": "utf-8"}',
        b"[" * 200_000,
    ],
    ids=range(9),
)
def test_a_line_of_the_quarantine_that_is_none_takes_no_other_with_it(line: bytes) -> None:
    """It ended the audits of all tables of the database."""
    store = MemoryObjects()
    reject(store, "repair-1", {HASH_LIST: 1, HASH: 5}, {HASH_LIST: 1, HASH: 7})
    first, second = (stored.body if (stored := store.read(f"{FOLDER}repair-1.jsonl")) else b"").splitlines()
    store.write(f"{FOLDER}repair-1.jsonl", b"\n".join([first, line, second]))
    assert refused_rows(store, "shop", "item", "c1").hashes(1).tolist() == [5, 7]
    assert hashes(store) == [5, 7], "as they are remembered"


@pytest.mark.parametrize("change", [{"hash": "x"}, {"hash": 2**63}, {"number": None}], ids=str)
def test_a_memory_with_what_is_no_hash_is_made_again(change: dict[str, Any]) -> None:
    store = MemoryObjects()
    reject(store, "repair-1", {HASH_LIST: 1, HASH: 5})
    row = {"number": 1, "hash": 5, "reason": "", "object": ""} | change
    memory = {"contract": "c1", "until": "z", "rows": [row]}
    store.write(refused_key("shop", "item"), json.dumps(memory).encode())
    assert hashes(store) == [5]


def test_a_memory_that_cannot_be_read_is_made_again_and_a_full_one_keeps_the_newest() -> None:
    store = MemoryObjects()
    reject(store, "repair-1", *({HASH_LIST: 1, HASH: number} for number in range(MOST_REMEMBERED + 1)))
    store.write(refused_key("shop", "item"), b"{")
    assert hashes(store) == list(range(1, MOST_REMEMBERED + 1))

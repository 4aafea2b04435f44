"""The chain of certificates: goes on after a crash, never forks, and shows every link that was touched."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace

import pyarrow as pa
import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.chains import draft
from tests.support.crashpoints import WAYS, Crash, Effects, Point

from auditor.evidence.chain import Chain
from auditor.proof.links import read_links
from core.audit.certificate import certificate_key, head_key
from core.errors import TransientFailure
from core.warehouse.canonical_rows import digest_rows


def problems(store: MemoryObjects) -> list[str]:
    return [failure.problem for failure in read_links(store, "quotes").failures]


def test_certificates_are_numbered_and_name_the_one_before() -> None:
    store = MemoryObjects()
    first, second = Chain(store, "quotes").issue([draft(14), draft(15)])
    assert (first.number, first.previous) == (1, "")
    assert (second.number, second.previous) == (2, first.hash)
    assert Chain(store, "quotes").head().hash == second.hash
    assert problems(store) == []


def test_the_same_claim_is_made_once() -> None:
    store = MemoryObjects()
    Chain(store, "quotes").issue([draft(14)])
    later = replace(draft(14), verified_at="2026-11-21T20:00:00Z", run="another")
    assert Chain(store, "quotes").issue([later]) == []


def test_another_claim_is_a_successor_that_says_what_changed() -> None:
    store = MemoryObjects()
    Chain(store, "quotes").issue([draft(14, present=58)])
    (successor,) = Chain(store, "quotes").issue([draft(14)])
    assert successor.replaces == 1
    assert successor.changed == {
        "present": [58, 60],
        "observed": [58, 60],
        "absent": [2, 0],
        "partitions": ["fact_quote/symbol=A"],
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_crash_anywhere_leaves_a_chain_that_goes_on(way) -> None:  # type: ignore[no-untyped-def]
    wanted = MemoryObjects()
    effects = Effects()
    Chain(effects.watch(wanted), "quotes").issue([draft(14), draft(15)])
    for number in range(len(effects.log)):
        store = MemoryObjects()
        with contextlib.suppress(Crash, TransientFailure):
            Chain(Effects(Point(number, way)).watch(store), "quotes").issue([draft(14), draft(15)])
        Chain(store, "quotes").issue([draft(14), draft(15)])
        assert {one.key: one.etag for one in store.list("")} == {one.key: one.etag for one in wanted.list("")}


def test_issuers_at_once_never_fork_the_chain() -> None:
    store = MemoryObjects()

    def issue(shift: int) -> None:
        Chain(store, "quotes").issue([draft((hour + shift) % 23) for hour in range(23)])

    threads = [threading.Thread(target=issue, args=(shift,)) for shift in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    links = read_links(store, "quotes")
    assert links.failures == []
    assert sorted(one.start for one in links.certificates) == sorted(draft(hour).start for hour in range(23))


def test_a_removed_head_is_named() -> None:
    store = MemoryObjects()
    Chain(store, "quotes").issue([draft(14)])
    store.delete([head_key("quotes")])
    assert problems(store) == [f"{head_key('quotes')} is missing"]


def test_the_last_certificate_put_in_place_of_another_is_named() -> None:
    store = MemoryObjects()
    Chain(store, "quotes").issue([draft(14), draft(15)])
    key = certificate_key("quotes", 2)
    stored = store.read(key)
    assert stored
    store.write(key, stored.body.replace(b'"late":0', b'"late":1'))
    assert problems(store) == [f"{key} is not the one that the head names"]


def test_rows_are_digested_by_what_they_say_and_not_by_how_they_lie() -> None:
    rows = pa.table({"a": pa.array([1, None, 3]), "b": ["x", "", None], "c": pa.array([True, None, False])})
    sliced = pa.concat_tables([rows, rows]).combine_chunks().slice(3)
    assert digest_rows(rows) == digest_rows(sliced)
    assert digest_rows(rows) == digest_rows(rows.set_column(1, "b", rows["b"].dictionary_encode()))
    assert digest_rows(rows) != digest_rows(rows.set_column(1, "b", pa.chunked_array([["x", None, ""]])))
    assert digest_rows(rows.slice(0, 1)) != digest_rows(rows.slice(2))


def test_the_digest_of_known_rows_never_changes() -> None:
    """Certificates live for years: a digest that moves with a library would break all of them."""
    rows = pa.table({"n": pa.array([1, 2], pa.int32()), "t": pa.array(["é", None])})
    assert digest_rows(rows) == "60c26471fe26920ba48782b6ab4b30b060146371f20cc377fd8ea036f8c3f20c"

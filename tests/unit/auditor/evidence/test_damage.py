"""What an audit's end sees of a damaged chain, and that it says nothing of a whole one, whatever happened to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.chains import draft

from auditor.evidence import damage
from auditor.evidence.chain import Chain
from auditor.proof.links import read_links
from core.audit.certificate import Head, certificate_key, head_key, ledger_key
from core.errors import StarmendError
from core.json import canonical_json

HOURS = 12


@pytest.fixture
def store() -> MemoryObjects:
    store = MemoryObjects()
    for hour in range(HOURS):
        Chain(store, "quotes").issue([draft(hour)])
    return store


def seen(store: MemoryObjects, run: str = "r") -> tuple[str, ...]:
    """What the end of an audit sees that certifies another window, and what one sees that certifies none."""
    chain, months = Chain(store, "quotes"), [(draft(hour).window, draft(hour).start) for hour in range(HOURS)]
    chain.issue([])
    return chain.damage(chain.entries(months), run=run)


def key(number: int) -> str:
    return certificate_key("quotes", number)


def alter(store: MemoryObjects, number: int) -> None:
    stored = store.read(key(number))
    assert stored is not None
    store.write(key(number), stored.body.replace(b'"present":60', b'"present":61'))


def cut_off(store: MemoryObjects) -> None:
    """The last two, with a head that says that there never were any."""
    before = Chain(store, "quotes").certificate(HOURS - 2)
    assert before is not None
    store.delete(map(key, (HOURS - 1, HOURS)))
    store.write(head_key("quotes"), canonical_json(asdict(Head(HOURS - 2, before.hash))))


DAMAGES: dict[str, tuple[Callable[[MemoryObjects], object], tuple[str, ...]]] = {
    "a removed certificate": (lambda store: store.delete([key(5)]), (f"{key(5)} is missing",)),
    "several": (
        lambda store: store.delete(map(key, (3, 5, 6, 7))),
        (f"{key(3)} is missing", f"{key(5)} and all up to 7 are missing"),
    ),
    "the first": (lambda store: store.delete([key(1)]), (f"{key(1)} is missing",)),
    "the last": (lambda store: store.delete([key(HOURS)]), (f"{key(HOURS)} is missing",)),
    "an altered certificate": (
        lambda store: alter(store, 4),
        (f"{key(4)} was written after 5, which does not name it: one of the two was altered",),
    ),
    "the last one, altered": (lambda store: alter(store, HOURS), (f"{key(HOURS)} is not the one that the head names",)),
    "what is none": (
        lambda store: store.write(key(7), b"garbage"),
        (f"{key(7)} was written after 8, which does not name it: one of the two was altered",),
    ),
    "an end that was cut off": (
        cut_off,
        tuple(
            f"{key(number)} is missing: a ledger names it, and the chain ends with {HOURS - 2}"
            for number in (HOURS - 1, HOURS)
        ),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_the_next_audit_sees_damage_of_the_newest_certificates_and_says_so_of_nothing_else(
    store: MemoryObjects, name: str
) -> None:
    assert seen(store) == ()
    damaging, problems = DAMAGES[name]
    damaging(store)
    assert sorted(seen(store)) == sorted(problems)
    Chain(store, "quotes").issue([draft(HOURS + 1)])
    if name != "an end that was cut off":
        assert read_links(store, "quotes").failures != []
    assert Chain(store, "quotes").head().number > HOURS - 2, "the chain goes on"


def test_damage_of_older_certificates_is_seen_in_the_course_of_several_audits(
    store: MemoryObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "NEWEST", 3)
    monkeypatch.setattr("auditor.evidence.chain.NEWEST", 3)
    assert {seen(store, str(run)) for run in range(50)} == {()}
    store.delete([key(3)])
    alter(store, 6)
    told = {problem for run in range(50) for problem in seen(store, str(run))}
    assert told == {
        f"{key(3)} is missing",
        f"{key(6)} was written after 7, which does not name it: one of the two was altered",
    }


def test_a_ledger_of_an_old_month_that_is_none_is_seen_by_an_audit_that_has_no_window_of_it(
    store: MemoryObjects,
) -> None:
    old, other = ledger_key("quotes", "2025-03"), ledger_key("quotes", "2025-04")
    store.write(old, b"[]")
    problem = "is no ledger: delete it, then starmend heal --full certifies the windows of its month anew"
    assert seen(store) == (f"{old} {problem}",)
    store.delete([old])
    assert seen(store) == ()
    store.write(other, b'{"format": 1, "windows": 7, "and": "more"}')
    assert {seen(store, str(run)) for run in range(20)} == {(), (f"{other} {problem}",)}


def test_certificates_that_were_brought_back_from_a_copy_are_no_damage(store: MemoryObjects) -> None:
    """Their times say nothing then, and their hashes everything."""
    for number in range(HOURS, 0, -1):
        stored = store.read(key(number))
        assert stored is not None
        store.write(key(number), stored.body)
    assert seen(store) == ()


def test_a_chain_that_cannot_go_on_says_where_it_is_told_what_to_do(store: MemoryObjects) -> None:
    store.write(head_key("quotes"), canonical_json(asdict(Head(3, "x"))))
    store.delete([key(5)])
    with pytest.raises(StarmendError, match=r"Put it back as it was: the runbook \(broken-chain\) says how"):
        Chain(store, "quotes").issue([])

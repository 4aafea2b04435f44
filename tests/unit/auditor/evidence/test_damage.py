"""What an audit's end sees of a damaged chain, and that it says nothing of a whole one, whatever happened to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.chains import draft

from auditor.evidence import damage
from auditor.evidence.chain import Chain
from auditor.evidence.outstanding import Outstanding
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
    return chain.damage(chain.entries(months), run=run).problems


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


@pytest.mark.parametrize(
    ("numbers", "seen_amiss"),
    [(range(2, 3), ((2, 2),)), (range(2, 6), ((2, 2), (4, 5)))],  # of 3, whose successor is gone, nobody can tell
)
def test_what_was_damaged_is_looked_at_by_every_audit_until_it_is_whole(
    store: MemoryObjects, monkeypatch: pytest.MonkeyPatch, numbers: range, seen_amiss: tuple[tuple[int, int], ...]
) -> None:
    """Whatever is drawn, and however few of them an audit looks at again."""
    for name, most in (("NEWEST", 3), ("READ", 2), ("AGAIN", 2)):
        monkeypatch.setattr(damage, name, most)
    monkeypatch.setattr("auditor.evidence.chain.NEWEST", 3)
    bodies = {number: stored.body for number in numbers if (stored := store.read(key(number)))}
    for number in numbers:
        alter(store, number) if number % 2 else store.delete([key(number)])
    old = ledger_key("quotes", "2025-03")
    store.write(old, b'{"format": 1, "windows": 7, "and": "more"}')
    known, is_open = Outstanding(), []

    def audit(run: int) -> Outstanding:
        chain = Chain(store, "quotes")
        chain.issue([])
        seen_now = chain.damage({}, run=f"run {run}", known=known)
        is_open.append(bool(seen_now.problems))
        return known.after(seen_now.looks, {})

    for run in range(40):
        known = audit(run)
    assert is_open == sorted(is_open), "once it was seen it is told by every audit"
    assert known.rooms == {"certificates": seen_amiss, "ledgers": ((202503, 202503),)}
    for number, body in bodies.items():
        store.write(key(number), body)
    store.delete([old])
    is_open.clear()
    for run in range(40, 50):
        known = audit(run)
    assert is_open == sorted(is_open, reverse=True)
    assert (is_open[-1], known.rooms) == (False, {})


def test_a_chain_that_was_begun_anew_is_not_damaged_where_the_old_one_was(store: MemoryObjects) -> None:
    store.delete(info.key for info in list(store.list("")))
    known = Outstanding(rooms={"certificates": ((3, 4), (9, 9))})
    for hour in range(2):
        Chain(store, "quotes").issue([draft(hour)])
    chain = Chain(store, "quotes")
    chain.issue([])
    damage_now = chain.damage({}, run="r", known=known)
    assert damage_now.problems == ()
    assert known.after(damage_now.looks, {}).rooms == {}

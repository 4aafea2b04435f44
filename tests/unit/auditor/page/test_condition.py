"""The conditions of a dataset, and the verdict over all of them."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditor.page.condition import LOOK_AT, STATES, WHOLE, Facts, banner, conditions

AUDITED = {"windows": 4, "certified": 4, "audited_at": 1000, "next_audit": 4600}


def states(**facts: Any) -> list[str]:
    return [condition.state for condition in conditions(Facts("quotes", **{**AUDITED, **facts}))]


def test_each_state_follows_from_what_is_known() -> None:
    assert states() == ["complete"]
    assert states(certified=3) == ["uncertified"]
    assert states(missing=3) == ["repairing"]
    assert states(missing=3, overdue=1) == ["late"]
    assert states(stale=("fact_quote",)) == ["late"]
    assert states(missing=3, overdue=3, alarms={"limited": 500}) == ["alarmed"]
    assert states(halts=1) == ["halted"]
    assert states(unplaced=7) == ["unplaced"]
    assert states(held=("fact_quote/a is held: why",)) == ["held"]
    assert states(held=("fact_quote/a is held: why",), missing=3) == ["held", "repairing"]
    assert states(canary=False) == ["canary_failed"]
    assert states(heard=False) == ["unheard", "complete"]
    assert states(silent_since=1000) == ["silent"]
    assert states(unresumed="resumed at noon, but not to the end") == ["late"]
    assert states(silent_since=1000, paused="paused since then by ann") == ["silent", "paused"]
    assert states(canary=True) == states(canary=None) == ["complete"]
    assert states(audited_at=None, windows=0, certified=0) == ["unaudited"]
    assert states(audited_at=None, windows=0, certified=0, unread=1) == states(unread=2) == ["unread"]


def test_a_pause_and_a_contract_that_changes_leave_the_rest_to_be_said_too() -> None:
    assert states(paused="paused since then by ann") == ["paused", "complete"]
    assert states(changes=("fact_quote: 14 of 36 months under the new contract",)) == ["outdated", "complete"]
    assert states(paused="paused since then by ann", missing=2) == ["repairing", "paused"]


def test_every_state_has_a_sign_and_words_on_the_page() -> None:
    words = (files("auditor.page") / "templates" / "words.js").read_text()
    assert [state for state in STATES if f"  {state}: [" not in words and f" {state}: [" not in words] == []


def test_a_condition_says_since_when_and_how_far() -> None:
    first = conditions(Facts("q", **AUDITED, changes=("fact_quote: 14 of 36 months under the new contract",)))[0]
    assert "14 of 36 months" in first.text
    alarmed = conditions(Facts("q", **AUDITED, alarms={"limited": 900, "broken": 700}))[0]
    assert (alarmed.since, alarmed.text) == (700, "2 alarms open: limited, broken")


def verdict(*datasets: dict[str, Any], unread: int = 0) -> Any:
    facts = [Facts(f"d{place}", **{**AUDITED, **given}) for place, given in enumerate(datasets)]
    return banner([(each, conditions(each)) for each in facts], unread=unread)


def test_the_banner_is_complete_only_where_every_dataset_is_whole_and_all_was_read() -> None:
    whole = verdict({"fine_since": 300}, {"fine_since": 400})
    assert (whole.complete, whole.title, whole.since) == (True, "Complete: all 2 datasets", 400)
    assert verdict({}, {}, unread=1).title.startswith("Nobody can tell")
    assert not verdict({}, {}, unread=1).complete
    assert verdict({}, {}, unread=1).state == "unread", "no green mark beside a verdict that nobody can give"
    partly = verdict({}, {"unread": 1})
    assert (partly.complete, partly.state, partly.title[:15]) == (False, "unread", "Nobody can tell")
    assert verdict({"missing": 1}, {"unread": 1}).title == "Not complete yet: 1 of 2 datasets on the way"
    assert not verdict().complete


def test_the_banner_says_that_nobody_hears_of_alarms() -> None:
    unheard = verdict({}, {"heard": False})
    assert unheard.complete
    assert [text.partition(":")[0] + text.partition(":")[2][:27] for text in unheard.doing] == [
        "d1 Nobody hears of alarms: no"
    ]
    assert "No mail could reach anybody" in verdict({"heard": False, "alarms": {"limited": 1}}).doing[0]


def test_the_banner_names_who_needs_somebody_since_when_and_what_is_being_done() -> None:
    found = verdict({}, {"missing": 4, "first_missing": 100}, {"halts": 2, "halted_since": 700})
    assert (found.state, found.title) == ("halted", "Not complete: 1 of 3 datasets needs somebody")
    assert (found.since, found.next_audit) == (700, 4600)
    assert [text.partition(":")[0] for text in found.doing] == ["d2"]
    waiting = verdict({}, {"missing": 4, "first_missing": 100})
    assert (waiting.title, waiting.since) == ("Not complete yet: 1 of 2 datasets on the way", 100)


FACTS = st.builds(
    dict,
    windows=st.integers(0, 3),
    certified=st.integers(0, 3),
    missing=st.integers(0, 3),
    overdue=st.integers(0, 1),
    alarms=st.dictionaries(st.sampled_from(("limited", "broken")), st.integers(0, 9)),
    halts=st.integers(0, 2),
    unplaced=st.integers(0, 2),
    stale=st.sampled_from(((), ("fact",))),
    held=st.sampled_from(((), ("fact/a is held: why",))),
    changes=st.sampled_from(((), ("1 of 2 months",))),
    paused=st.sampled_from(("", "paused")),
    unresumed=st.sampled_from(("", "resumed, but not to the end")),
    canary=st.sampled_from((None, True, False)),
    unread=st.integers(0, 1),
    audited_at=st.sampled_from((None, 5)),
    silent_since=st.sampled_from((None, None, 5)),
    heard=st.sampled_from((True, True, False)),
)


@given(st.lists(FACTS, min_size=1, max_size=4))
def test_whatever_is_known_nothing_that_is_missing_is_called_complete(datasets: list[dict[str, Any]]) -> None:
    found = [(facts, conditions(facts)) for given in datasets if (facts := Facts("d", **given))]
    for facts, said in found:
        assert said, "every dataset is in some state"
        order = [STATES.index(condition.state) for condition in said]
        assert order == sorted(set(order)), "the worst first, each once"
        names = {condition.state for condition in said}
        broken = facts.missing or facts.overdue or facts.alarms or facts.halts or facts.unplaced or facts.stale
        broken = broken or facts.unresumed or facts.held or facts.silent_since is not None
        is_known = facts.audited_at is not None and not facts.unread
        assert bool(broken or facts.canary is False or facts.changes or not is_known) == (said[0].state not in WHOLE)
        assert not ((broken or facts.unread) and "complete" in names)
        assert facts.certified < facts.windows or "uncertified" not in names
    assert banner(found).complete == all(said[0].state in WHOLE for _, said in found)
    assert (banner(found).state in LOOK_AT) == any(said[0].state in LOOK_AT for _, said in found)

"""The page and ``starmend status`` say the same of the same lake: complete, or not."""

from __future__ import annotations

import random

from auditor.page.condition import Facts, banner, conditions
from auditor.standing.standing import DatasetStanding, Standing, verdict


def test_the_page_and_the_status_agree_whatever_is_so() -> None:
    chance = random.Random(20)
    seen = set()
    for _ in range(500):
        pairs = [_dataset(chance, f"dataset_{number}") for number in range(chance.randint(1, 3))]
        unread = chance.random() < 0.1
        page = banner([(facts, conditions(facts)) for facts, _ in pairs], unread=int(unread))
        status = verdict([standing for _, standing in pairs], unread=["the freshness"] if unread else ())
        assert page.complete == status.complete, (pairs, page.title, status.text)
        assert page.complete == page.title.startswith("Complete")
        assert status.complete == (not status.text.startswith("incomplete"))
        seen.add(status.complete)
    assert seen == {True, False}


def _dataset(chance: random.Random, name: str) -> tuple[Facts, DatasetStanding]:
    """What is known of a dataset of one table, as either of them keeps it."""
    missing = chance.choice([0] * 6 + [3])
    overdue = min(missing, chance.choice([0, 2]))
    alarms = chance.choice([()] * 6 + [("limited",)])
    held = chance.choice([()] * 6 + [("a partition is held",)])
    stale = chance.choice([()] * 6 + [("fact_quote",)])
    changes = chance.choice([()] * 4 + [("fact_quote: 3 of 9 months under the new contract",)])
    paused = chance.choice(["", "paused since then by ann"])
    audited = chance.choice([1000] * 8 + [None])
    certified = chance.randint(3, 4)
    silent = chance.choice([None] * 6 + [audited])
    facts = Facts(
        name, windows=4, certified=certified, missing=missing, overdue=overdue, alarms=dict.fromkeys(alarms),
        held=held, stale=stale, changes=changes, paused=paused, audited_at=audited, silent_since=silent,
    )  # fmt: skip
    table = Standing(
        name, "quote", windows=4, certified=certified, missing=missing, audited_at=audited, held=held
    )  # fmt: skip
    return facts, DatasetStanding(
        name, (table,), alarms, stale=stale, changes=changes, paused=paused, silent_since=silent
    )

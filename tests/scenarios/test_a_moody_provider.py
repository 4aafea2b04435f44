"""A provider with moods: whatever it answers for a while, nothing is certified that is not so."""

from __future__ import annotations

import pytest
from tests.chaos.feeds import run_hours


@pytest.mark.parametrize("seed", [pytest.param(1, marks=pytest.mark.long), 4])
def test_some_hours_of_a_provider_with_moods_certify_nothing_wrong(seed: int) -> None:
    tally = run_hours(9, seed, calm=3)
    assert tally.wrong == []
    assert tally.answers > 20

"""Small databases of the faults that others' schemas showed: proposed, loaded, harmed, healed, compared by value."""

from __future__ import annotations

import pytest
from tests.support.foreign_schemas import SMALL, ForeignTally, tried
from tests.support.sources import shared_server

pytestmark = pytest.mark.database


@pytest.mark.parametrize("name", SMALL)
def test_what_others_designed_is_proposed_loaded_harmed_and_healed(name: str) -> None:
    tally = ForeignTally()
    tried(name, SMALL[name], tally, seed=23, server=shared_server())
    assert tally.faults == []
    assert tally.made == tally.found > 0
    assert tally.planted == tally.named > 0

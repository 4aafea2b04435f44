"""Rows of a database are found again whatever their key is made of."""

from __future__ import annotations

import pytest
from tests.support.zoo_keys import FEW, check

pytestmark = pytest.mark.database


def test_a_deleted_a_changed_a_late_and_an_untouched_row_each_end_right_by_keys_of_every_type() -> None:
    """The worst types; ``make chaos`` takes all of them, with seeds of its own."""
    check(20261129, FEW)


def test_times_in_keys_are_of_the_sources_own_clock() -> None:
    check(7, ["timestamp", "date_as_timestamp"], timezone="America/New_York")

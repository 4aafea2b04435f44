"""Certificates of a table's earlier generation stand until those of the later one cover the same time."""

from __future__ import annotations

import pytest

from core.audit.certificate import Certificate
from core.audit.overtaken import folders_in, speaking
from core.time import epoch

OLD, NEW = "fact_sale", "fact_sale.5c1d09e2"


def of(number: int, start: str, end: str, folder: str) -> Certificate:
    counts = dict.fromkeys(("expected", "present", "observed", "repaired", "late", "absent", "missing"), 0)
    return Certificate(
        dataset="shop",
        subject="fact_sale",
        number=number,
        previous="",
        start=f"{start}T00:00:00Z",
        end=f"{end}T00:00:00Z",
        contract="",
        calendar="",
        partitions={f"{folder}/month=2026-11": [1, "digest"]},
        digest="",
        verified_at="2026-12-02T00:00:00Z",
        run="",
        **counts,
    )


def names(*certificates: Certificate, since: str = "2026-11-01") -> list[int]:
    """The numbers of the certificates that speak."""
    newest = {each.window: each for each in certificates}
    return [newest[name].number for name in speaking(newest, since={"fact_sale": epoch(since)})]


MONTH = of(1, "2026-11-01", "2026-12-01", OLD)
EVER = of(1, "1970-01-01", "9999-12-31", OLD)
DAYS = [of(2 + day, f"2026-11-{day:02}", f"2026-11-{day + 1:02}", OLD) for day in range(2, 5)]
NEW_DAYS = [of(20 + day, f"2026-11-{day:02}", f"2026-11-{day + 1:02}", NEW) for day in range(1, 5)]


def test_windows_of_one_generation_all_speak() -> None:
    assert names(MONTH, *DAYS) == [1, 4, 5, 6]


def test_days_are_overtaken_by_their_month_and_not_before() -> None:
    assert names(*DAYS) == [4, 5, 6]
    month = of(9, "2026-11-01", "2026-12-01", NEW)
    assert names(*DAYS, month) == [9]
    assert names(*DAYS, of(3, "2026-11-01", "2026-12-01", NEW)) == [4, 5, 6, 3], "it is older than they are"


def test_a_window_without_bounds_is_overtaken_when_all_time_since_the_first_day_is_covered() -> None:
    assert names(EVER, *NEW_DAYS) == [21, 22, 23, 24]
    assert names(EVER, *NEW_DAYS[1:]) == [1, 22, 23, 24], "the first day is not certified anew"
    assert names(EVER, NEW_DAYS[0], *NEW_DAYS[2:]) == [1, 21, 23, 24], "nor the second"


def test_a_bounded_window_waits_for_its_end() -> None:
    whole = of(1, "2026-10-01", "2026-11-05", OLD)
    assert names(whole, *NEW_DAYS) == [21, 22, 23, 24]
    assert names(whole, *NEW_DAYS[:3]) == [1, 21, 22, 23]


@pytest.mark.parametrize(
    ("partition", "folder"),
    [
        ("fact_sale/month=2026-11", "fact_sale"),
        ("dim_staff", "dim_staff"),
        ("_current/staff", "_current/staff"),
        ("_current/staff.5c1d09e2", "_current/staff.5c1d09e2"),
    ],
)
def test_the_folder_of_a_partition(partition: str, folder: str) -> None:
    assert folders_in([partition]) == {folder}

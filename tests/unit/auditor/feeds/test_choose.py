"""The windows of a run: due ones in turn, open ones, and certified ones whose partitions have changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audited import CALENDAR, DATASET, FACT, HOUR, SYMBOLS, TWO, AuditedFeed, feed_contract, points_of

from auditor.audits import begin_audit, end_audit, open_audit
from auditor.feeds.choose import SWEPT_WINDOWS, FeedOrder, choose_windows, months_between, proven_again
from auditor.services import Limits
from auditor.state import OpenWindow, change_state, read_state
from auditor.windows import DAY, Scope, Window
from core.audit.findings import BrokenPartition
from core.contract.model import Contract, Contracts, Feed, Partition
from core.errors import UnknownTable
from core.evolution.deployments import record_deployment
from core.time import iso


def choose(lake: AuditedFeed, start: int | None = None, end: int | None = None) -> FeedOrder:
    return choose_windows(lake.services, DATASET, "run", Scope(lake.now, start, end))


def audit(lake: AuditedFeed, run: str) -> FeedOrder:
    """One audit without repairs."""
    begun = begin_audit(lake.services, DATASET, run, Scope(lake.now))
    begun.scan(attempt=0)
    end_audit(lake.services, begun, attempt=0)
    order = begun.order
    assert isinstance(order, FeedOrder)
    return order


def starts(order: FeedOrder) -> list[int]:
    return [window.start for window in order.windows]


def test_a_range_is_cut_where_points_are_not_owed_yet() -> None:
    lake = AuditedFeed(now=TWO + HOUR + 1_000)
    order = choose(lake, TWO + 600, TWO + 3 * HOUR)
    assert starts(order) == [TWO, TWO + HOUR]
    assert (order.start, order.end) == (TWO + 600, lake.now - 180 - 59)
    assert [order.has_all_of(window) for window in order.windows] == [False, False]
    assert not order.scheduled


def test_a_range_begins_where_the_first_of_the_facts_does() -> None:
    later = replace(FACT, since="2026-11-19", partition_by=(Partition("day", "minute", "day"),))
    latest = replace(later, name="fact_latest", since="2026-11-20")
    lake = AuditedFeed(feed_contract(tables=(latest, later)), now=TWO + HOUR)
    day = TWO // DAY * DAY
    assert choose(lake, day - 3 * DAY, day).start == day - DAY
    before = choose(lake, day - 3 * DAY, day - DAY)
    assert (before.windows, before.start, before.end) == ((), day - DAY, day - DAY)


def test_the_first_audit_begins_where_the_first_object_arrived_and_takes_what_a_run_may() -> None:
    lake = AuditedFeed(limits=Limits(workers=2, windows=3), now=TWO + 6 * HOUR + 200)
    lake.ingest.write(f"feeds/{DATASET}/2026/11/20/14/a.gz", b"")
    order = choose(lake)
    assert starts(order) == [TWO, TWO + HOUR, TWO + 2 * HOUR]
    assert order.frontier == TWO + 3 * HOUR
    few = replace(lake.services, limits=Limits(workers=2, points=2 * 180))
    assert len(choose_windows(few, DATASET, "run", Scope(lake.now)).windows) == 2


@pytest.mark.parametrize("contract", ["at its end", "half an hour later"])
def test_nothing_of_before_the_schedules_were_switched_on_is_owed_in_the_first_hours(contract: str) -> None:
    lake = AuditedFeed(feed_contract() if contract == "at its end" else owed_soon(), now=TWO + 2 * HOUR)
    record_deployment(lake.records, lake.services.contracts, DATASET, now=lake.now, collecting=True)
    for second in range(0, HOUR, 600):
        lake.now = TWO + 2 * HOUR + second
        assert set(starts(audit(lake, f"{second}"))) <= {TWO + 2 * HOUR}
    lake.now = TWO + 3 * HOUR + 200
    assert starts(audit(lake, "due")) == [TWO + 2 * HOUR]
    assert read_state(lake.records, DATASET).frontier == TWO + 3 * HOUR


def test_the_next_run_goes_on_behind_the_last_and_comes_back_to_what_is_open() -> None:
    lake = AuditedFeed(now=TWO + HOUR + 200)
    lake.put(points_of(TWO, TWO + HOUR - 60))
    assert starts(audit(lake, "first")) == [TWO]
    lake.now += HOUR
    lake.put(points_of(TWO + HOUR, TWO + 2 * HOUR))
    assert starts(audit(lake, "second")) == [TWO, TWO + HOUR]
    assert list(read_state(lake.records, DATASET).open) == [TWO]
    lake.now += HOUR
    lake.put(points_of(TWO + 2 * HOUR, TWO + 3 * HOUR))
    assert starts(choose(lake)) == [TWO, TWO + HOUR, TWO + 2 * HOUR]  # the second's partitions were committed to


def owed_soon() -> Contract:
    """A feed whose points are owed half an hour after they are over, while its windows are hours."""
    contract = feed_contract()
    assert isinstance(contract.source, Feed)
    return replace(contract, source=replace(contract.source, complete_within=1800))


def test_what_has_settled_of_the_next_window_is_audited_where_its_points_are_owed_before_it_ends() -> None:
    lake = AuditedFeed(owed_soon(), now=TWO + HOUR + 1_800)
    lake.put(points_of(TWO, TWO + HOUR + 1_500))
    order = choose(lake)
    assert starts(order) == [TWO, TWO + HOUR]
    assert order.end == lake.now - 180 - 59
    assert [order.has_all_of(window) for window in order.windows] == [True, False]
    assert order.frontier == TWO + HOUR, "it is due when it has ended, as ever"
    audit(lake, "first")
    state = read_state(lake.records, DATASET)
    assert (state.frontier, dict(state.open)) == (TWO + HOUR, {})
    assert starts(choose_windows_of(feed_contract(), now=lake.now)) == [TWO], "others wait for its end"


def choose_windows_of(contract: Contract, *, now: int) -> FeedOrder:
    lake = AuditedFeed(contract, now=now)
    lake.put(points_of(TWO, TWO + HOUR))
    return choose(lake)


def test_a_window_that_was_blamed_before_its_end_is_not_once_it_lacks_nothing() -> None:
    lake = AuditedFeed(owed_soon(), now=TWO + HOUR + 3_000)
    lake.put(points_of(TWO, TWO + HOUR + 120))
    audit(lake, "first")
    assert read_state(lake.records, DATASET).open[TWO + HOUR].causes == ("overdue",)
    lake.put(points_of(TWO, TWO + HOUR + 2_880))
    audit(lake, "second")
    assert read_state(lake.records, DATASET).open == {}


def test_a_certified_window_rests_until_its_partition_has_another_object() -> None:
    lake = AuditedFeed(now=TWO + HOUR + 200)
    lake.put(points_of(TWO, TWO + HOUR))
    audit(lake, "first")
    assert starts(choose(lake)) == []
    lake.put(points_of(TWO, TWO + HOUR, symbols=["ZM"]), provenance="late")
    assert starts(choose(lake)) == [TWO]


def test_certified_windows_of_the_last_days_are_read_again_in_turn_so_that_what_is_gone_or_altered_is_found() -> None:
    lake = AuditedFeed(now=TWO + HOUR + 200)
    lake.put(points_of(TWO, TWO + HOUR))
    audit(lake, "first")
    (name,) = (each for each in lake.partitions.history if each.startswith("fact_quote/symbol=AAPL"))
    lake.partitions.objects.pop(lake.partitions.history[name][-1])  # the pointer stays
    change_state(lake.records, DATASET, lambda state: replace(state, frontier=TWO + 40 * HOUR))
    lake.now = TWO + 40 * HOUR + 200
    begun = begin_audit(lake.services, DATASET, "second", Scope(lake.now))
    (finding,) = (each for each in begun.scan(attempt=0).findings if isinstance(each, BrokenPartition))
    assert "is missing" in finding.problem


@given(days=st.integers(1, 62))
def test_all_certified_windows_of_the_last_days_come_round_within_a_hundred_audits(days: int) -> None:
    windows = [Window(TWO + hour * HOUR, TWO + (hour + 1) * HOUR) for hour in range(24 * days)]
    read: set[Window] = set()
    for audit_number in range(97):
        now = windows[-1].end + (2 + audit_number) * DAY
        part = proven_again(windows, before=now, now=TWO + audit_number * HOUR)
        assert len(part) <= SWEPT_WINDOWS
        read.update(part)
    assert read == set(windows)


@pytest.mark.parametrize(("before", "now"), [(HOUR, 60), (60, HOUR)])
def test_absences_are_asked_for_again_in_windows_of_the_cadence_of_their_time(before: int, now: int) -> None:
    """A window of another length under the same name took the place of the certificate, and the day lost its own."""
    start = TWO // DAY * DAY
    lake = lake_of_cadences(before, now, changed=start + 3 * DAY)
    lake.now = start + 3 * DAY + HOUR
    change_state(lake.records, DATASET, lambda state: replace(state, frontier=start + 3 * DAY, rechecks={start: 1}))
    assert choose(lake).windows == (Window(start, start + (DAY if before == HOUR else HOUR)),)


def test_a_day_that_was_blamed_before_its_cadence_changed_is_audited_by_the_hours_that_it_has_since() -> None:
    """As a day beside its own hours each point was expected twice, and there but once."""
    start = TWO // DAY * DAY
    lake = lake_of_cadences(HOUR, 60, changed=start + 23 * HOUR)
    lake.put([(symbol, slot) for symbol in SYMBOLS for slot in range(start, start + 23 * HOUR, HOUR)])
    lake.put(points_of(start + 23 * HOUR, start + DAY))
    blamed = {start: OpenWindow(start + DAY, 3, ("overdue",))}
    change_state(lake.records, DATASET, lambda state: replace(state, frontier=start, open=blamed))
    lake.now = start + DAY + 600
    order = audit(lake, "after")
    assert starts(order) == [start + hour * HOUR for hour in range(24)]
    assert {window.end - window.start for window in order.windows} == {HOUR}
    assert read_state(lake.records, DATASET).open == {}


def test_a_day_that_was_blamed_and_has_no_first_hour_since_is_forgotten_with_its_hours_audited() -> None:
    start = TWO // DAY * DAY
    lake = lake_of_cadences(HOUR, 60, changed=start + 15 * HOUR, opens=start + 14 * HOUR)
    lake.put([(symbol, start + 14 * HOUR) for symbol in SYMBOLS])
    lake.put(points_of(start + 15 * HOUR, start + DAY))
    blamed = {start: OpenWindow(start + DAY, 3, ("overdue",))}
    change_state(lake.records, DATASET, lambda state: replace(state, frontier=start, open=blamed))
    lake.now = start + DAY + 600
    assert starts(audit(lake, "after"))[0] == start + 14 * HOUR
    assert read_state(lake.records, DATASET).open == {}


def lake_of_cadences(before: int, now: int, *, changed: int, opens: int = 0) -> AuditedFeed:
    """A lake whose feed owed a point every so many seconds before a time, and every so many since."""
    contract = feed_contract()
    assert isinstance(contract.source, Feed)
    contract = replace(contract, source=replace(contract.source, every=now, complete_within=7 * DAY))
    lake = AuditedFeed(contract)
    calendar = replace(CALENDAR, cadences=((changed, before),), segments=((opens, CALENDAR.covers_to),))
    lake.services = replace(lake.services, contracts=Contracts((contract,), calendars=(calendar,)))
    return lake


def test_a_stored_order_is_the_order() -> None:
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + HOUR))
    begun = begin_audit(lake.services, DATASET, "run", Scope(lake.now))
    assert open_audit(lake.services, "run").order == begun.order
    assert f"{FACT.name}/symbol=ZM/month=2026-11" in begun.order.to_data()["targets"]


def test_a_dataset_that_no_contract_names_is_refused() -> None:
    with pytest.raises(UnknownTable):
        choose_windows(AuditedFeed().services, "nothing", "run", Scope(TWO))


@given(start=st.integers(0, 2**31), length=st.integers(-10, 200 * 86_400))
def test_the_months_of_a_range_are_those_of_its_seconds(start: int, length: int) -> None:
    months = months_between(start, start + length)
    if length <= 0:
        assert months == []
        return
    seconds = [*range(start, start + length, 7_200), start + length - 1]
    assert months == sorted({iso(second)[:7] for second in seconds})

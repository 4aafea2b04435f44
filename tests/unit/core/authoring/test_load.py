"""A folder of contracts: read whole, and every problem of every file told."""

from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path

import pytest
from tests.support.contracts import GOOD, TODAY, changed, folder_of
from tests.support.feeds import ROOT

from core.authoring.load import examine, load
from core.authoring.problems import BadContracts
from core.contract.codec import content_hash


def test_a_contract_has_the_hash_of_its_resolved_form(tmp_path: Path) -> None:
    (contract,) = load(folder_of(tmp_path, GOOD), today=TODAY)
    assert len(contract.hash) == 64
    (again,) = load(folder_of(tmp_path, copy.deepcopy(GOOD)), today=TODAY)
    assert content_hash(contract) == content_hash(again)


def test_problems_of_all_files_are_told(tmp_path: Path) -> None:
    other = changed("dataset", "other", contract=changed("source/timezone", "Mars/Base"))
    (tmp_path / "lookups").mkdir()
    (tmp_path / "lookups" / "empty.csv").write_text("")
    folder = folder_of(tmp_path, changed("source/every", "often"), other)
    with pytest.raises(BadContracts) as refused:
        load(folder, today=TODAY)
    assert {problem.file for problem in refused.value.problems} == {"shop.yaml", "other.yaml", "lookups/empty.csv"}


def test_a_calendar_reaches_from_the_facts_first_day_to_the_end_of_next_year(tmp_path: Path) -> None:
    text = (ROOT / "tests/support/weather.yaml").read_text()
    (tmp_path / "weather.yaml").write_text(text)
    calendar = load(tmp_path, today=TODAY).calendar("always")
    bounds = [dt.datetime.fromtimestamp(at, dt.UTC).date() for at in (calendar.covers_from, calendar.covers_to)]
    assert bounds == [dt.date(2026, 1, 1), dt.date(2028, 1, 1)]


def test_a_calendar_that_does_not_reach_back_so_far_is_a_problem(tmp_path: Path) -> None:
    text = (ROOT / "tests/support/weather.yaml").read_text()
    text = text.replace("calendar: always", "calendar: XBOM").replace("since: 2026-01-01", "since: 1900-01-01")
    (tmp_path / "weather.yaml").write_text(text)
    (problem,) = [problem for problem in examine(tmp_path, today=TODAY)[1] if not problem.warning]
    assert problem.path == "source.calendar"
    assert "is not known from 1900-01-01 on" in problem.problem


def test_a_calendar_that_nobody_knows_is_answered_with_a_few_names(tmp_path: Path) -> None:
    text = (ROOT / "tests/support/weather.yaml").read_text().replace("calendar: always", "calendar: qqq")
    (tmp_path / "weather.yaml").write_text(text)
    (problem,) = [problem for problem in examine(tmp_path, today=TODAY)[1] if not problem.warning]
    assert "more" in problem.remedy
    assert len(problem.remedy) < 300


def test_a_cadence_that_no_session_meets_is_refused(tmp_path: Path) -> None:
    """Slots begin at midnight UTC; New York's exchange is closed then, and nothing would ever be expected."""
    text = (ROOT / "tests/support/weather.yaml").read_text()
    text = text.replace("calendar: always", "calendar: XNYS").replace("every: 1 hour", "every: 1 day")
    (tmp_path / "weather.yaml").write_text(text)
    (problem,) = [problem for problem in examine(tmp_path, today=TODAY)[1] if not problem.warning]
    assert problem.path == "source.every"
    assert "nothing would be expected" in problem.problem


def test_a_calendar_whose_holidays_are_known_to_a_day_is_covered_to_it_and_says_so(tmp_path: Path) -> None:
    text = (ROOT / "tests/support/weather.yaml").read_text().replace("calendar: always", "calendar: XSHG")
    (tmp_path / "weather.yaml").write_text(text)
    contracts, problems = examine(tmp_path, today=TODAY)
    (problem,) = [problem for problem in problems if problem.path == "source.calendar"]
    assert problem.warning
    assert "are known until 2026-12-31" in problem.problem
    assert dt.datetime.fromtimestamp(contracts.calendar("XSHG").covers_to, dt.UTC).date() == dt.date(2027, 1, 1)

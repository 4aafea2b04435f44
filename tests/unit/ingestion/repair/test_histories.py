"""Of several entities in one job each has an outcome of its own, and none stands in the way of its neighbours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.objects import MemoryObjects

from core.audit.history import Evidence, HistoryOutcome, HistoryRequest, KnownValue, Result
from core.audit.repair_jobs import (
    UNREACHED,
    Compare,
    FetchHistory,
    Repair,
    RepairJob,
    RepairOutcome,
    find_outcome,
    find_progress,
    job_key,
    outcome_key,
    read_job,
    write_asking,
    write_job,
)
from core.errors import OutOfReach, UnknownTable
from core.json import canonical_json
from ingestion.repair.job import RepairClients, TaskResult, carry_out

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
NAMES = ("A", "B", "C", "D", "E", "F")


class Provider:
    """Answers each entity as told, ``answered`` unless told otherwise; keeps whom it was asked for."""

    def __init__(self) -> None:
        self.results: dict[str, Result | Exception] = {}
        self.status = 403
        self.asked: list[str] = []

    def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = HistoryRequest.from_data(request)
        self.asked.append(asked.entity)
        result = self.results.get(asked.entity, "answered")
        if isinstance(result, Exception):
            raise result
        healed = ((asked.start, asked.end),) if result == "answered" else ()
        evidence = (Evidence("GET /history", self.status, "", ""),)
        return HistoryOutcome(result, healed, reason="" if healed else f"is {result}", evidence=evidence).to_data()


class Setting:
    def __init__(self) -> None:
        self.records, self.provider = MemoryObjects(), Provider()
        self.key = ""

    def give(self, *repairs: Repair) -> TaskResult:
        self.write(*repairs)
        return self.again()

    def write(self, *repairs: Repair) -> None:
        first, *others = repairs or [FetchHistory("quotes", name, ((0, 60),), 1) for name in NAMES]
        job = RepairJob("quotes", "r", first, tuple(others))
        self.key = write_job(self.records, job, attempt=1, number=0)

    def again(self) -> TaskResult:
        deleted: Any = None
        clients = RepairClients(self.records, self.provider, deleted, lambda: NOW, MemoryLog())
        return carry_out(clients, self.key)

    def outcomes(self) -> dict[str, tuple[str, str]]:
        """The result of each entity and of its only call."""
        outcome = find_outcome(self.records, self.key)
        assert outcome is not None
        entities = [getattr(repair, "entity", "") for repair in read_job(self.records, self.key).repairs]
        parts = [outcome.of(place) for place in range(len(entities))]
        assert {part.finished_at for part in parts} == {int(NOW.timestamp())}
        return {
            entity: (part.result, part.history[-1].outcome.result if part.history else "")
            for entity, part in zip(entities, parts, strict=True)
        }


@pytest.fixture
def setting() -> Setting:
    return Setting()


def test_the_faults_of_entities_are_their_own(setting: Setting) -> None:
    """Refused, broken, unknown to the contract and answered stay apart, whatever their neighbours are."""
    unknown = UnknownTable("fetch history", "quotes/D", "the contract names no such entity")
    setting.provider.results = {"A": "not_entitled", "B": "broken", "D": unknown}
    assert setting.give() == TaskResult("ProviderBroken", "is broken", {"asked": 5, "healed": 3, "absent": 0})
    assert setting.outcomes() == {
        "A": ("done", "not_entitled"),
        "B": ("done", "broken"),
        "C": ("done", "answered"),
        "D": ("failed", ""),
        "E": ("done", "answered"),
        "F": ("done", "answered"),
    }


@pytest.mark.parametrize(
    ("result", "status", "error"),
    [("limited", 429, "ProviderLimited"), ("secret_missing", 0, ""), ("not_entitled", 401, "")],
)
def test_what_no_neighbour_would_get_either_ends_the_job_and_names_whom_it_did_not_reach(
    setting: Setting, result: Result, status: int, error: str
) -> None:
    setting.provider.results, setting.provider.status = {"B": result}, status
    assert setting.give().error == error
    assert setting.provider.asked == ["A", "B"]
    rest = dict.fromkeys("CDEF", (UNREACHED, ""))
    assert setting.outcomes() == {"A": ("done", "answered"), "B": ("done", result), **rest}


def test_whoever_was_not_reached_comes_first_when_the_job_is_given_again(setting: Setting) -> None:
    """An entity that is limited whenever it is asked for keeps nobody waiting."""
    setting.provider.results = {"A": "limited"}
    assert setting.give().counts["unreached"] == 5
    assert setting.again() == TaskResult("ProviderLimited", "is limited", {"asked": 6, "healed": 5, "absent": 0})
    assert setting.provider.asked == ["A", *"BCDEF", "A"]
    setting.provider.results = {}
    assert setting.again() == TaskResult("", "", {"asked": 6, "healed": 6, "absent": 0})
    assert setting.provider.asked[7:] == ["A"]


@pytest.mark.parametrize("fault", ["broken", OutOfReach("put", "stream", "no answer")])
def test_a_provider_that_makes_sense_to_nobody_is_not_asked_for_all(setting: Setting, fault: Any) -> None:
    setting.provider.results = dict.fromkeys(NAMES, fault)
    assert setting.give().error == ("ProviderBroken" if fault == "broken" else "OutOfReach")
    assert setting.provider.asked == ["A", "B", "C"]
    assert setting.outcomes()["D"] == (UNREACHED, "")
    setting.provider.results = {}
    assert setting.again().counts == {"asked": 6, "healed": 6, "absent": 0}


def test_an_entity_of_which_something_came_is_no_sign_that_the_provider_makes_no_sense(setting: Setting) -> None:
    """A day of nonsense that all entities share keeps none of them waiting."""
    answer = setting.provider

    class Holed(Provider):
        def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
            answer.results = dict.fromkeys(NAMES, "broken") if HistoryRequest.from_data(request).start == 0 else {}
            return answer(request)

    setting.provider = Holed()
    result = setting.give(*(FetchHistory("quotes", name, ((0, 60), (120, 180)), 2) for name in NAMES))
    assert result == TaskResult("ProviderBroken", "is broken", {"asked": 12, "healed": 6, "absent": 0})


def test_comparisons_of_several_entities_are_no_reason_to_try_again(setting: Setting) -> None:
    setting.provider.results = {"A": "broken"}
    assert setting.give(*(Compare("quotes", name, ((0, 60),)) for name in "AB")).error == ""
    assert setting.outcomes() == {"A": ("done", "broken"), "B": ("done", "answered")}


def test_a_job_that_was_cut_off_names_whom_it_did_not_reach(setting: Setting) -> None:
    class Slow(Provider):
        def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
            if len(self.asked) == 2:
                raise SystemExit
            return super().__call__(request)

    minutes = iter(range(100))
    provider, deleted = Slow(), None
    clients = RepairClients(
        setting.records,
        provider,
        deleted,  # type: ignore[arg-type]
        lambda: NOW.replace(minute=next(minutes)),
        MemoryLog(),
    )
    setting.write()
    with pytest.raises(SystemExit):
        carry_out(clients, setting.key)
    outcome = find_outcome(setting.records, setting.key)
    assert outcome is not None
    assert [outcome.of(place).result for place in range(6)] == ["done", "done", *[UNREACHED] * 4]
    assert outcome.of(5).reason == "it was cut off"


@pytest.mark.parametrize("fatal", ["A", "D"])
def test_an_entity_that_ends_the_function_comes_last_when_the_job_is_given_again(setting: Setting, fatal: str) -> None:
    """Its neighbours are asked for beside it, and what they answered is kept before it is."""

    class Fatal(Provider):
        def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
            answer = super().__call__(request)
            if self.asked[-1] == fatal:
                raise SystemExit
            return answer

    setting.provider = Fatal()
    setting.write()
    for _ in range(2):
        with pytest.raises(SystemExit):
            setting.again()
    assert {*setting.provider.asked} == {*NAMES}
    progress = find_progress(setting.records, setting.key, len(NAMES))
    assert progress is not None
    parts = dict(zip(NAMES, (progress.of(place) for place in range(len(NAMES))), strict=True))
    assert parts.pop(fatal).reason == "the function ended while it was asked for"
    assert {part.result for part in parts.values()} == {"done"}


def test_of_a_job_that_was_killed_at_once_the_entity_that_was_asked_for_failed_and_the_others_had_no_turn(
    setting: Setting,
) -> None:
    setting.write()
    assert find_progress(setting.records, setting.key, 6) is None
    write_asking(setting.records, setting.key, 3)
    progress = find_progress(setting.records, setting.key, 6)
    assert progress is not None
    assert [progress.of(place).result for place in range(6)] == [*[UNREACHED] * 3, "failed", *[UNREACHED] * 2]
    setting.again()
    assert setting.provider.asked == [*"ABCEF", "D"]
    assert find_progress(setting.records, setting.key, 6) == find_outcome(setting.records, setting.key)


# ---------------------------------------------------------------- both ways between releases

ASKED = tuple(
    FetchHistory("quotes", name, ((0, 60),), 1, known=(KnownValue(0, "c", "1", given=True),)) for name in "AB"
)


def test_a_job_of_several_is_read_as_it_was_written_and_a_job_of_one_as_before() -> None:
    whole, single = RepairJob("quotes", "r", ASKED[0], (ASKED[1],)), RepairJob("quotes", "r", ASKED[0])
    assert RepairJob.from_json(whole.to_json()) == whole
    assert {**json.loads(whole.to_json())} == {
        **json.loads(single.to_json()),
        "others": [{name: json.loads(RepairJob("", "", ASKED[1]).to_json())[name] for name in ("repair", "given")}],
    }


def test_what_an_earlier_release_makes_of_a_job_of_several_leaves_the_others_owed(setting: Setting) -> None:
    """It reads the first repair, and writes the outcome of that alone; a later one goes on from there."""
    setting.give(*(replace(each, known=()) for each in ASKED))
    assert setting.provider.asked == ["A", "B"]
    stored = setting.records.read(outcome_key(setting.key))
    assert stored is not None
    of_before = {name: value for name, value in json.loads(stored.body).items() if name != "others"}
    setting.records.write(outcome_key(setting.key), canonical_json(of_before))
    assert setting.outcomes() == {"A": ("done", "answered"), "B": (UNREACHED, "")}
    setting.again()
    assert setting.provider.asked == ["A", "B", "B"]


def test_an_outcome_is_read_as_it_was_written() -> None:
    parts = (RepairOutcome(UNREACHED, "no time", 60), RepairOutcome("failed", "x", 60))
    outcome = RepairOutcome("done", "", 60, others=parts)
    assert RepairOutcome.from_json(outcome.to_json()) == outcome
    assert [outcome.of(place) for place in range(3)] == [replace(outcome, others=()), *parts]
    assert job_key("r", 1, 7) == "audit/runs/r/jobs/1-007.json"


@pytest.mark.parametrize("value", ["text", 1.5, [1], {"a": 1}, True, None])
def test_an_outcome_with_a_field_of_a_later_release_is_read_without_it(value: object) -> None:
    parts = (RepairOutcome(UNREACHED, "no time", 60),)
    outcome = RepairOutcome("done", "", 60, counts={"rows": 2}, others=parts)
    stored = json.loads(outcome.to_json())
    later = {**stored, "later": value, "others": [{**stored["others"][0], "later": value}]}
    assert RepairOutcome.from_json(canonical_json(later)) == outcome

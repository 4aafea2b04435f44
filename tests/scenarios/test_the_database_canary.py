"""One row a day is taken out of the shadow of a table; that it comes back proves the road of repairs for databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.database_simulation import DatabaseSimulation, database_simulation

from auditor.canary import canary_healed
from auditor.services import Budget
from core.audit.canary import PlantedRow, planted_key
from core.audit.repair_jobs import FetchRows, PlantGap, RepairJob, write_job
from processing.plan import static_tables
from processing.restating.job import restate_job

CANARY, FACT, PLACE = "sales_canary", "fact_sales_canary", "currency_id_bucket=0"

pytestmark = pytest.mark.database


@pytest.fixture
def canary() -> Iterator[DatabaseSimulation]:
    with database_simulation(dataset=CANARY) as simulation:
        if simulation.now().hour == 23:  # a gap is planted every day: the day may not change while a test runs
            simulation.ahead = timedelta(hours=1)
        yield simulation


def healed(canary: DatabaseSimulation) -> list[float]:
    return canary.metrics.values.get("CanaryHealed", [])


def planted(canary: DatabaseSimulation) -> PlantedRow:
    stored = canary.lake.records.read(planted_key(CANARY))
    assert stored is not None
    return PlantedRow.from_json(stored.body)


def planted_earlier(canary: DatabaseSimulation, *, hours: int) -> None:
    word = planted(canary)
    body = replace(word, planted_at=word.planted_at - hours * 3600).to_json()
    canary.lake.records.write(planted_key(CANARY), body)


def currencies(canary: DatabaseSimulation) -> set[int]:
    return {row["currency_id"] for row in canary.lake.rows(FACT) if row["is_latest"]}


def test_the_planted_gap_of_every_day_is_healed_by_the_whole_road_and_counted(canary: DatabaseSimulation) -> None:
    every = currencies(canary)
    assert len(every) > 1
    canary.heal()
    for day in (1, 2):
        gap = planted(canary)
        number = int(gap.key["currency_id"])
        assert currencies(canary) == every - {number}
        assert len(healed(canary)) == day - 1  # just planted: nothing to be judged yet
        answers = canary.heal(run=f"day-{day}")
        (job,) = [job for job in canary.jobs(f"day-{day}") if not isinstance(job, PlantGap)]
        assert isinstance(job, FetchRows)
        assert (job.table, job.keys) == ("currency", ((number,),))
        assert answers["verify"]["healthy"]
        assert answers["certify"]["rollups"] == []  # one a day
        assert currencies(canary) == every
        assert healed(canary) == [1] * day
        if day == 1:
            canary.ahead += timedelta(days=1)
            metric = canary.metrics.values.pop("CanaryHealed")
            canary.heal()  # plants the next one; the first is healed still, but the newest is not due
            assert planted(canary).day > gap.day
            canary.metrics.values["CanaryHealed"] = metric
    assert canary.mail.sent == []
    assert canary.verified() == []
    assert canary.audited() == []


def test_the_database_is_only_read_and_no_other_dataset_s_table_is_touched(canary: DatabaseSimulation) -> None:
    before = canary.run("select currency_id, currency_code, last_updated from currency order by 1")
    for _ in range(2):
        canary.heal()
    assert canary.run("select currency_id, currency_code, last_updated from currency order by 1") == before
    folders = {info.key.split("/")[2] for info in canary.lake.partitions.list("warehouse/_data/")}
    from_contracts_alone = {table.name for table in static_tables(canary.contracts)}
    assert folders - from_contracts_alone == {FACT}


def test_a_gap_that_the_auditor_cannot_heal_is_a_dead_canary_once_it_is_overdue(canary: DatabaseSimulation) -> None:
    canary.heal()
    limits = canary.limits
    canary.limits = replace(limits, budget=Budget(rows=0))
    canary.heal()
    assert healed(canary) == []
    planted_earlier(canary, hours=4)
    canary.heal()
    assert healed(canary) == [0]
    canary.limits = limits
    canary.heal()
    assert healed(canary) == [0, 1]


def test_a_row_that_the_extraction_brings_back_proves_nothing(canary: DatabaseSimulation) -> None:
    canary.heal()
    gap = planted(canary)
    canary.run(
        "update currency set last_updated = timezone('UTC', now()) where currency_id = %s", gap.key["currency_id"]
    )
    canary.extract()
    planted_earlier(canary, hours=4)
    answers = canary.heal()
    assert answers["audit"]["missing"] == 0
    assert healed(canary) == [0]


def test_a_planting_that_does_not_happen_is_a_dead_canary_too(canary: DatabaseSimulation) -> None:
    now = int(canary.now().timestamp())
    assert canary_healed(canary.services(), CANARY, now=now) is False  # there are rows, and nothing was ever planted
    assert canary_healed(canary.services(), "sales", now=now) is None
    canary.heal()
    canary.heal()
    assert healed(canary) == [1]
    planted_earlier(canary, hours=3 * 24)
    canary.heal()
    assert healed(canary) == [1, 0]


def job_of(canary: DatabaseSimulation, gap: PlantGap) -> str:
    return write_job(canary.lake.records, RepairJob(gap.dataset, "r", gap), attempt=0, number=0)


def test_a_job_that_comes_twice_takes_one_row_and_one_for_another_dataset_takes_none(
    canary: DatabaseSimulation,
) -> None:
    every = currencies(canary)
    job = job_of(canary, PlantGap(CANARY, FACT, PLACE, "2026-11-20"))
    assert [restate_job(canary.lake.services, job)["changed"] for _ in range(2)] == [1, 0]
    assert len(currencies(canary)) == len(every) - 1
    for dataset, table in (("sales", "fact_payment"), (CANARY, "fact_payment"), ("quotes", "fact_quote")):
        versions = canary.lake.versions()
        answer = restate_job(canary.lake.services, job_of(canary, PlantGap(dataset, table, "", "2026-11-21")))
        assert answer["failed"] == 1
        assert canary.lake.versions() == versions

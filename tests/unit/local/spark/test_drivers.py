"""Drivers of Spark on this machine, by their names: what each says, and what is left of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from core.errors import Misuse
from local.processes import end_below
from local.spark.drivers import LocalSpark


def standing_in(folder: Path, script: str) -> LocalSpark:
    """Python is another program, which does as the script says; it is given the job's file and arguments."""
    program = folder / "python"
    program.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\n{script}\n")
    program.chmod(0o755)
    return LocalSpark(program, folder / "runs", "code", "local", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, cores=1)


def test_a_driver_that_came_to_its_end_has_succeeded_and_was_told_its_jobs(tmp_path: Path) -> None:
    spark = standing_in(tmp_path, "print(str(sys.argv[1:]) + os.environ['AWS_ENDPOINT_URL'] + '}')")
    name = spark.start("run-1", {"jobs": "audit/runs/run/jobs/1-"})
    eventually(lambda: spark.describe(name).status != "RUNNING", within=20)
    found = spark.find("run-1")
    assert found is not None
    assert found.status == "SUCCEEDED"
    told = (spark.folder / "run-1" / "summary.json").read_text()
    assert "processing/spark/job.py" in told
    assert "'--jobs', 'audit/runs/run/jobs/1-'" in told
    assert told.endswith("http://127.0.0.1:1}\n")


def test_a_driver_that_is_killed_has_failed_and_is_none_that_would_be_followed(tmp_path: Path) -> None:
    spark = standing_in(tmp_path, "print('why', file=sys.stderr, flush=True); time.sleep(600)")
    spark.start("run-1", {"jobs": "j"})
    log = spark.folder / "run-1" / "driver.log"
    eventually(lambda: log.read_text() == "why\n", within=20)
    assert LocalSpark(spark.python, spark.folder, "", "", {}).describe("run-1").status == "RUNNING"  # whoever asks
    end_below(spark.folder)
    assert spark.describe("run-1").status == "FAILED"
    assert spark.describe("run-1").cause == "why\n"
    assert spark.find("run-1") is None
    assert spark.find("run-2") is None
    assert [folder.name for folder in spark.folder.iterdir()] == ["run-1"]


def test_where_there_is_no_pyspark_the_remedy_is_named(tmp_path: Path) -> None:
    spark = LocalSpark(tmp_path / "none", tmp_path, "", "", {})
    with pytest.raises(Misuse, match="no such environment"):
        spark.start("run", {"jobs": "j"})

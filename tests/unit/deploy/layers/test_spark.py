"""What a Spark job brings along to a cluster."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from core.errors import InvalidData
from deploy.folders import LOCKS, SPARK_LOCK
from deploy.layers import spark
from deploy.layers.spark import CLUSTERS, build_spark_packages
from deploy.layers.wheels import Platform, read_pins


def test_the_job_brings_what_functions_run_with_and_pandas() -> None:
    base, own = read_pins(LOCKS["base"]), read_pins(SPARK_LOCK)
    assert {name: pin.version for name, pin in own.items() if name in base} == {
        name: pin.version for name, pin in base.items()
    }
    assert own.keys() - base.keys() == {"pandas"}


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_gets_wheels_of_its_own_python(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Platform] = []

    def fetched(pins: object, platform: Platform, folder: Path) -> list[Path]:
        asked.append(platform)
        wheel = folder / "pyarrow-1-cp313-cp313-any.whl"
        with zipfile.ZipFile(wheel, "w") as file:
            file.writestr("pyarrow/lib.py", "arrow")
            file.writestr("pyarrow/tests/test_lib.py", "no")
        return [wheel]

    monkeypatch.setattr(spark, "fetch_wheels", fetched)
    built = build_spark_packages(tmp_path, name)
    assert built.read_bytes() == build_spark_packages(tmp_path, name).read_bytes()
    assert {platform.python for platform in asked} == {CLUSTERS[name].python}
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
        if CLUSTERS[name].installs:
            assert built.name.endswith(".gluewheels.zip")
            assert names == {"wheels/pyarrow-1-cp313-cp313-any.whl", "wheels/requirements.txt"}
            assert b"pyarrow==" in archive.read("wheels/requirements.txt")
        else:
            assert names == {"python/pyarrow/lib.py"}


def test_an_engine_that_nobody_knows_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(InvalidData) as refused:
        build_spark_packages(tmp_path, "emr")
    assert "emr-serverless" in refused.value.remedy

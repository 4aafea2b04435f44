"""The reader's wheel, in an environment in which others are called core, aws and cli."""

from __future__ import annotations

import json
import sys
import venv
import zipfile
from pathlib import Path

import pyarrow
import pytest
from tests.support.lake import MemoryLake, order, quote, shipped_contracts
from tests.support.lake_folder import CODE, write_lake
from tests.support.wheels import run

from deploy.folders import ROOT

STRANGERS = ("core", "aws", "cli")
ASKED = """
import json, sys
import core, aws, cli
import starmend_reader
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

lake = starmend_reader.connect(sys.argv[2], filesystem=SubTreeFileSystem(sys.argv[1], LocalFileSystem()))
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
installed = [name for name, file in files.items() if file.startswith(sys.prefix)]
ours = {name.split(".")[0] for name in installed}
print(json.dumps({
    "strangers": [core.NAME, aws.NAME, cli.NAME],
    "top_level": sorted(ours - {"core", "aws", "cli"}),
    "rows": lake.read("fact_quote", where={"symbol": "AAPL"}).arrow().num_rows,
    "now": lake.read("fact_sales_order_now").arrow().num_rows,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("reader")
    run("cp", "-r", ROOT / "src", folder / "src")
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    run(sys.executable, "-c", build, folder, cwd=folder / "src/starmend_reader/packaging")
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_has_one_name_and_nothing_of_the_pipeline_that_it_does_not_need(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"starmend_reader", "starmend_reader-0.1.0.dist-info"}
    texts = {name: zipfile.ZipFile(wheel).read(name).decode() for name in names if name.endswith(".py")}
    assert [name for name, text in texts.items() if "from core" in text or "import core" in text] == []
    assert not any("authoring" in name or "packaging" in name for name in names)
    assert sum(map(len, texts.values())) < 300_000


def test_it_reads_beside_packages_that_are_called_core_aws_and_cli(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    (site,) = environment.glob("lib/python*/site-packages")
    for name in STRANGERS:
        (site / name).mkdir()
        (site / name / "__init__.py").write_text(f"NAME = 'a stranger: {name}'\n")
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "--python", environment / "bin/python", "install", *options, wheel)
    (site / "borrowed.pth").write_text(str(Path(pyarrow.__file__).parents[1]))
    lake = MemoryLake(shipped_contracts())
    quotes = [quote(symbol, "2026-11-20T15:00:00Z", "12.5") for symbol in ("AAPL", "ZM")]
    lake.process(
        lake.put("feeds/quotes/2026/11/20/15/some.gz", quotes), lake.put_table("sales", "sales_order", 1, [order(1)])
    )
    write_lake(lake, tmp_path / "lake")
    said = run(environment / "bin/python", "-c", ASKED, tmp_path / "lake", CODE, cwd=tmp_path)
    answer = json.loads(said)
    assert answer["strangers"] == [f"a stranger: {name}" for name in STRANGERS]
    assert answer["top_level"] == ["starmend_reader"]
    assert (answer["rows"], answer["now"]) == (1, 1)
    shown = run(environment / "bin/starmend-reader", "read", "--help", cwd=tmp_path)
    assert "--as-of WHEN" in shown

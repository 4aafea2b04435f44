"""The tools of ``.venv-standards`` and a project of dbt over the lake of the stored forms: by the reader, or views."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.stored_forms.documents import unpacked
from tests.support.exported import ROOT, written_by_hand
from tests.support.lake_folder import CODE, write_file
from tests.support.star_views import view_stars

from cli.exports import export_dbt
from core.contract.model import Contracts
from core.rendering.render import render
from core.time import epoch, iso

TOOLS = ROOT / ".venv-standards/bin"
PLUGIN = {"module": "starmend_reader.dbt", "alias": "starmend", "config": {"lake": CODE, "folder": ".."}}
PROFILES = {
    "duckdb": {"type": "duckdb", "path": "lake.duckdb", "threads": 1},
    "reader": {"type": "duckdb", "path": "lake.duckdb", "threads": 1, "plugins": [PLUGIN]},
    "athena": {
        "type": "athena",
        "s3_staging_dir": "s3://results/",
        "region_name": "eu-west-2",
        "database": "awsdatacatalog",
        "schema": "starmend_dev",
    },
}
SETTINGS = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_USE_COLORS": "false", "DBT_PROFILES_DIR": "."}


@dataclass(frozen=True)
class Ran:
    """A command of a tool: exit code, all that it printed, and of dbt the status of each node by its name."""

    code: int
    said: str
    status: dict[str, str]


@dataclass(frozen=True)
class DbtProject:
    """A project with generated sources over a lake: by the reader (``path`` leads to it), or by a database of views."""

    folder: Path
    warehouse: Path
    contracts: Contracts
    path: str = ""

    def dbt(self, *arguments: str, target: str = "") -> Ran:
        target = target or ("reader" if self.path else "duckdb")
        done = run("dbt", *arguments, "--target", target, folder=self.folder, path=self.path)
        name = "sources.json" if arguments[0] == "source" else "run_results.json"
        file = self.folder / "target" / name
        results = json.loads(file.read_text())["results"] if file.exists() else []
        file.unlink(missing_ok=True)
        return replace(done, status={node["unique_id"].split(".", 2)[2]: node["status"] for node in results})

    def view(self) -> None:
        """Look at the lake anew; the reader does so by itself."""
        if self.path:
            return
        (self.folder / "lake.duckdb").unlink(missing_ok=True)
        view_stars(self.folder / "lake.duckdb", self.contracts, self.warehouse)

    @property
    def dataset(self) -> str:
        return self.contracts.contracts[0].dataset

    def audited_now(self, subject: str = "", *, ago: int = 0, **changes: Any) -> None:
        """Let the rows be of now, or so many seconds old; the last one of a subject says something else."""
        rows = {file: json.loads(file.read_text()) for file in sorted(self.warehouse.glob("completeness/*/*/*.json"))}
        age = {
            file: (row["audited_at"], row["window_start"]) for file, row in rows.items() if row["subject"] == subject
        }
        last = max(age, key=lambda file: age[file]) if age else None
        later = int(datetime.now(UTC).timestamp()) - ago - max(epoch(row["audited_at"]) for row in rows.values())
        for file, row in rows.items():
            audited_at = iso(epoch(row["audited_at"]) + later)
            file.write_text(json.dumps(row | {"audited_at": audited_at} | (changes if file == last else {})))
        self.view()


def run(tool: str, *arguments: str, folder: Path, path: str = "") -> Ran:
    done = subprocess.run(
        [str(TOOLS / tool), *arguments],
        cwd=folder,
        env={**os.environ, **SETTINGS, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout + done.stderr, {})


@pytest.fixture(autouse=True, scope="session")
def tools() -> None:
    if not (TOOLS / "dbt").exists():
        pytest.skip("the tools are not there: make test-standards makes .venv-standards")


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with what the reader's wheel has, and nothing else of ours."""
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    folder = tmp_path_factory.mktemp("reader")
    subprocess.run(["cp", "-r", ROOT / "src", folder / "src"], check=True)
    packaging = folder / "src/starmend_reader/packaging"
    subprocess.run([sys.executable, "-c", build, folder], cwd=packaging, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return str(folder / "site")


@pytest.fixture(params=["books", "prices"])
def viewed(request: pytest.FixtureRequest, tmp_path: Path) -> DbtProject:
    """Over views of the lake of one dataset, as over a catalog's tables."""
    return project_of(request.param, tmp_path)


@pytest.fixture(params=["books", "prices"])
def project(request: pytest.FixtureRequest, tmp_path: Path, reader: str) -> DbtProject:
    """Over the same lake by the reader."""
    return project_of(request.param, tmp_path, reader)


def project_of(dataset: str, folder: Path, path: str = "") -> DbtProject:
    """Over the lake of one dataset, whose audits are of now and found all that is owed."""
    contracts = written_by_hand()["stored"]
    contracts = replace(contracts, contracts=(contracts.dataset(dataset),))
    project, warehouse = folder / "dbt", folder / "warehouse"
    for name, kept in unpacked().items():
        if name.startswith(f"{dataset}/warehouse/"):
            # As this release's audits name their rows: those that begin with "_" are hidden from Athena and the reader.
            current = name.removeprefix(f"{dataset}/warehouse/").replace("/_current.", "/current.")
            write_file(warehouse / current, kept.body)
    for pointer in warehouse.rglob("symlink.txt"):  # they name the bucket of their time
        bucket = pointer.read_text().partition("://")[2].partition("/")[0]
        (folder / bucket).exists() or (folder / bucket).symlink_to(warehouse)
        write_file(folder / CODE / "deployment.json", json.dumps(_description(bucket)).encode())
    write_file(folder / CODE / CONTRACTS, render(contracts).encode())
    write_project(project)
    export_dbt(contracts, project / "models/sources.yml", schema="main", reader=bool(path))
    made = DbtProject(project, warehouse, contracts, path)
    made.audited_now()
    return made


CONTRACTS = "contracts/of-the-test.json"


def _description(warehouse: str) -> dict[str, Any]:
    return {"contracts_key": CONTRACTS, "buckets": {"warehouse": warehouse}}


def write_project(folder: Path) -> None:
    (folder / "models").mkdir(parents=True)
    settings = {"name": "lake", "version": "1.0.0", "profile": "lake", "models": {"lake": {"+materialized": "table"}}}
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    profile = {"lake": {"target": "duckdb", "outputs": PROFILES}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile))

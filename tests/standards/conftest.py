"""The tools of ``.venv-standards`` and a project of dbt over the lake of the stored forms."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.stored_forms.documents import unpacked
from tests.support.exported import ROOT, written_by_hand
from tests.support.star_views import view_stars

from cli.exports import export_dbt
from core.contract.model import Contracts
from core.time import epoch, iso

TOOLS = ROOT / ".venv-standards/bin"
PROFILES = {
    "duckdb": {"type": "duckdb", "path": "lake.duckdb", "threads": 1},
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
    """A project with generated sources, and a database of views over a lake."""

    folder: Path
    warehouse: Path
    contracts: Contracts

    def dbt(self, *arguments: str, target: str = "duckdb") -> Ran:
        done = run("dbt", *arguments, "--target", target, folder=self.folder)
        name = "sources.json" if arguments[0] == "source" else "run_results.json"
        file = self.folder / "target" / name
        results = json.loads(file.read_text())["results"] if file.exists() else []
        file.unlink(missing_ok=True)
        return replace(done, status={node["unique_id"].split(".", 2)[2]: node["status"] for node in results})

    def view(self) -> None:
        """Look at the lake anew."""
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


def run(tool: str, *arguments: str, folder: Path) -> Ran:
    done = subprocess.run(
        [str(TOOLS / tool), *arguments],
        cwd=folder,
        env={**os.environ, **SETTINGS, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout + done.stderr, {})


@pytest.fixture(autouse=True, scope="session")
def tools() -> None:
    if not (TOOLS / "dbt").exists():
        pytest.skip("the tools are not there: make test-standards makes .venv-standards")


@pytest.fixture(params=["books", "prices"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> DbtProject:
    """Over the lake of one dataset, whose audits are of now and found all that is owed."""
    contracts = written_by_hand()["stored"]
    contracts = replace(contracts, contracts=(contracts.dataset(request.param),))
    folder, warehouse = tmp_path / "dbt", tmp_path / "warehouse"
    for name, kept in unpacked().items():
        if name.startswith(f"{request.param}/warehouse/"):
            file = warehouse / name.removeprefix(f"{request.param}/warehouse/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(kept.body)
    write_project(folder)
    export_dbt(contracts, folder / "models/sources.yml", schema="main")
    project = DbtProject(folder, warehouse, contracts)
    project.audited_now()
    return project


def write_project(folder: Path) -> None:
    (folder / "models").mkdir(parents=True)
    settings = {"name": "lake", "version": "1.0.0", "profile": "lake", "models": {"lake": {"+materialized": "table"}}}
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    profile = {"lake": {"target": "duckdb", "outputs": PROFILES}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile))

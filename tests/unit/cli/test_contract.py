"""Contracts checked, shown and rendered from a folder."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from aws.deployment import Deployment
from cli.local_contracts import refuse_other_contracts
from core.errors import OtherContract
from core.evolution.compare import compare_contracts
from local.provisioning import Plan, as_adapted, contracts_of, remember_adaptation

CONTRACTS = str(Path(__file__).parents[3] / "contracts")


def test_contracts_that_can_be_kept_are_fine(starmend: Command) -> None:
    said = starmend("contract", "check", "--contracts", CONTRACTS)
    assert (said.code, "tables of the warehouse: fine" in said.out) == (0, True)


def test_every_problem_is_named_with_file_and_remedy(starmend: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("dataset: bad\nwarehouse: {}\nkey: 1\n")
    said = starmend("contract", "check", "--contracts", str(tmp_path), "--json")
    assert said.code == 2
    assert {problem["file"] for problem in said.data} == {"bad.yaml"}
    assert all(problem["remedy"] for problem in said.data)


def test_the_tables_are_shown_with_grain_and_key(starmend: Command) -> None:
    tables = {row["table"]: row for row in starmend("contract", "show", "--contracts", CONTRACTS, "--json").data}
    assert tables["fact_quote"]["key"] == "symbol, minute"
    assert tables["dim_currency"]["partitions"] == "one"


def test_the_rendered_file_is_json_of_every_dataset(starmend: Command, tmp_path: Path) -> None:
    file = tmp_path / "out/contracts.json"
    assert starmend("contract", "render", "--contracts", CONTRACTS, "--output", str(file)).code == 0
    assert {"sales", "quotes"} <= set(json.loads(file.read_text())["datasets"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project's contracts, to be changed."""
    return Path(shutil.copytree(CONTRACTS, tmp_path / "changed"))


def rewrite(folder: Path, *words: tuple[str, str]) -> str:
    file = folder / "quotes.yaml"
    text = file.read_text()
    for was, becomes in words:
        assert was in text
        text = text.replace(was, becomes)
    file.write_text(text)
    return str(folder)


def test_contracts_are_compared_with_a_folder_a_file_and_what_is_deployed(
    starmend: Command, folder: Path, account: Account
) -> None:
    assert account.deployment.environment == "dev"
    same = starmend("contract", "diff", "--contracts", str(folder), "--env", "dev", "--json")
    assert (same.code, same.data) == (
        0,
        {"against": "deployed", "class": None, "counts": {}, "changes": [], "work": []},
    )
    rewrite(folder, ("decimal(18,6)", "decimal(20,6)"), ("TSLA, ZM]", "TSLA, ZM, ORCL]"))
    file = folder.parent / "contracts.json"
    assert starmend("contract", "render", "--contracts", CONTRACTS, "--output", str(file)).code == 0
    for against in ("deployed", CONTRACTS, str(file)):
        more = ("--contracts", str(folder), "--against", against, "--env", "dev", "--json")
        changed = starmend("contract", "diff", *more)
        assert (changed.code, changed.data["class"]) == (1, "additive")
        places = {change["place"]: (change["was"], change["becomes"]) for change in changed.data["changes"]}
        assert places["source.entities.ORCL"] == ("", "ORCL")
        assert places["warehouse.fact_quote.columns.price.type"] == ("decimal(18,6)", "decimal(20,6)")


@pytest.mark.parametrize(
    "plan", [Plan(), Plan(canaries=True, settle=7), Plan(settle=1, margin=1), Plan(canaries=True, settle=600, margin=9)]
)
def test_what_a_local_stack_adapts_is_no_change_that_somebody_made(
    plan: Plan, starmend: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files were compared as they stand with contracts whose waits were shortened: settle, 3 -> 600."""
    stack = Path("build/local")
    stack.mkdir(parents=True)
    remember_adaptation(stack, plan)
    deployed = SimpleNamespace(environment="local", contracts=contracts_of(folder, plan))
    for module in ("contract", "contract_changes"):
        monkeypatch.setattr(f"cli.{module}.deployment", lambda _environment: deployed)
    monkeypatch.setattr("cli.change_costs.costs_in", lambda *_: ())
    given = ("contract", "diff", "--contracts", str(folder), "--env", "local", "--json")
    same = starmend(*given)
    assert (same.code, same.data["changes"]) == (0, [])
    wanted = contracts_of(folder, as_adapted(Plan(contracts=folder), stack))  # what `starmend up` applies
    assert compare_contracts(deployed.contracts, wanted) == ()
    refuse_other_contracts(
        cast(Deployment, deployed), [each.dataset for each in deployed.contracts], operation="heal", folder=folder
    )
    rewrite(folder, ("TSLA, ZM]", "TSLA, ZM, ORCL]"))
    changed = starmend(*given)
    assert "source.entities.ORCL" in {change["place"] for change in changed.data["changes"]}
    wanted = contracts_of(folder, as_adapted(Plan(contracts=folder), stack))
    places = {(change.dataset, change.place) for change in compare_contracts(deployed.contracts, wanted)}
    assert {(change["dataset"], change["place"]) for change in changed.data["changes"]} == places
    with pytest.raises(OtherContract, match="Deploy first: starmend up"):
        refuse_other_contracts(cast(Deployment, deployed), ["quotes"], operation="heal", folder=folder)


def test_a_change_that_is_refused_says_why_and_what_to_do_instead(starmend: Command, folder: Path) -> None:
    rewrite(folder, ("TSLA, ZM]", "TSLA]"))
    said = starmend("contract", "diff", "--contracts", str(folder), "--against", CONTRACTS)
    assert said.code == 2
    assert "would no longer be listed: ZM" in said.out
    assert "valid_until" in said.out
    assert "refused" in said.out.splitlines()[-1]


def test_contracts_are_compared_with_a_revision(starmend: Command, folder: Path) -> None:
    def git(*words: str) -> None:
        author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *author, *words], cwd=folder.parent, check=True, capture_output=True)

    git("init", "--initial-branch=main")
    git("add", "changed")
    git("commit", "--message=first")
    rewrite(folder, ("key: [symbol, minute]", "key: [minute, symbol]"))
    said = starmend("contract", "diff", "--contracts", str(folder), "--against", "main", "--json")
    assert (said.code, said.data["class"]) == (1, "rebuild")
    git("commit", "--all", "--message=second")
    assert starmend("contract", "diff", "--contracts", str(folder), "--against", "main").code == 0
    nothing = starmend("contract", "diff", "--contracts", str(folder), "--against", "--output=x")
    assert nothing.code == 2
    assert "no revision" in nothing.err


@pytest.mark.parametrize(
    "command", [("render", "--contracts", CONTRACTS), ("docs",), ("export", "--dbt", "--contracts", CONTRACTS)]
)
def test_an_output_that_cannot_be_written_is_refused_by_name(
    starmend: Command, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    said = starmend("contract", *command, "--output", str(tmp_path / "file/below"))
    assert said.code == 2
    assert f"{tmp_path}/file/below" in said.err


def test_contracts_are_exported_as_documents_and_as_sources(starmend: Command, tmp_path: Path) -> None:
    folder, file = tmp_path / "odcs", tmp_path / "models/starmend.yml"
    one = starmend(
        "contract", "export", "--odcs", "--dataset", "sales", "--contracts", CONTRACTS, "--output", str(folder)
    )
    assert (one.code, [path.name for path in folder.iterdir()]) == (0, ["sales.odcs.yaml"])
    assert yaml.safe_load((folder / "sales.odcs.yaml").read_text())["kind"] == "DataContract"
    sources = starmend(
        "contract", "export", "--dbt", "--catalog", "lake_prod", "--contracts", CONTRACTS, "--output", str(file)
    )
    assert sources.code == 0
    [source] = yaml.safe_load(file.read_text())["sources"]
    assert source["schema"] == "{{ var('starmend_schema', 'lake_prod') }}"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "Give one of them"),
        (("--odcs", "--dbt"), "Give one of them"),
        (("--odcs", "--dataset", "sale"), "is no dataset with a star of its own"),
        (("--dbt", "--dataset", "sales"), "is for --odcs"),
        (("--odcs", "--catalog", "lake_prod"), "is for --dbt"),
        (("--dbt", "--catalog", "it's"), "is no database"),
    ],
)
def test_an_export_that_cannot_be_meant_is_refused(
    starmend: Command, tmp_path: Path, options: tuple[str, ...], problem: str
) -> None:
    said = starmend("contract", "export", *options, "--contracts", CONTRACTS, "--output", str(tmp_path / "out"))
    assert (said.code, problem in said.err) == (2, True)
    assert not (tmp_path / "out").exists()

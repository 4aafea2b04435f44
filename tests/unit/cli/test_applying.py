"""`deploy apply` from end to end on a simulated account, with a Terraform that puts the description and no more.

It is killed before and after each of its effects and given again: it comes to the same lake and the same deployment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.commands import Command
from tests.support.lake import quote
from tests.support.simulated_aws import REGION
from tests.unit.cli.conftest import REPOSITORY, Account, rendered
from tests.unit.core.evolution.test_generations import by_day, rekeyed

import cli.deploy
from auditor.interventions.pauses import Pauses, change_pauses
from aws.deployment import DESCRIPTION
from aws.objects import S3ObjectStore
from core.contract.codec import load_rendered
from core.contract.model import Contracts
from core.evolution.deployments import read_deployments
from core.evolution.generations import plan_transition
from core.rendering.render import render
from core.time import epoch
from core.warehouse.pointer import ROOT
from deploy.target import Target
from deploy.terraform import Change, Plan
from processing.events import ObjectEvent
from processing.process import process_objects

ACCOUNT = "123456789012"
FEEDS = "feeds/quotes/2026/11/20/14/{}.gz"


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Terraform:
    """What a plan describes is deployed when it is applied; ``kill_at`` is the effect before which the process ends."""

    account: Account
    deletes: tuple[Change, ...] = ()
    kill_at: int = -1
    effects: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)

    def effect(self, name: str) -> None:
        if len(self.effects) == self.kill_at:
            raise Killed
        self.effects.append(name)

    def output(self) -> dict[str, Any]:
        return {"secrets": {}, "alarm_topic": ""}

    def plan(self, variables: Mapping[str, Any]) -> Plan:
        self.variables = dict(variables)
        text = Path(variables["contracts_file"]).read_text(encoding="utf-8")
        changes = [Change("aws_s3_object.contracts", ("update",))] if text != self.deployed() else []
        wanted = load_rendered(text.encode())
        is_last = wanted.table("fact_quote").folder != "fact_quote"
        Path(variables["contracts_file"]).with_suffix(".plan").write_text(text, encoding="utf-8")
        file = Path(variables["contracts_file"]).with_suffix(".plan")
        return Plan(file, (*changes, *(self.deletes if is_last else ())))

    def read_plan(self, file: Path) -> Plan:
        return Plan(file, (Change("aws_s3_object.contracts", ("update",)),))

    def apply(self, plan: Plan, *, on_line: Callable[[str], None]) -> None:
        """The contracts first, then what names them, as ``terraform/description.tf`` has it."""
        s3, bucket = self.account.client_of("s3"), self.account.deployment.buckets["code"]
        text = plan.file.read_bytes()
        sha256 = hashlib.sha256(text).hexdigest()
        key = f"contracts/{sha256}.json"
        described = json.loads(s3.get_object(Bucket=bucket, Key=DESCRIPTION)["Body"].read())
        self.effect("contracts")
        s3.put_object(Bucket=bucket, Key=key, Body=text)
        self.effect("description")
        described |= {"contracts_key": key, "contracts_sha256": sha256}
        s3.put_object(Bucket=bucket, Key=DESCRIPTION, Body=json.dumps(described).encode())
        self.effect("applied")

    def deployed(self) -> str:
        s3, bucket = self.account.client_of("s3"), self.account.deployment.buckets["code"]
        described = json.loads(s3.get_object(Bucket=bucket, Key=DESCRIPTION)["Body"].read())
        text: bytes = s3.get_object(Bucket=bucket, Key=described["contracts_key"])["Body"].read()
        return text.decode()


@dataclass(frozen=True)
class Code:
    hash: str = "c0de"


@dataclass(frozen=True)
class Packages:
    contracts: Path
    layers: tuple[()] = ()
    code: Code = Code()

    @property
    def variables(self) -> dict[str, Any]:
        return {"contracts_file": str(self.contracts)}


@pytest.fixture
def wanted() -> Contracts:
    return by_day(load_rendered(rendered().encode()))


@pytest.fixture
def terraform(account: Account, wanted: Contracts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terraform:
    """A deployment with two points of the feed; its author wants days instead of months."""
    fake = Terraform(account)
    folder = tmp_path / "build/dev"
    folder.mkdir(parents=True)

    def packaged(contracts: Contracts, *_: object, **__: object) -> Packages:
        file = folder / "contracts.json"
        file.write_text(render(contracts), encoding="utf-8")
        return Packages(file)

    def recorded(*given: Any) -> None:
        fake.effect("recorded")
        record(*given)

    def built(*given: Any) -> Any:
        fake.effect("building")
        answer = build(*given)
        fake.effect("built")
        return answer

    from cli.deploy import _record_contracts as record
    from cli.generations import build

    monkeypatch.setattr("cli.deploy._record_contracts", recorded)
    monkeypatch.setattr("cli.deploy.build", built)
    monkeypatch.setattr("cli.deploy._checked_contracts", lambda *_: wanted)
    monkeypatch.setattr("cli.deploy._packaged", packaged)
    monkeypatch.setattr("cli.deploy._smoke", lambda *_: [])
    monkeypatch.setattr("cli.deploy.costs_to_apply", lambda *_: [])
    monkeypatch.setattr("deploy.next_steps.next_steps", lambda *_: [])
    monkeypatch.setattr(Target, "terraform", lambda _target: fake)
    keys = [account.put(FEEDS.format(number), [point(number)]) for number in (1, 2)]
    process(account, *keys)
    return fake


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    file = tmp_path / "account.tfvars"
    file.write_text(f'account = "{ACCOUNT}"\nregion = "{REGION}"\nforce_destroy = false\n')
    return ["--env", "dev", "--var-file", str(file), "--contracts", str(REPOSITORY / "contracts"), "--yes", "--json"]


def point(number: int) -> bytes:
    return quote("ZM", f"2026-11-20T14:3{number}:00Z", f"{number}.5")


def process(account: Account, *keys: str) -> None:
    from aws.deployment import Deployment
    from cli.operating import services_of

    deployed = Deployment.find(account.deployment.buckets["code"], "dev", {})
    assert process_objects([ObjectEvent("", key) for key in keys], services_of(deployed)) == {}


def pointers(account: Account) -> dict[str, str]:
    """The partitions of the feed's tables with what they lead to, but for names of objects."""
    keys = [key for key in account.warehouse_keys(ROOT) if key.endswith("symlink.txt") and "fact_quote" in key]
    names = [key.removeprefix(ROOT).removesuffix("/symlink.txt") for key in keys]
    return {name: account.pointer(name).rpartition("/")[0] for name in names}


def records(account: Account) -> S3ObjectStore:
    return S3ObjectStore(account.client_of("s3"), account.deployment.warehouse_bucket)


@contextmanager
def as_it_was(account: Account) -> Iterator[None]:
    """After the block the buckets of code and warehouse hold what they held before it."""
    s3 = account.client_of("s3")
    buckets = (account.deployment.buckets["code"], account.deployment.warehouse_bucket)

    def keys(bucket: str) -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    kept = {
        (bucket, key): s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for bucket in buckets
        for key in keys(bucket)
    }
    yield
    for bucket in buckets:
        for key in keys(bucket):
            s3.delete_object(Bucket=bucket, Key=key)
    for (bucket, key), body in kept.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)


STEP = ("contracts", "description", "applied", "recorded")
EFFECTS = (*STEP, "building", "built", *STEP)
IN_SHORT = (5, 8)  # what is built nobody has heard of; half of the second step is taken


@pytest.mark.parametrize("numbers", [IN_SHORT, pytest.param(range(len(EFFECTS)), marks=pytest.mark.long)])
def test_a_deployment_that_is_killed_at_any_effect_and_given_again_comes_to_the_same(
    numbers: Sequence[int],
    terraform: Terraform,
    account: Account,
    starmend: Command,
    options: list[str],
    wanted: Contracts,
) -> None:
    reached: set[str] = set()
    for number in numbers:
        with as_it_was(account):
            terraform.kill_at, terraform.effects = number, []
            with pytest.raises(Killed):
                starmend("deploy", "apply", *options)
            assert tuple(terraform.effects) == EFFECTS[:number]
            terraform.kill_at = -1
            said = starmend("deploy", "apply", *options)
            assert said.code == 0, (number, said.err)
            contract = (deployed := load_rendered(terraform.deployed().encode())).dataset("quotes")
            folder = deployed.table("fact_quote").folder
            partitions = {"fact_quote/symbol=ZM/month=2026-11", f"{folder}/symbol=ZM/day=2026-11-20"}
            assert (contract.hash, partitions - {*pointers(account)}) == (wanted.dataset("quotes").hash, set()), number
            assert contract.beside is not None, "what readers saw until now is written for the grace period"
            assert read_deployments(records(account), "quotes")[-1].contract == contract.hash, number
            reached.add(json.dumps(pointers(account)))
    assert len(reached) == 1


@pytest.mark.long
def test_a_deployment_that_is_through_has_nothing_left_to_do(
    terraform: Terraform, account: Account, starmend: Command, options: list[str]
) -> None:
    assert starmend("deploy", "apply", *options).code == 0
    assert tuple(terraform.effects) == EFFECTS
    history = read_deployments(records(account), "quotes")
    terraform.effects = []
    assert starmend("deploy", "apply", *options).code == 0
    assert terraform.effects == ["recorded"]
    assert read_deployments(records(account), "quotes") == history


def test_what_the_second_step_would_delete_is_refused_before_the_first(
    terraform: Terraform, account: Account, starmend: Command, options: list[str]
) -> None:
    terraform.deletes = (Change("aws_s3_bucket.gone", ("delete",)),)
    before = terraform.deployed()
    said = starmend("deploy", "apply", *options)
    assert said.code == 2
    assert "aws_s3_bucket.gone" in said.err
    assert (terraform.effects, terraform.deployed()) == ([], before)


def test_what_somebody_deploys_while_tables_are_built_is_not_taken_back(
    terraform: Terraform,
    account: Account,
    starmend: Command,
    options: list[str],
    wanted: Contracts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second step deployed what its author had when he began: a symbol that was added meanwhile was gone again."""
    others = load_rendered(rendered().encode())
    contracts = tuple(replace(each, quarantine_minimum=7) if each.dataset == "sales" else each for each in others)
    text = render(replace(others, contracts=contracts))
    assert text != rendered()
    during = cli.deploy.build

    def built(*given: Any) -> Any:
        answer = during(*given)
        plan = Path(terraform.variables["contracts_file"]).with_suffix(".other")
        plan.write_text(text, encoding="utf-8")
        terraform.apply(Plan(plan, ()), on_line=lambda _line: None)
        return answer

    monkeypatch.setattr("cli.deploy.build", built)
    said = starmend("deploy", "apply", *options)
    assert (said.code, "somebody deployed while the tables were built" in said.err) == (2, True)
    assert terraform.deployed() == text


def test_a_hold_is_not_ended_by_a_new_generation(
    terraform: Terraform, starmend: Command, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    during, held = cli.deploy.build, "fact_quote symbol=ZM/month=2026-11: bad prices (by alice)"
    monkeypatch.setattr("cli.deploy.build", lambda *given: [replace(each, held=(held,)) for each in during(*given)])
    said = starmend("deploy", "apply", *options)
    assert (said.code, held in said.err, "--release" in said.err) == (2, True, True)
    assert load_rendered(terraform.deployed().encode()).table("fact_quote").folder == "fact_quote"
    assert starmend("deploy", "apply", *options, "--allow-fewer").code == 0


def test_a_deployment_leaves_the_schedules_of_paused_datasets_off(
    terraform: Terraform, account: Account, starmend: Command, options: list[str]
) -> None:
    change_pauses(records(account), "sales", lambda before: before.paused(1, by="alice", reason=""))
    change_pauses(records(account), "quotes", lambda _: Pauses().paused(1, by="alice", reason="").resumed(2))
    assert starmend("deploy", "apply", *options).code == 0
    assert terraform.variables["paused_datasets"] == ["sales"]


HOUR = 3600
SWITCHED = 1_790_000_000


@pytest.fixture
def by_plan(
    terraform: Terraform,
    account: Account,
    starmend: Command,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """A key was switched at ``SWITCHED``; the way back, which builds nothing, is planned and applied seconds later."""
    before = load_rendered(rendered().encode())
    file = Path("switched.json")
    file.write_text(render(plan_transition(before, rekeyed(before), now=SWITCHED).last(SWITCHED)), encoding="utf-8")
    terraform.apply(Plan(file, ()), on_line=lambda _line: None)
    monkeypatch.setattr("cli.deploy._checked_contracts", lambda *_: before)

    def carried_out(planned: int, applied: int, meanwhile: Callable[[], object] = lambda: None) -> Any:
        def give(verb: str, after: int, *more: str) -> Any:
            for module in ("cli.deploy", "cli.generations"):
                monkeypatch.setattr(f"{module}.now", lambda: SWITCHED + after)
            return starmend("deploy", verb, *options[:-2], "--json", *more)

        assert give("plan", planned, "--output", "saved.plan").code == 0
        meanwhile()
        return give("apply", applied, "--plan", "saved.plan", "--yes")

    return carried_out


def test_a_saved_plan_of_going_back_within_the_grace_period_can_be_applied_later(
    by_plan: Callable[..., Any], terraform: Terraform
) -> None:
    """The contracts say until when the other generation is written: as of another minute they were other bytes."""
    said = by_plan(HOUR, 2 * HOUR)
    assert said.code == 0, said.err
    sales = load_rendered(terraform.deployed().encode()).dataset("sales")
    assert [table.generation for table in sales.tables if table.name == "fact_sales_order"] == [""]
    assert sales.beside is not None
    assert epoch(sales.beside.until) == SWITCHED + 7 * HOUR


@pytest.mark.parametrize(("planned", "applied"), [(0, 5.5), (5, 6.5)])
def test_a_saved_plan_is_refused_where_a_grace_period_is_over_that_it_counts_on(
    planned: int, applied: float, by_plan: Callable[..., Any], terraform: Terraform
) -> None:
    """The one would give what readers see half an hour, the other counts on what nobody writes any more."""
    before = terraform.deployed()
    said = by_plan(planned * HOUR, int(applied * HOUR))
    assert (said.code, "Plan again" in said.err) == (2, True), said.err
    assert terraform.deployed() == before


def test_a_saved_plan_is_refused_where_a_dataset_was_paused_since(
    by_plan: Callable[..., Any], account: Account, terraform: Terraform
) -> None:
    """Terraform would switch its schedules on again."""
    before = terraform.deployed()

    def pause() -> None:
        change_pauses(records(account), "quotes", lambda pauses: pauses.paused(1, by="alice", reason=""))

    said = by_plan(HOUR, 2 * HOUR, pause)
    assert (said.code, "another set of paused datasets" in said.err) == (2, True), said.err
    assert terraform.deployed() == before

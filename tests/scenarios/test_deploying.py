"""The way into an account and out of it, as the Makefile's targets go it, on an emulator of its own.

One apply for the whole module; the tests below follow one another as an operator's days do. Left to `make chaos`:
that another checkout plans no change, and that commands need nothing that was built, is shown on the shared stack too.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import deployed
from tests.support.checkouts import checkout
from tests.support.commands import CommandResult
from tests.support.operators import Operator
from tests.support.waiting import eventually

from aws.clients import Clients
from core.contract.model import Feed
from local.emulator import ACCOUNT, REGION, Emulator
from local.invoking import await_receipts, invoke
from local.market import MarketProcess
from local.provisioning import LAYERS, UNPACKED_LAYERS
from local.trading import last_session_hour

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(1_800)]
STATE = f"starmend-{ACCOUNT}-{REGION}-terraform"
# What the emulator alone makes Terraform see at the second plan; on AWS there is nothing.
EMULATORS_DIFFERENCES: frozenset[str] = frozenset()
KEY, AT = "tables/sales/currency/000000000001.jsonl.gz", "2026-11-20T10:00:00.000"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketProcess]:
    process = MarketProcess.start(tmp_path_factory.mktemp("market"), seed=3)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory, market: MarketProcess) -> Iterator[Operator]:
    """An empty account. This process's SDK is pointed to it too, for looking at what was made."""
    folder = tmp_path_factory.mktemp("operator")
    with pytest.MonkeyPatch.context() as patch, _emulator(folder) as emulator:
        patch.delenv("AWS_PROFILE", raising=False)
        for name, value in emulator.environment().items():
            patch.setenv(name, value)
        urls = {"quotes": market.api_url, "quotes.history": market.api_url}
        copy = checkout(folder)
        (copy / "build").mkdir()
        (copy / "build/layers").symlink_to(LAYERS)  # what is built from the same locks need not be built again
        kept = {name: os.environ[name] for name in os.environ if name != "STARMEND_DEPLOYMENT"}
        yield Operator(
            copy,
            kept | {"TEST_PROVIDER_URLS": json.dumps(urls), "PYTHONPATH": str(copy / "src")},
        )


def _emulator(folder: Path) -> Emulator:
    return Emulator.start(folder / "emulator", alarm_scale=0.1, layers=UNPACKED_LAYERS)


@pytest.fixture(scope="module")
def applied(operator: Operator) -> CommandResult:
    """The first deployment, after its state's bucket was made."""
    assert operator.gives("deploy", "bootstrap").code == 0
    said = operator.gives("deploy", "apply", "--yes", "--json")
    assert said.code == 0, said.err
    return said


def test_nothing_is_planned_before_there_is_a_place_for_the_state(operator: Operator) -> None:
    said = operator.gives("deploy", "plan")
    assert said.code == 2
    assert f"s3://{STATE}" in said.err
    assert "starmend deploy bootstrap --env dev" in said.err.splitlines()[-1]


def test_the_state_s_bucket_is_made_once_and_again_is_harmless(operator: Operator) -> None:
    first, second = operator.gives("deploy", "bootstrap"), operator.gives("deploy", "bootstrap")
    assert (first.code, second.code) == (0, 0)
    assert "was there" in second.out
    assert [bucket["Name"] for bucket in Clients()("s3").list_buckets()["Buckets"]] == [STATE]


def test_a_deployment_works_from_the_first_object_to_athena(applied: CommandResult) -> None:
    tried = {trial["what"]: trial["problem"] for trial in applied.data["smoke"]}
    assert len([what for what in tried if what.startswith("an empty object of")]) == 2
    assert {"function request", "function pull", "every table of the catalog answers"} <= set(tried)
    assert not any(tried.values())
    assert applied.data["plan"]["counts"].keys() == {"create"}


def test_trying_everything_touches_no_fact_no_watermark_and_leaves_no_object(
    applied: CommandResult, operator: Operator
) -> None:
    deployment = operator.deployment
    assert deployed.ingest_keys(deployment) == []
    assert [info.key for info in deployed.warehouse(deployment).list("receipts/")] == []
    tables = {key.split("/")[1] for key in deployed.pointers(deployment)}
    assert tables <= {"dim_date", "dim_symbol"}, "only tables that come from the contract alone"
    values = {name.rpartition("/")[2]: value for name, value in deployed.parameters(deployment).items()}
    assert set(values.values()) == {"0", "1970-01-01T00:00:00.000000Z"}


def test_a_secret_that_nobody_filled_is_mailed(applied: CommandResult, operator: Operator) -> None:
    deployment = operator.deployment
    feed = deployment.contracts.dataset("quotes").source
    assert isinstance(feed, Feed)
    opened = last_session_hour(deployment.contracts.calendar(feed.calendar), now=dt.datetime.now(dt.UTC))
    with deployed.mailbox(deployment, "admins") as mail:
        invoke(deployment, "request", {"dataset": "quotes", "time": f"{opened:%Y-%m-%dT%H:%M:%SZ}"})
        mails = eventually(lambda: [json.loads(text) for text in mail() if "secret-missing" in text], within=90)
    assert (mails[0]["AlarmName"], mails[0]["NewStateValue"]) == (deployment.alarms["secret-missing-quotes"], "ALARM")
    assert "docs/runbook.md#secret-missing" in mails[0]["AlarmDescription"]


def test_it_says_what_to_do_next_until_it_is_done(
    applied: CommandResult, operator: Operator, market: MarketProcess
) -> None:
    todo = "\n".join(applied.data["next"])
    assert "starmend secret set finnhub-token --env dev" in todo
    assert "starmend secret set sales-db --env dev" in todo
    assert "schedules_enabled = true in terraform/environments/dev.tfvars" in todo
    assert operator.gives("secret", "set", "finnhub-token", typed=market.token).code == 0


def test_the_provider_is_asked_what_the_key_may_do(
    applied: CommandResult, operator: Operator, market: MarketProcess
) -> None:
    def check() -> dict[str, bool]:
        checked = operator.gives("contract", "check", "--live", "--json")
        assert checked.code == 1, "nobody has filled the database's secret"
        return {line["setting"]: line["fine"] for line in checked.data["live"] if line["dataset"] == "quotes"}

    operator.gives("secret", "set", "finnhub-token", typed=market.token)
    assert check() == {"source.provider": True, "source.history": True}
    number = market.fail("forbidden", endpoint="candle")
    try:
        free = check()
    finally:
        market.heal(number)
    assert free == {"source.provider": True, "source.history": False}


@pytest.fixture(scope="module")
def second(operator: Operator, applied: CommandResult, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return operator.elsewhere(tmp_path_factory.mktemp("second") / "operator")


def test_a_deployment_from_another_checkout_changes_nothing_and_keeps_data_and_parameters(
    applied: CommandResult, operator: Operator, second: Operator
) -> None:
    deployment = operator.deployment
    deployed.land(deployment, "feeds-errors/quotes/2026/11/20/14/kept.gz", [{"kept": True}])
    Clients()("ssm").put_parameter(Name="/starmend/dev/sales/staff/sequential_id", Value="7", Overwrite=True)
    before = (deployed.parameters(deployment), deployed.ingest_keys(deployment), deployed.pointers(deployment))
    again = second.gives("deploy", "apply", "--json")  # nobody is asked where nothing changes
    assert again.code == 0, again.err
    assert {change["address"] for change in again.data["plan"]["changes"]} <= EMULATORS_DIFFERENCES
    assert (
        deployed.parameters(deployment), deployed.ingest_keys(deployment), deployed.pointers(deployment),
    ) == before  # fmt: skip
    assert not (second.folder / "build/layers").exists(), "layers that are in the account are built by nobody"


def test_what_is_changed_by_hand_is_mailed_and_its_alarm_is_on_until_somebody_takes_it_back(
    applied: CommandResult, operator: Operator
) -> None:
    deployment, functions = operator.deployment, Clients()("lambda")
    name = deployment.functions["process"]
    before = functions.get_function_configuration(FunctionName=name)["Timeout"]
    with deployed.mailbox(deployment, "drift") as mail:
        functions.update_function_configuration(FunctionName=name, Timeout=before + 1)
        said = operator.gives("deploy", "drift", "--notify", "--json")
        functions.update_function_configuration(FunctionName=name, Timeout=before)
        assert said.code == 1, said.err
        (changed,) = [change["address"] for change in said.data["changes"]]
        assert changed == "module.process.aws_lambda_function.this"
        alarmed = eventually(lambda: [text for text in mail() if "deployment-drift" in text], within=90)
        (told,) = [text for text in mail() if not text.startswith("{")]
        assert f"update  {changed}" in told
        assert "starmend deploy plan --env dev" in told
    assert json.loads(alarmed[0])["NewStateValue"] == "ALARM"
    assert "docs/runbook.md#deployment-drift" in json.loads(alarmed[0])["AlarmDescription"]

    def is_over() -> bool:
        """Whether a look that finds nothing has put the alarm out: once its period holds no other."""
        assert operator.gives("deploy", "drift", "--notify").code == 0
        return deployed.alarm_state(deployment, "deployment-drift") == "OK"

    eventually(is_over, within=400)


def test_somebody_with_nothing_built_does_what_whoever_deployed_can_do(operator: Operator, second: Operator) -> None:
    shutil.rmtree(second.folder / "build", ignore_errors=True)
    shutil.rmtree(operator.folder / "build")  # nor is what lies with whoever applied needed by anybody
    row = {"currency_id": 1, "currency_code": "GBP", "created_at": AT, "last_updated": AT}
    deployed.land(operator.deployment, KEY, [row])
    await_receipts(operator.deployment, "tables/")
    replayed = second.gives("replay", KEY, "--json")
    assert (replayed.code, replayed.data["unchanged"]) == (0, 1), replayed.err
    rebuilt = second.gives("rebuild", "dim_currency", "--json")
    # The current rows of the source, which the dimension is computed from, and the dimension.
    assert (rebuilt.code, [table["changed"] for table in rebuilt.data]) == (0, [False, False]), rebuilt.err
    status = second.gives("status", "--progress", "--json")
    assert {line["table"]: line["objects"] for line in status.data["progress"]}["currency"] == 1, status.err
    asked = second.gives("query", "select currency_code from dim_currency", "--json")
    assert asked.data == [{"currency_code": "GBP"}], asked.err
    audited = second.gives("audit", "--dry-run", "--dataset", "quotes", "--json")
    assert audited.code in (0, 1), audited.err
    assert ([line["dataset"] for line in audited.data["audits"]], "plan" in audited.data) == (["quotes"], True)
    verified = second.gives("verify", "--json")
    assert verified.code == 0, verified.err
    page = second.folder / "page.html"
    drawn = second.gives("report", "--output", str(page), "--json")
    assert (drawn.code in (0, 1), page.exists()) == (True, True), drawn.err
    assert not (second.folder / "build").exists()


def test_prod_is_not_destroyed_while_data_exist(applied: CommandResult, operator: Operator) -> None:
    """A production whose buckets are those of the deployment at hand: only its state is looked at before it refuses."""
    buckets = dict(operator.deployment.buckets)
    deployed.land(operator.deployment, "feeds-errors/quotes/2026/11/20/14/kept.gz", [{"kept": True}])
    state = {
        "version": 4, "terraform_version": "1.11.0", "serial": 1, "lineage": "00000000-0000-4000-8000-000000000000",
        "outputs": {"buckets": {"value": buckets, "type": ["map", "string"]}}, "resources": [],
    }  # fmt: skip
    Clients()("s3").put_object(Bucket=STATE, Key="prod/terraform.tfstate", Body=json.dumps(state).encode())
    said = operator.gives("deploy", "destroy", "--yes", to="prod")
    assert said.code == 3
    assert f"s3://{buckets['ingest']} holds" in said.err
    assert "Empty each bucket" in said.err
    assert deployed.ingest_keys(operator.deployment)


def test_destroying_asks_and_leaves_nothing_but_the_state(applied: CommandResult, operator: Operator) -> None:
    asked = operator.gives("deploy", "destroy")
    assert (asked.code, "Give --yes" in asked.err) == (2, True)
    said = operator.gives("deploy", "destroy", "--yes")
    assert said.code == 0, said.err
    assert left(Clients()) == {"s3": [STATE]}
    gone = operator.gives("status")
    assert (gone.code, "starmend deploy apply --env dev" in gone.err) == (3, True)


def left(clients: Clients) -> dict[str, list[str]]:
    """Whatever is in the account, by service."""
    account = {
        "s3": [bucket["Name"] for bucket in clients("s3").list_buckets()["Buckets"]],
        "lambda": [function["FunctionName"] for function in clients("lambda").list_functions()["Functions"]],
        "layers": [layer["LayerName"] for layer in clients("lambda").list_layers()["Layers"]],
        "mappings": [
            mapping["UUID"] for mapping in clients("lambda").list_event_source_mappings()["EventSourceMappings"]
        ],
        "sqs": clients("sqs").list_queues().get("QueueUrls", []),
        "kinesis": clients("kinesis").list_streams()["StreamNames"],
        "firehose": clients("firehose").list_delivery_streams()["DeliveryStreamNames"],
        "ssm": [parameter["Name"] for parameter in clients("ssm").describe_parameters()["Parameters"]],
        "secrets": [secret["Name"] for secret in clients("secretsmanager").list_secrets()["SecretList"]],
        "roles": [role["RoleName"] for role in clients("iam").list_roles()["Roles"] if "starmend" in role["RoleName"]],
        "policies": [policy["PolicyName"] for policy in clients("iam").list_policies(Scope="Local")["Policies"]],
        "logs": [group["logGroupName"] for group in clients("logs").describe_log_groups()["logGroups"]],
        "alarms": [
            alarm["AlarmName"]
            for kind in ("MetricAlarms", "CompositeAlarms")
            for alarm in clients("cloudwatch")
            .describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            .get(kind, [])
        ],
        "dashboards": [
            dashboard["DashboardName"] for dashboard in clients("cloudwatch").list_dashboards()["DashboardEntries"]
        ],
        "sns": [topic["TopicArn"] for topic in clients("sns").list_topics()["Topics"]],
        "schedules": [schedule["Name"] for schedule in clients("scheduler").list_schedules()["Schedules"]],
        "groups": [group["Name"] for group in clients("scheduler").list_schedule_groups()["ScheduleGroups"]],
        "machines": [machine["name"] for machine in clients("stepfunctions").list_state_machines()["stateMachines"]],
        "databases": [database["Name"] for database in clients("glue").get_databases()["DatabaseList"]],
        "workgroups": [group["Name"] for group in clients("athena").list_work_groups()["WorkGroups"]],
    }
    provided = {"groups": ["default"], "workgroups": ["primary"]}
    return {name: names for name, names in account.items() if names and names != provided.get(name)}

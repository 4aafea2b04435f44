"""The mirror as it is deployed: a schedule's event, the queue, function and catalog, and an audit when it is late."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from pyiceberg.catalog.glue import GlueCatalog
from tests.support import deployed
from tests.support.commands import Command
from tests.support.sessions import Hour
from tests.support.waiting import eventually

from core.mirroring.lag import RUNS
from core.mirroring.names import hint_key, version_of_metadata
from local.healing import audit, listening
from local.invoking import await_receipts, follow_with_mirrors, invoke, query_rows
from local.stack import Stack
from local.trading import QUOTES, await_points, trade

pytestmark = pytest.mark.stack
FACT = "fact_quote"


def heard(_line: str) -> None:
    """The scenario asserts on data, not on what is said."""


def theirs(stack: Stack) -> GlueCatalog:
    """PyIceberg's own catalog for Glue, which knows the stack by the names of its database alone."""
    environment = stack.deployment.aws_environment
    return GlueCatalog(
        "star",
        client=stack.deployment.clients("glue"),
        **{
            "s3.endpoint": environment["AWS_ENDPOINT_URL"],
            "s3.access-key-id": environment["AWS_ACCESS_KEY_ID"],
            "s3.secret-access-key": environment["AWS_SECRET_ACCESS_KEY"],
            "s3.region": stack.deployment.region,
        },
    )


def entry(stack: Stack, table: str) -> dict[str, Any]:
    glue, database = stack.deployment.clients("glue"), stack.deployment.mirror_database
    return dict(glue.get_table(DatabaseName=database, Name=table)["Table"])


def test_every_table_follows_and_is_found_in_the_catalog_by_another_s_client(stack: Stack) -> None:
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, "tables/")
    rows = follow_with_mirrors(stack.deployment)
    counted = query_rows(
        stack.deployment, " union all ".join(f"select '{t}' as t, count(*) as n from {t}" for t in rows)
    )
    assert rows == {row["t"]: row["n"] for row in counted}
    opened = theirs(stack).load_table((stack.deployment.mirror_database, "dim_currency"))
    athena = query_rows(stack.deployment, "select currency_id, currency_code from dim_currency")
    read = opened.scan(selected_fields=("currency_id", "currency_code")).to_arrow().to_pylist()
    assert sorted(row["currency_id"] for row in read) == sorted(row["currency_id"] for row in athena)
    assert {row["currency_code"] for row in read} == {row["currency_code"] for row in athena}


def test_a_run_that_died_between_its_commit_and_the_catalog_is_mended_by_the_next(stack: Stack) -> None:
    """Hint and entry are put back to where that run left them; nothing changed in the star since."""
    deployment = stack.deployment
    follow_with_mirrors(deployment)
    last = version_of_metadata(entry(stack, "dim_currency")["Parameters"]["metadata_location"])
    shell = entry(stack, "dim_currency")
    kept = {name: shell[name] for name in ("Name", "Description", "TableType", "StorageDescriptor")}
    before = {"table_type": "ICEBERG", "metadata_location": "", "starmend.table_uuid": ""}
    glue = deployment.clients("glue")
    glue.update_table(DatabaseName=deployment.mirror_database, TableInput={**kept, "Parameters": before})
    deployed.warehouse(deployment).delete([hint_key("dim_currency")])
    if last and last > 1:
        deployed.warehouse(deployment).write(hint_key("dim_currency"), str(last - 1).encode())
    assert invoke(deployment, "mirror", {"table": "dim_currency"}) == {"version": last}
    assert version_of_metadata(entry(stack, "dim_currency")["Parameters"]["metadata_location"]) == last


@pytest.mark.long
def test_a_mirror_that_is_late_is_mailed_once_shown_and_over_when_it_has_followed(
    stack: Stack, hour: Hour, starmend: Command
) -> None:
    """In ``make test``: tests/unit/auditor/warehouse/test_mirrors.py; what an alarm of the auditor mails and when it is
    over, test_the_page_on_the_stack.
    """
    deployment, first = stack.deployment, hour(3)
    lines = deployed.count_lines(deployment, f"feeds/{QUOTES}/")
    follow_with_mirrors(deployment)
    traded = trade(stack, first, minutes=2)
    await_points(stack, lines + traded.asked)
    stack.market.clock.real()
    last = first + dt.timedelta(hours=1)
    audit(stack, QUOTES, first, last, say=heard)  # it heals the hour, so that those below change nothing
    moved = max(info.modified for info in deployed.warehouse(deployment).list(f"warehouse/{FACT}/"))
    promise = {"STARMEND_MIRROR_SECONDS": "1", "STARMEND_MIRROR_WITHIN_SECONDS": "1"}
    with (
        deployed.reconfigured(deployment, "audit", **promise),
        deployed.reconfigured(deployment, "verify", **promise),
    ):
        time.sleep(max(0.0, RUNS + 1 - (dt.datetime.now(dt.UTC) - moved).total_seconds()))  # until it is late
        with listening(stack) as mails:
            for _ in range(2):
                assert audit(stack, QUOTES, first, last, say=heard).causes == 1
        [mail] = mails
        assert FACT in mail
        assert "docs/runbook.md#lagging-mirror" in mail
        shown = {each["dataset"]: each["alarms"] for each in starmend("status", "--json").data["datasets"]}
        assert "lagging_mirror" in shown[QUOTES]
        eventually(lambda: deployed.alarm_state(deployment, f"gaps-unhealed-{QUOTES}") == "ALARM", within=30)
        follow_with_mirrors(deployment)
        assert audit(stack, QUOTES, first, last, say=heard).causes == 0

    def is_over() -> bool:
        """The alarm looks at the most of a period, in which the audit that called may lie as well: the next ends it."""
        return audit(stack, QUOTES, first, last, say=heard).causes == 0 and (
            deployed.alarm_state(deployment, f"gaps-unhealed-{QUOTES}") == "OK"
        )

    eventually(is_over, within=60, every=2)

"""What the roles were granted, held against what they asked for while every other scenario ran on the same stack.

The emulator's policies decide as AWS's do, so that a call which is not granted fails the scenario that makes it. These
tests run last and find the rest: grants without which every scenario would have passed as well, and requests that a
service's model forbids where whoever made them got over the refusal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.support import deployed
from tests.support.grants import Grant, granted, not_granted, not_needed
from tests.support.services import asked_by_services
from tests.support.state import Resource

from core.errors import PipelineBug
from local.database.changes import Changes
from local.demo import await_horizon
from local.emulator import decisions
from local.emulator.decisions import Decision
from local.emulator.process import LOG
from local.emulator.requests.constraints import REFUSED
from local.invoking import await_receipts, invoke
from local.stack import Stack

pytestmark = pytest.mark.stack

# Grants that no scenario of the stack needs, as "role statement action on resource", each with who needs it and when.
EXCEPTIONS: Mapping[str, str] = {
    r"[a-z]+ (Find|FindPartitions|TellMissingFromForbidden) s3:ListBucket .*":
        "S3 asks about it where a key is not there, to tell missing from forbidden; not every bucket lacks one here",
    r"(pull|repair) WriteToDeliveries firehose:PutRecordBatch .*-canary":
        "the canary's schedule, and the gap that it plants: a scenario of `make chaos`",
    r"verify AskForLines lambda:InvokeFunction .*-restate":
        "a run has its lines shaped once, by its audit; its verification asks for what it got no answer of",
    r"(audit|verify) (ReadDefaultDatabase|ReadCatalog|KeepResults|ListResults|FindBuckets) .*":
        "Athena uses the rights of whoever asks it; the emulator's reads without asking",
    r"(audit|verify) AskAthena athena:StopQueryExecution .*": "a question that takes too long is stopped",
    r"[a-z]+ [A-Za-z]+ (s3|ssm):[A-Za-z]+ .*/sales_canary/.*":
        "what the sales need, for their shadow; no scenario of the stack extracts it (test_the_database_canary)",
    r"repair (TakeTurns|TellNoTurnsFromForbidden) s3:.*":
        "the pull function's own, and within what the repair function may do to the files of its runs",
    r"restate ProcessAgain s3:PutObject .*/quarantine/.*|restate RememberLatestObject ssm:PutParameter .*":
        "a replay at scale does what processing does; those of the stack have no bad line and no newer object",
    r"restate RemoveOldObjects s3:DeleteObject .*": "no object of a new stack has outlived its grace period",
    r"check WriteRepairs s3:PutObject .*/lists/.*|(audit|verify) Read s3:GetObject .*/quarantine/.*"
    r"|page ReadLines s3:GetObject .*/feeds/.*":
        "a repair may be the first to hash by a new contract, and what it brought may be refused; a story looks for its"
        " point's line in objects of the two days after it, and whether there are any here is a matter of the weekday",
    r"audit WriteDown s3:PutObject .*/_contracts/.*":
        "an audit by a contract that no deployment wrote down, for its last step was cut off",
    r"(pull|repair) (NoteBrokenAnswers|KeepBadRecords) s3:PutObject .*":
        "answers and records that make no sense; the provider of the stack sends none",
    r"mirror WriteMetadata s3:DeleteObject .*":
        "no snapshot of a new stack has expired, and no mirror of it has more than twenty versions",
    r"repair BringBackObjects s3:DeleteObjectVersion .*/repair/.*": "a deleted object of a repair",
}  # fmt: skip


@pytest.fixture(scope="module")
def grants(resources: list[Resource]) -> list[Grant]:
    return granted(resources)


@pytest.fixture(scope="module")
def asked(stack: Stack, resources: list[Resource], grants: list[Grant]) -> list[Decision]:
    """Whatever was asked for with the roles: by their functions in every scenario, and by AWS's services as set up."""
    with deployed.reconfigured(stack.deployment, "extract", STARMEND_TEST_CONTAINER="fresh"):
        invoke(stack.deployment, "extract", {"dataset": "sales"})  # it remembers no object, so it looks
    ours = {grant.role for grant in grants}
    recorded = [decision for decision in decisions.read(stack.emulator.state_dir) if decision.role in ours]
    return recorded + asked_by_services(resources, recorded)


def shown(stack: Stack, subject: Grant | Decision) -> str:
    role = subject.role.removeprefix(f"{stack.deployment.project}-{stack.deployment.environment}-")
    statement = f"{subject.statement} " if isinstance(subject, Grant) else ""
    return f"{role} {statement}{subject.action} on {subject.resource}"


def test_no_role_asks_for_what_it_is_not_granted(stack: Stack, grants: list[Grant], asked: list[Decision]) -> None:
    assert [shown(stack, need) for need in asked if not need.allowed] == []
    assert [shown(stack, need) for need in not_granted(grants, asked)] == []
    assert {need.role for need in asked} <= {grant.role for grant in grants}


def test_no_request_was_refused_by_its_service_s_model(stack: Stack) -> None:
    log = (stack.emulator.state_dir / LOG).read_text(encoding="utf-8", errors="replace")
    assert [line for line in log.splitlines() if REFUSED in line] == []


def test_without_any_one_grant_some_scenario_would_be_refused(
    stack: Stack, grants: list[Grant], asked: list[Decision], unfinished: list[str]
) -> None:
    if unfinished:
        pytest.skip(f"judges when every scenario of the stack has passed in this run; not so: {', '.join(unfinished)}")
    names = sorted(shown(stack, grant) for grant in not_needed(grants, asked))
    without_reason = [name for name in names if not any(re.fullmatch(pattern, name) for pattern in EXCEPTIONS)]
    assert without_reason == [], "granted and never needed:\n" + "\n".join(without_reason)
    stale = [pattern for pattern in EXCEPTIONS if not any(re.fullmatch(pattern, name) for name in names)]
    assert stale == [], "a scenario needs it, or it is gone: no exception any more"


def test_each_grant_that_is_needed_is_missed_when_it_is_gone_and_one_too_many_is_told(
    grants: list[Grant], asked: list[Decision]
) -> None:
    needed = set(grants) - set(not_needed(grants, asked))
    assert len(needed) > 50
    for grant in needed:
        concerned = [need for need in asked if (need.role, need.action) == (grant.role, grant.action)]
        assert not_granted([other for other in grants if other != grant], concerned) != [], grant
    wider = replace(next(iter(needed)), resource="*", statement="TooWide")
    assert wider in not_needed([*grants, wider], asked)


@contextmanager
def without(stack: Stack, function: str, statement: str) -> Iterator[None]:
    """The function's role less one statement, for a container that remembers nothing of before."""
    iam, role = stack.deployment.clients("iam"), stack.deployment.functions[function]
    whole = iam.get_role_policy(RoleName=role, PolicyName="grants")["PolicyDocument"]
    left = [kept for kept in whole["Statement"] if kept["Sid"] != statement]
    assert len(left) == len(whole["Statement"]) - 1
    put = {"RoleName": role, "PolicyName": "grants"}
    iam.put_role_policy(**put, PolicyDocument=json.dumps({**whole, "Statement": left}))
    try:
        with deployed.reconfigured(stack.deployment, function, STARMEND_TEST_WITHOUT=statement):
            yield
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(whole))


@pytest.mark.parametrize(
    "statement",
    [
        "WriteObjects",
        *(
            pytest.param(statement, marks=pytest.mark.long)
            for statement in ("ReadDatabaseSecrets", "KeepState", "NextObject", "FindObjectsBeyondState")
        ),
    ],
)
def test_extraction_is_stopped_by_every_grant_that_is_taken_away_and_goes_on_when_it_is_back(
    stack: Stack, asked: list[Decision], statement: str
) -> None:
    """After ``asked`` was read, for what is refused here is refused on purpose.

    That each of the others is missed when it is gone, the judgement above computes from what was asked.
    """
    contract = stack.deployment.contracts.dataset("sales")
    changes = Changes(stack.database.connect, seed=11)
    [order] = changes.insert_orders(1)["sales_order"]
    changes.close()
    await_horizon(stack, contract)
    with without(stack, "extract", statement), pytest.raises(PipelineBug, match=r"AccessDenied|Forbidden"):
        invoke(stack.deployment, "extract", {"dataset": "sales"})
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, "tables/sales/")
    sql = f"select count(*) as n from fact_sales_order where sales_order_id = {order} and is_latest"
    assert stack.deployment.athena.query(sql)["n"][0] == 1

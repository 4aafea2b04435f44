"""What the roles were granted, held against what they asked for while every other scenario ran on the same stack.

The emulator's policies decide as AWS's do, so a call that is not granted fails the scenario that makes it; these tests,
which run last, find what is granted and needed by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from tests.scenarios.conftest import STACK_SCENARIOS
from tests.support.grants import Grant, granted, never_used
from tests.support.state import managed

from local.emulator import decisions
from local.stack import Stack

pytestmark = pytest.mark.stack

# Grants that no scenario needed, as "role statement action on resource", each with who needs it and when.
EXCEPTIONS: Mapping[str, str] = {
    r"[a-z]+ WriteOwnLog .*": "Lambda writes a function's log with the function's role, unseen by any policy here",
    r"(process|pull|repair) Take(Arrivals|Requests) .*": "Lambda polls the queue with the function's role",
    r"start-[a-z]+  (lambda:InvokeFunction|states:StartExecution) .*": "EventBridge Scheduler's role",
    r"deliver-[a-z]+ .*": "Firehose's role",
    r"audit-machine .*": "Step Functions' role",
    r"conclude EncryptForAdmins .*": "SNS encrypts with the publisher's role",
    r"[a-z]+ (Find|FindPartitions|TellMissingFromForbidden) s3:ListBucket .*":
        "S3 asks about it only where a key is not there, to tell missing from forbidden",
    r"extract WriteObjects s3:GetObject .*": "reads back what a lost answer left open (test_extraction_crashes)",
    r"extract WriteObjects s3:PutObject .*/repair/.*": "keys that the auditor of databases asks for again",
    r"process KeepRejectedLines s3:GetObject .*": "S3 asks for it where lines that an earlier try left are replaced",
    r"queue .*": "objects without a receipt (test_auditor_heals_the_feed); the stack's events lose none",
    r"repair AnswerStateMachine states:SendTaskFailure .*": "a job that fails",
    r"repair BringBackObjects s3:DeleteObjectVersion .*/(tables|repair)/.*": "a database's deleted object",
    r"restate ReadObjects s3:GetObject .*/(tables|repair)/.*": "a fact of a database that is made again",
}  # fmt: skip


@pytest.fixture(scope="module")
def grants(stack: Stack) -> list[Grant]:
    terraform, _ = stack.terraform()
    return granted(managed(terraform.state()))


def named(stack: Stack, grant: Grant) -> str:
    role = grant.role.removeprefix(f"{stack.deployment.project}-{stack.deployment.environment}-")
    return f"{role} {grant.statement} {grant.action} on {grant.resource}"


def test_no_role_asked_for_what_it_is_not_granted(stack: Stack, grants: list[Grant]) -> None:
    ours = {one.role for one in grants}
    asked = [one for one in decisions.read(stack.emulator.state_dir) if one.role in ours]
    assert [f"{one.role}: {one.action} on {one.resource}" for one in asked if not one.allowed] == []
    assert {one.role for one in asked} > {
        f"{stack.deployment.functions[name]}" for name in ("extract", "process", "pull")
    }


def test_every_grant_was_needed_or_has_its_reason(
    stack: Stack, grants: list[Grant], request: pytest.FixtureRequest
) -> None:
    ran = {item.path.name for item in request.session.items}
    if missing := STACK_SCENARIOS - ran:
        pytest.skip(f"tells only after every scenario of the stack; not in this run: {sorted(missing)}")
    unused = never_used(grants, decisions.read(stack.emulator.state_dir))
    without_reason = sorted(
        named(stack, one)
        for one in unused
        if not any(re.fullmatch(pattern, named(stack, one)) for pattern in EXCEPTIONS)
    )
    assert without_reason == [], "granted and never needed:\n" + "\n".join(without_reason)


def test_every_exception_is_of_a_grant_that_exists(stack: Stack, grants: list[Grant]) -> None:
    names = [named(stack, one) for one in grants]
    assert [pattern for pattern in EXCEPTIONS if not any(re.fullmatch(pattern, name) for name in names)] == []

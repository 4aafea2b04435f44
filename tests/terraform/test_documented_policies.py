"""Policies of deployers and operators, held to what a plan makes and to what the command asks AWS for."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
from tests.support.planning import ACCOUNT, BOUNDARY, Change
from tests.terraform.conftest import MODULE, ROOT

from aws.deployment import DESCRIPTION, code_bucket
from deploy.policies import EMR, GLUE, LIMIT, Place, Statement, compact, deployer, documents, operator

REGION = "us-east-1"
PLACE = Place("aws", ACCOUNT, REGION, "starmend", "test")

# What the AWS provider calls to make, read, change and remove each type, and the ARN that it is asked for. Three in
# four were recorded; the rest (changes, tags given with what is made, what the emulator asks nothing for) was put
# together from the names of the API's operations, and no account has confirmed it.
TYPES: Mapping[str, Mapping[str, Any]] = json.loads((ROOT / "tests/policies/actions_of_types.json").read_text())
# Calls that no plan of the tests' contracts has need of, with those who have.
BEYOND_THE_TYPES = {
    r"[a-z0-9-]+:(Untag|ListTags|DeleteTags|TagResource|RemoveTags|List[A-Za-z]*Tags).*": "tags, taken off or read",
    r"athena:(StartQueryExecution|GetQueryExecution|GetQueryResults|StopQueryExecution)": "trying every table once",
    r"glue:(GetDatabases|GetTables|GetPartitions|GetPartitionIndexes)": "what Athena asks for with the caller's rights",
    r"lambda:(InvokeFunction|GetFunctionConfiguration|UpdateFunctionEventInvokeConfig)": "trying functions, changes",
    r"secretsmanager:(GetSecretValue|RestoreSecret)": "which secrets are empty; one that was removed within a week",
    r"kinesis:(DescribeStream|UpdateStreamMode|StopStreamEncryption|(In|De)creaseStreamRetentionPeriod)": "a change",
    r"sns:ListSubscriptionsByTopic": "who has confirmed",
    r"sqs:GetQueueUrl": "releases of the provider, perhaps; not recorded",
    r"logs:(DeleteRetentionPolicy|ListTagsLogGroup)": "releases of the provider, perhaps; a retention changed",
    r"kms:(CreateKey|UpdateKeyDescription)": "a key is made before it has a name; a key changed",
    r"iam:(UpdateRole|UpdateRoleDescription|DetachRolePolicy|DeleteRolePolicy)": "a role changed",
    r"s3:(GetObjectVersion|AbortMultipartUpload|ListMultipartUploadParts)": "large packages; the state's old versions",
    r"s3:(Get|Put)BucketLogging": "access_log_bucket",
    r"s3:GetBucketLocation|s3:ListBucketVersions": "the state's bucket, buckets that are emptied",
}
# What AWS takes no narrower grant of.
WIDE = {"cloudwatch:PutCompositeAlarm"}
# The names of botocore's operations that are authorized as another action; None: as no action of a policy's.
OTHERWISE = {
    "s3:HeadBucket": "s3:ListBucket", "s3:ListObjectsV2": "s3:ListBucket", "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions", "s3:DeleteObjects": "s3:DeleteObject",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration", "lambda:Invoke": "lambda:InvokeFunction",
    "sqs:SendMessageBatch": "sqs:SendMessage", "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}  # fmt: skip
# Calls that only functions make, with roles of their own.
FUNCTIONS_ALONE = {"states:SendTaskSuccess", "states:SendTaskFailure", "kms:Sign"}
_SERVICES = {"stepfunctions": "states"}
_ASKED = (
    "athena",
    "ce",
    "cloudwatch",
    "emr-serverless",
    "glue",
    "kinesis",
    "kms",
    "lambda",
    "s3",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
)


def allows(statements: Sequence[Statement], action: str, resource: str, **context: str) -> bool:
    asked = EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/somebody/any", principal_type="AssumedRole",
        principal_account=ACCOUNT, action=action, resource_arn=resource, region=REGION, secure_transport=True,
        service_context={"aws:resourcetag/project": "starmend", **context},
    )  # fmt: skip
    return bool(evaluate(asked, _parsed(tuple(statements))).decision == "Allow")


@lru_cache
def _parsed(statements: tuple[Statement, ...]) -> list[Any]:
    return [parse_policy_document(document) for document in documents(statements)]


def actions(statements: Iterable[Statement]) -> set[str]:
    return {action for statement in statements for action in statement.actions}


@pytest.fixture(scope="module")
def planned(changes: list[Change]) -> dict[str, dict[str, Any]]:
    """A resource of each type, as it will be or was."""
    return {change["type"]: change["change"]["after"] or change["change"]["before"] for change in changes}


def test_the_calls_of_every_type_are_known_also_of_those_that_are_off(planned: dict[str, dict[str, Any]]) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in MODULE.rglob("*.tf"))
    types = {*re.findall(r'^resource "(\w+)"', sources, re.MULTILINE), *planned}
    assert types == set(TYPES)


@pytest.mark.parametrize("engine", [EMR, GLUE])
def test_who_switches_spark_on_may_make_it_and_who_operates_it_may_start_it(engine: str) -> None:
    """Service Authorization Reference, EMR Serverless and Glue: resources, and what each call passes on."""
    role, at = f"arn:aws:iam::{ACCOUNT}:role/starmend-test-spark", f"{REGION}:{ACCOUNT}"
    service = {"iam:passedtoservice": f"{engine}.amazonaws.com"}
    own = "ops.emr-serverless.amazonaws.com"
    own_role = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{own}/AWSServiceRoleForAmazonEMRServerless"
    who, starts = deployer(PLACE, spark=engine), operator(PLACE, spark=engine)
    if engine == GLUE:
        job = f"arn:aws:glue:{at}:job/starmend-test-spark"
        assert [name for name in TYPES["aws_glue_job"]["actions"][:-1] if not allows(who, name, job)] == []
        assert allows(who, "iam:PassRole", role, **service)
        assert all(allows(starts, f"glue:{name}", job) for name in ("StartJobRun", "GetJobRun", "GetJobRuns"))
    else:
        application = f"arn:aws:emr-serverless:{at}:/applications/00abc"
        tagged = {"aws:requesttag/project": "starmend"}
        named = TYPES["aws_emrserverless_application"]["actions"][:-1]
        assert [name for name in named if not allows(who, name, application, **tagged)] == []
        theirs = {"aws:resourcetag/project": "other", "aws:requesttag/project": "other"}
        assert [name for name in named if allows(who, name, application, **theirs)] == []
        assert allows(who, "iam:CreateServiceLinkedRole", own_role, **{"iam:awsservicename": own})
        assert all(allows(starts, f"{engine}:{name}", application) for name in ("StartJobRun", "ListJobRuns"))
        assert not allows(starts, f"{engine}:StartJobRun", application, **theirs)
        assert allows(starts, f"{engine}:GetJobRun", f"{application}/jobruns/1")
        assert allows(starts, "iam:PassRole", role, **service)
    for without in (deployer(PLACE), operator(PLACE)):
        assert not any(re.match(r"emr-serverless:|glue:\w*Job", name) for name in actions(without))
        assert not allows(without, "iam:PassRole", role, **service)


def test_what_aws_wants_to_be_granted_on_everything_is() -> None:
    """CloudWatch's API reference says it of each such operation, in the words of the SDK's own model."""
    scoped = re.compile(r"<code>(\w+:\w+)</code> permission that is scoped to <code>\*</code>")
    wide: set[str] = set()
    for service in (*_ASKED, "cloudwatch", "iam", "logs", "firehose", "ec2"):
        model = botocore.session.get_session().get_service_model(service)
        texts = (str(model.operation_model(name).documentation) for name in model.operation_names)
        wide |= {action for text in texts for action in scoped.findall(text)}
    assert {"cloudwatch:PutCompositeAlarm", "cloudwatch:DescribeAlarms"} <= wide
    for who in (deployer(PLACE), operator(PLACE)):
        narrow = [s for s in who for action in s.actions if action in wide and (s.resources != ("*",) or s.conditions)]
        assert narrow == []


EVERYTHING = [*deployer(PLACE, network=True, spark=GLUE), *deployer(PLACE, spark=EMR)]


def test_a_deployer_may_do_whatever_the_plan_needs(planned: dict[str, dict[str, Any]]) -> None:
    who = deployer(PLACE)
    refused = []
    for kind, values in planned.items():
        names = {name: value for name, value in values.items() if isinstance(value, str)}
        names = {"arn": values.get("topic_arn") or "", **names}
        resource = TYPES[kind]["resource"].format(at=f"{REGION}:{ACCOUNT}", account=ACCOUNT, **names)
        refused += [
            f"{kind}: {action} on {resource}"
            for action in TYPES[kind]["actions"]
            if action != "iam:PassRole" and not allows(who, action, resource)
        ]
    assert refused == []


def test_a_deployer_may_do_nothing_that_nobody_can_account_for() -> None:
    needed = {action for kind in TYPES.values() for action in kind["actions"]}
    [nameless] = [statement for statement in deployer(PLACE) if statement.sid == "Nameless"]
    assert needed <= actions(EVERYTHING)
    beyond = actions(EVERYTHING) - needed - set(nameless.actions)
    assert [name for name in sorted(beyond) if not any(re.fullmatch(why, name) for why in BEYOND_THE_TYPES)] == []


@pytest.mark.parametrize("who", [deployer, operator])
def test_nobody_touches_what_is_another_project_s(who: Any) -> None:
    statements = who(PLACE)
    for kind in TYPES.values():
        resource = kind["resource"].format_map(Names(at=f"{REGION}:{ACCOUNT}", account=ACCOUNT))
        if "any" in resource or not resource.startswith("arn:"):
            continue  # keys and mappings have no names of ours: keys are told by their tag
        for action in kind["actions"]:
            assert not allows(statements, action, resource) or action in WIDE, (action, resource)


class Names(dict[str, str]):
    """Fields of a pattern, any unknown one being another project's."""

    def __missing__(self, name: str) -> str:
        return "other-prod-thing"


def test_roles_are_made_under_the_boundary_where_there_is_one() -> None:
    who, role = deployer(PLACE, boundary=BOUNDARY), f"arn:aws:iam::{ACCOUNT}:role/starmend-test-process"
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"):
        assert not allows(who, action, role)
        assert allows(who, action, role, **{"iam:permissionsboundary": BOUNDARY})
    assert not allows(who, "iam:DeleteRolePermissionsBoundary", role)


def called_by(*folders: str) -> set[str]:
    """Actions of the SDK's operations that modules name: ``client.put_object(...)``, ``get_paginator("list_...")``."""
    session = botocore.session.get_session()
    known: dict[str, set[str]] = {}
    for service in _ASKED:
        for operation in session.get_service_model(service).operation_names:
            known.setdefault(xform_name(operation), set()).add(f"{_SERVICES.get(service, service)}:{operation}")
    found: set[str] = set()
    for path in (path for folder in folders for path in (ROOT / "src" / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = (
                node.attr if isinstance(node, ast.Attribute) else node.value if isinstance(node, ast.Constant) else ""
            )
            if isinstance(name, str) and name in known:
                found |= {OTHERWISE.get(action, action) for action in known[name]}
    return found - {
        "athena:GetSession",
        "emr-serverless:GetSession",
        "glue:GetSession",
        "kms:Verify",
        "kms:Encrypt",
    }  # names of other things, too


def test_whatever_the_command_asks_for_somebody_may_ask() -> None:
    asked = called_by("aws", "cli", "deploy") - FUNCTIONS_ALONE
    assert len(asked) > 25
    engines = actions(statement for name in (EMR, GLUE) for statement in operator(PLACE, spark=name))
    assert asked - engines - actions(deployer(PLACE, notify=True)) == set()


def test_who_tells_of_drift_may_publish_to_the_encrypted_topic_and_count_it_and_nothing_like_it() -> None:
    """Amazon SNS Developer Guide: a publisher to an encrypted topic needs GenerateDataKey and Decrypt of its key."""
    topic, key = f"arn:aws:sns:{REGION}:{ACCOUNT}:starmend-test-alarms", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
    alias, other = ({"kms:resourcealiases": f"alias/starmend-test-{name}"} for name in ("alarms", "proof-1"))
    spaces = [{"cloudwatch:namespace": name} for name in ("Starmend", "AWS/Lambda")]
    for notify in (True, False):
        who = deployer(PLACE, notify=notify)
        assert allows(who, "sns:Publish", topic) is notify
        assert not allows(who, "sns:Publish", f"{topic}-of-others")
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            assert (allows(who, action, key, **alias), allows(who, action, key, **other)) == (notify, False)
        assert [allows(who, "cloudwatch:PutMetricData", "*", **space) for space in spaces] == [notify, False]


def test_an_operator_reads_what_every_command_begins_with_and_no_code() -> None:
    code = f"arn:aws:s3:::{code_bucket('starmend', 'test', ACCOUNT)}"
    for key in (DESCRIPTION, f"contracts/{'a' * 64}.json"):
        assert allows(operator(PLACE), "s3:GetObject", f"{code}/{key}")
        assert not allows(operator(PLACE), "s3:PutObject", f"{code}/{key}")
    assert not allows(operator(PLACE), "s3:GetObject", f"{code}/code/{'a' * 64}.zip")


def test_an_operator_may_do_nothing_that_the_command_does_not_ask_for() -> None:
    services_ask = {
        "athena:GetWorkGroup",
        "secretsmanager:DescribeSecret",
        "cloudwatch:DescribeAlarms",
        "sqs:GetQueueUrl",
        "iam:PassRole",  # EventBridge Scheduler, of whoever updates a schedule
    }
    of_queries = {name for name in actions(operator(PLACE)) if name.startswith("glue:")} | {
        "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetBucketLocation",
    }  # fmt: skip
    beyond = actions(operator(PLACE)) - called_by("aws", "cli") - services_ask - of_queries
    assert beyond <= {"sqs:GetQueueAttributes", "s3:GetObjectVersion", "s3:DeleteObjectVersion"}


@pytest.mark.parametrize("who", [deployer, operator])
def test_every_document_is_short_enough_and_has_no_wildcard_for_an_action(who: Any) -> None:
    long = Place("aws-us-gov", ACCOUNT, "us-gov-east-1", "p" * 20, "production")
    for document in documents(who(long, spark=EMR)):
        assert len(compact(document)) <= LIMIT
        for statement in document["Statement"]:
            assert not any("*" in action for action in statement["Action"])
            assert statement["Resource"] != ["*"] or statement["Sid"] in (
                "Nameless",
                "Network",
                "NewKeys",
                "NewApplications",
            )
    assert len(list(documents(who(long, spark=EMR)))) <= 10, "a role takes no more policies"


# What the emulator calls otherwise than AWS does, or asks for in AWS's place.
EMULATOR_ALONE = {
    "iam:GetUser",  # for the account's number where credentials are not validated; aws-sdk-go-base ignores a refusal
    "lambda:ListLayers",  # MiniStack's name for reading any layer: lambda:GetLayerVersion, which the policies have
}


@pytest.mark.parametrize(("role", "who"), [("deployer", deployer), ("operator", operator)])
def test_whatever_was_asked_for_from_bootstrap_to_destroy_is_allowed(role: str, who: Any) -> None:
    """Recorded on an emulator that decides about every call (``python -m tests.policies``)."""
    recorded = set(json.loads((ROOT / "tests/policies/recorded.json").read_text())[role])
    assert len(recorded) > 10
    assert recorded - actions(who(PLACE)) - EMULATOR_ALONE == set()


def test_an_operator_may_do_it_to_each_resource_that_was_asked_for() -> None:
    """A deployer's resources are no measure: the emulator asks about many of its calls for ``*``."""
    recorded = json.loads((ROOT / "tests/policies/recorded.json").read_text())["operator"]
    who = operator(Place("aws", "0" * 12, REGION, "starmend", "dev"))
    asked = [(action, resource) for action, resources in recorded.items() for resource in resources]
    assert len(asked) > 30
    assert [need for need in asked if not allows(who, *need)] == []
    own = {"s3:PutObject", "s3:DeleteObject", "sqs:SendMessage", "lambda:InvokeFunction", "states:StartExecution"}
    assert own <= recorded.keys(), "a command that was not exercised"

"""An emulator that is as strict as AWS: roles may what their policies say, functions import what the layers hold."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.support.waiting import eventually
from tests.unit.local.emulator.functions import create, publish_layers
from tests.unit.local.emulator.patches.metrics.alarms import alarm

from local.emulator import Emulator, decisions
from local.emulator.decisions import Decision
from local.emulator.process import LOG
from local.emulator.schedules import Pace, write_pace
from local.provisioning import UNPACKED_LAYERS

pytestmark = pytest.mark.emulator

LEAST = "arn:aws:iam::000000000000:role/least"
CODE = """
import boto3, importlib
def handler(event, context):
    if "imports" in event:
        return {name: attempt(importlib.import_module, name) for name in event["imports"]}
    client = boto3.client(event["service"])
    return attempt(getattr(client, event["operation"]), **event["arguments"])
def attempt(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        return code or type(error).__name__
    return "fine"
"""
GRANTS: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::listed/seen/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::listed"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::unlisted/*"},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:us-east-1:000000000000:open"},
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameters",
            "Resource": "arn:aws:ssm:us-east-1:000000000000:parameter/p/*",
        },
        {
            "Effect": "Allow",
            "Action": ["athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution"],
            "Resource": "arn:aws:athena:us-east-1:000000000000:workgroup/ours",
        },
        {
            "Effect": "Allow",
            "Action": "states:SendTaskSuccess",
            "Resource": "arn:aws:states:us-east-1:000000000000:stateMachine:answered",
        },
        {
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": "arn:aws:events:us-east-1:000000000000:event-bus/default",
            "Condition": {"StringEquals": {"events:source": "ours"}},
        },
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::listed/once/*"},
        {
            "Effect": "Allow",
            "Action": "kms:Sign",
            "Resource": "arn:aws:kms:us-east-1:000000000000:key/*",
            "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/ours"]}},
        },
    ],
}
BUCKET_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::listed/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::listed/once/*",
            "Condition": {"Null": {"s3:if-none-match": "true"}},
        },
        {
            "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::listed/seen/*",
            "Condition": {"StringNotEquals": {"aws:PrincipalArn": "arn:aws:iam::000000000000:role/least"}},
        },
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        with _started(tmp_path_factory.mktemp("strict")) as started:
            for name, value in started.environment().items():
                patch.setenv(name, value)
            make(boto3.Session())
            yield started


def _started(folder: Path) -> Emulator:
    return Emulator.start(folder, as_on_aws=True, layers=UNPACKED_LAYERS)


def make(session: boto3.Session) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam = session.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="least", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName="least", PolicyName="grants", PolicyDocument=json.dumps(GRANTS))
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("index.py", CODE)
    session.client("lambda").create_function(
        FunctionName="asks", Runtime="python3.12", Role=role, Handler="index.handler", Timeout=120,
        Code={"ZipFile": body.getvalue()}, Layers=publish_layers(session, "base", "athena"), MemorySize=1024,
    )  # fmt: skip
    s3 = session.client("s3")
    for bucket in ("listed", "unlisted"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="listed", Key="seen/it", Body=b"")
    s3.put_bucket_policy(Bucket="listed", Policy=json.dumps(BUCKET_POLICY))
    for queue in ("open", "closed"):
        session.client("sqs").create_queue(QueueName=queue)
    for name in ("/p/one", "/p/two", "/other"):
        session.client("ssm").put_parameter(Name=name, Value="1", Type="String")


def asked(strict: Emulator, service: str, operation: str, **arguments: Any) -> str:
    event = {"service": service, "operation": operation, "arguments": arguments}
    answer = boto3.Session().client("lambda").invoke(FunctionName="asks", Payload=json.dumps(event).encode())
    return str(json.load(answer["Payload"]))


def test_a_role_may_what_its_policy_says_and_nothing_else(strict: Emulator) -> None:
    assert asked(strict, "s3", "get_object", Bucket="listed", Key="seen/it") == "fine"
    assert asked(strict, "s3", "get_object", Bucket="listed", Key="unseen") == "AccessDenied"
    assert asked(strict, "s3", "put_object", Bucket="listed", Key="seen/it") == "AccessDenied"


def test_a_key_that_is_not_there_is_missing_for_who_may_list_and_forbidden_for_who_may_not(strict: Emulator) -> None:
    assert asked(strict, "s3", "get_object", Bucket="listed", Key="seen/nothing") == "NoSuchKey"
    assert asked(strict, "s3", "get_object", Bucket="unlisted", Key="nothing") == "AccessDenied"
    assert asked(strict, "s3", "head_object", Bucket="unlisted", Key="nothing") == "403"


def test_a_batch_of_messages_needs_the_grant_of_one(strict: Emulator) -> None:
    url = f"{strict.endpoint}/000000000000/"
    entries = [{"Id": "1", "MessageBody": "x"}]
    assert asked(strict, "sqs", "send_message_batch", QueueUrl=f"{url}open", Entries=entries) == "fine"
    assert asked(strict, "sqs", "send_message_batch", QueueUrl=f"{url}closed", Entries=entries) == "AccessDenied"


def test_every_parameter_that_is_asked_for_needs_a_grant(strict: Emulator) -> None:
    assert asked(strict, "ssm", "get_parameters", Names=["/p/one", "/p/two"]) == "fine"
    assert asked(strict, "ssm", "get_parameters", Names=["/p/one", "/other"]) == "AccessDeniedException"


def test_a_table_of_the_catalog_needs_a_grant_of_its_own_beside_its_database_s(strict: Emulator) -> None:
    root = boto3.Session()
    root.client("glue").create_database(DatabaseInput={"Name": "star"})
    for name in ("open", "shut"):
        root.client("glue").create_table(DatabaseName="star", TableInput={"Name": name})
    names = [f"arn:aws:glue:us-east-1:000000000000:{name}" for name in ("catalog", "database/star", "table/star/open")]
    grant = {"Effect": "Allow", "Action": ["glue:GetTable", "glue:GetDatabase"], "Resource": names}
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
    whole = {"Version": "2012-10-17"}
    trusted = json.dumps(whole | {"Statement": [trust]})
    role = root.client("iam").create_role(RoleName="reads", AssumeRolePolicyDocument=trusted)
    root.client("iam").put_role_policy(
        RoleName="reads", PolicyName="grants", PolicyDocument=json.dumps(whole | {"Statement": [grant]})
    )
    keys = root.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="reads")["Credentials"]
    glue = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]).client("glue")
    assert glue.get_database(Name="star")["Database"]["Name"] == "star"
    assert glue.get_table(DatabaseName="star", Name="open")["Table"]["Name"] == "open"
    with pytest.raises(ClientError, match="AccessDenied"):
        glue.get_table(DatabaseName="star", Name="shut")


@pytest.mark.parametrize(("machine", "told"), [("answered", "fine"), ("ignored", "AccessDeniedException")])
def test_a_task_may_be_answered_by_who_may_answer_its_state_machine(strict: Emulator, machine: str, told: str) -> None:
    states, sqs = boto3.Session().client("stepfunctions"), boto3.Session().client("sqs")
    url = sqs.create_queue(QueueName=machine)["QueueUrl"]
    asking = {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True,
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
    }  # fmt: skip
    definition = json.dumps({"StartAt": "Ask", "States": {"Ask": asking}})
    role = "arn:aws:iam::000000000000:role/least"
    arn = states.create_state_machine(name=machine, roleArn=role, definition=definition)["stateMachineArn"]
    states.start_execution(stateMachineArn=arn)
    message = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), within=10)[0]
    token = json.loads(message["Body"])["token"]
    assert asked(strict, "stepfunctions", "send_task_success", taskToken=token, output="{}") == told


def role_for(service: str, **grant: Any) -> str:
    """The ARN of a new role that trusts a service in this account and may do one thing."""
    iam, name = boto3.Session().client("iam"), service.partition(".")[0]
    here = {"StringEquals": {"aws:SourceAccount": "000000000000"}}
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", "Condition": here}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy_of(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="grants", PolicyDocument=policy_of({"Effect": "Allow", **grant}))
    return str(role)


def policy_of(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def plain_http(action: str) -> dict[str, Any]:
    """A Deny of it, as our queues and topics have."""
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    return {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", "Condition": condition}


def test_what_a_schedule_starts_may_send_to_a_queue_that_refuses_plain_http_if_the_schedule_s_role_may_start_it(
    strict: Emulator,
) -> None:
    """EventBridge Scheduler User Guide, "Setting up the execution role": it takes the role that the target names."""
    sqs, session = boto3.Session().client("sqs"), boto3.Session()
    url = sqs.create_queue(QueueName="encrypted", Attributes={"Policy": policy_of(plain_http("sqs:*"))})["QueueUrl"]
    sending = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True,
               "Parameters": {"QueueUrl": url, "MessageBody.$": "$.by"}}  # fmt: skip
    definition = json.dumps({"StartAt": "Send", "States": {"Send": sending}})
    states, scheduler = session.client("stepfunctions"), session.client("scheduler")
    arn = states.create_state_machine(name="sends", roleArn=LEAST, definition=definition)["stateMachineArn"]
    starts = role_for("scheduler.amazonaws.com", Action="states:StartExecution", Resource=arn)
    write_pace(strict.state_dir, Pace(60))
    for name, role in (("a-stranger", LEAST), ("by-the-minute", starts)):
        scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": arn, "RoleArn": role, "Input": json.dumps({"by": name})},
        )  # fmt: skip
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), within=20)
    assert message["Body"] == "by-the-minute"
    assert "a-stranger may not reach" in (strict.state_dir / LOG).read_text()
    for name in ("a-stranger", "by-the-minute"):
        scheduler.delete_schedule(Name=name)


def test_an_alarm_reaches_the_functions_and_topics_that_let_cloudwatch_in_and_no_others(strict: Emulator) -> None:
    """CloudWatch User Guide, "Invoke a Lambda function from an alarm"; SNS Developer Guide, "Managing Amazon SNS
    encryption keys". What is refused comes first among the actions, so that it would be heard first."""
    session = boto3.Session()
    functions, sns, sqs = session.client("lambda"), session.client("sns"), session.client("sqs")
    alarms = "arn:aws:cloudwatch:us-east-1:000000000000:alarm"
    actions = []
    for name, principal, source in (
        ("shut", "", ""),
        ("another-service", "cloudwatch.amazonaws.com", f"{alarms}:over-functions"),
        ("another-alarm", "lambda.alarms.cloudwatch.amazonaws.com", f"{alarms}:other-*"),
        ("open", "lambda.alarms.cloudwatch.amazonaws.com", f"{alarms}:ov*"),
    ):
        create(session, name, {"index.py": "def handler(event, context):\n    print('heard')\n"}, LEAST)
        if principal:
            functions.add_permission(
                FunctionName=name, StatementId="Alarms", Action="lambda:InvokeFunction", Principal=principal,
                SourceAccount="000000000000", SourceArn=source,
            )  # fmt: skip
        actions.append(f"arn:aws:lambda:us-east-1:000000000000:function:{name}")
    heard = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": "*"}
    url = sqs.create_queue(QueueName="heard", Attributes={"Policy": policy_of(heard)})["QueueUrl"]
    admits = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Resource": "*"}
    uses = policy_of({**admits, "Action": ["kms:Decrypt", "kms:GenerateDataKey"]})
    for name, action, key in (
        ("subscribes", "sns:Subscribe", None),
        ("with-a-shut-key", "sns:Publish", {}),
        ("with-an-open-key", "sns:Publish", {"Policy": uses}),
    ):
        attributes = {"Policy": policy_of({**admits, "Action": action}, plain_http("sns:Publish"))}
        if key is not None:
            attributes["KmsMasterKeyId"] = session.client("kms").create_key(**key)["KeyMetadata"]["KeyId"]
        topic = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:heard")
        actions.append(topic)
    for name, part in (("over-functions", actions[:4]), ("over-topics", actions[4:])):
        alarm(session.client("cloudwatch"), name, TreatMissingData="notBreaching", OKActions=part)  # new, and soon OK
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), within=20)
    assert json.loads(message["Body"])["TopicArn"].endswith(":with-an-open-key")

    def groups() -> list[str]:
        described = session.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
        return [group["logGroupName"].rpartition("/")[2] for group in described]

    eventually(lambda: "open" in groups(), within=20)
    assert {"shut", "another-service", "another-alarm"}.isdisjoint(groups())


@pytest.mark.parametrize(("workgroup", "told"), [("ours", "fine"), ("theirs", "AccessDeniedException")])
def test_a_query_may_be_asked_about_by_who_may_ask_in_its_workgroup(
    strict: Emulator, workgroup: str, told: str
) -> None:
    athena = boto3.Session().client("athena")
    results = {"ResultConfiguration": {"OutputLocation": "s3://listed/results/"}}
    athena.create_work_group(Name=workgroup, Configuration=results)
    query = athena.start_query_execution(QueryString="select 1", WorkGroup=workgroup)["QueryExecutionId"]
    for operation in ("get_query_execution", "stop_query_execution"):
        assert asked(strict, "athena", operation, QueryExecutionId=query) == told


def test_events_may_be_put_by_who_may_under_their_source(strict: Emulator) -> None:
    def put(*sources: str) -> str:
        entries = [{"Source": source, "DetailType": "t", "Detail": "{}"} for source in sources]
        return asked(strict, "events", "put_events", Entries=entries)

    assert put("ours", "ours") == "fine"
    assert put("ours", "theirs") == "AccessDeniedException"
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    assert Decision("least", "events:PutEvents", bus, True, source="ours") in decisions.read(strict.state_dir)


def test_what_is_to_be_written_once_may_be_written_by_who_asks_for_that(strict: Emulator) -> None:
    """S3 User Guide, "Enforce conditional writes on Amazon S3 buckets"."""
    once = {"Bucket": "listed", "Key": "once/it", "Body": "x"}
    assert asked(strict, "s3", "put_object", **once) == "AccessDenied"
    assert asked(strict, "s3", "put_object", **once, IfNoneMatch="*") == "fine"
    assert asked(strict, "s3", "put_object", **once, IfNoneMatch="*") == "PreconditionFailed"
    etag = boto3.Session().client("s3").head_object(Bucket="listed", Key="once/it")["ETag"]
    assert asked(strict, "s3", "put_object", **once, IfMatch=etag) == "AccessDenied"


def test_a_key_may_sign_for_who_may_use_one_of_its_aliases(strict: Emulator) -> None:
    """KMS Developer Guide, "kms:ResourceAliases"."""
    kms = boto3.Session().client("kms")
    for alias, told in (("alias/ours", "fine"), ("alias/theirs", "AccessDeniedException")):
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName=alias, TargetKeyId=key)
        for name in (alias, key):
            signing = {"KeyId": name, "Message": "x", "SigningAlgorithm": "ECDSA_SHA_256"}
            assert asked(strict, "kms", "sign", **signing) == told
        decision = Decision("least", "kms:Sign", key, told == "fine", aliases=alias)
        assert decision in decisions.read(strict.state_dir)


def test_every_decision_can_be_read_and_roots_calls_are_none(strict: Emulator) -> None:
    asked(strict, "ssm", "get_parameters", Names=["/p/one"])
    asked(strict, "s3", "list_buckets")
    asked(strict, "s3", "list_objects_v2", Bucket="listed", Prefix="seen/")
    found = decisions.read(strict.state_dir)
    assert Decision("least", "s3:ListBucket", "arn:aws:s3:::listed", True, prefix="seen/") in found
    assert Decision("least", "ssm:GetParameters", "arn:aws:ssm:us-east-1:000000000000:parameter/p/one", True) in found
    assert Decision("least", "s3:ListAllMyBuckets", "*", False) in found
    assert {decision.role for decision in found} <= {"least", "reads"}  # those of this file, and never root
    assert len(found) == len(set(found))


def test_a_function_imports_what_the_layers_hold_and_no_package_of_the_developers(strict: Emulator) -> None:
    held = ("pyarrow.parquet", "numpy", "pg8000.native", "requests", "orjson", "isal.igzip", "jmespath",
            "aws_lambda_powertools.metrics", "awswrangler")  # fmt: skip
    absent = ("pydantic", "yaml", "exchange_calendars", "typer", "rich", "duckdb", "sqlglot", "psutil", "moto",
              "ministack", "pytest", "core")  # fmt: skip
    payload = json.dumps({"imports": [*held, *absent]}).encode()
    answer = boto3.Session().client("lambda").invoke(FunctionName="asks", Payload=payload)
    assert json.load(answer["Payload"]) == dict.fromkeys(held, "fine") | dict.fromkeys(absent, "ModuleNotFoundError")

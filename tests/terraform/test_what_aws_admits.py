"""What the emulator forgives and AWS does not: planned resources against models, linters, validators and documents.

Two plans are read, that of a small deployment and one with the longest names that variables and contracts admit. Each
check is shown to see what it is for: a value is broken in the planned resources, one at a time.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.planning import Planner
from tests.terraform import catalog, documented, machine, policies, service_calls, service_models
from tests.terraform.conftest import named_at_length
from tests.terraform.planned import Resource, resources

from core.errors import TransientFailure

Check = Callable[[Sequence[Resource]], Iterator[str]]


def models(planned: Sequence[Resource]) -> Iterator[str]:
    """Every mapped attribute against its member of AWS's own model."""
    yield from service_models.against_models(planned).problems


CHECKS: dict[str, Check] = {
    "models": models,
    **documented.RULES,
    "grants by a linter": policies.lint,
    "forms of grants": policies.forms,
    "calls among services": service_calls.let_in,
    "state machine by validators": machine.validate,
    "state machine by rules": machine.rules,
    "columns and keys": catalog.columns_and_keys,
    "projections": catalog.projections,
    "views": catalog.views,
}


@pytest.fixture(scope="session", params=["deployed", "longest"])
def planned(request: pytest.FixtureRequest, deployed: dict[str, Any], longest: dict[str, Any]) -> list[Resource]:
    return resources({"deployed": deployed, "longest": longest}[request.param])


@pytest.fixture(scope="session")
def small(deployed: dict[str, Any]) -> list[Resource]:
    return resources(deployed)


@pytest.mark.parametrize("name", CHECKS)
def test_aws_admits_what_is_planned(planned: list[Resource], name: str) -> None:
    assert list(CHECKS[name](planned)) == []


def test_every_grant_of_the_longest_plan_can_be_read(longest: dict[str, Any]) -> None:
    """A policy that a plan leaves open is one that no check has seen."""
    texts = {**policies.GRANTS, **policies.TRUST, "aws_sfn_state_machine": "definition"}
    unread = [r.address for r in resources(longest) if r.type in texts and not r.knows(texts[r.type])]
    assert unread == []
    assert sum(r.type in policies.GRANTS for r in resources(longest)) > 25


def test_the_length_of_every_function_s_grants_is_checked_before_aws_does(longest: dict[str, Any]) -> None:
    """At the plan, which knows them: IAM would refuse them in the midst of an apply."""
    checked = {
        check["address"]["to_display"]: check["status"]
        for check in longest["checks"]
        if check["address"].get("name") == "this" and "aws_iam_role_policy" in check["address"]["to_display"]
    }
    functions = sum(r.type == FUNCTION for r in resources(longest))
    instances = [i["status"] for check in longest["checks"] for i in check.get("instances", ()) if _is_grant(check)]
    assert checked
    assert set(checked.values()) == {"pass"}
    assert instances == ["pass"] * functions


def _is_grant(check: dict[str, Any]) -> bool:
    return str(check["address"]["to_display"]).endswith("aws_iam_role_policy.this")


@pytest.mark.long
def test_more_databases_than_iam_has_room_for_are_refused_with_what_to_do(
    planner: Planner, deployed: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(TransientFailure, match=r"The grants of [\w-]+-check have \d+ characters.*two environments"):
        named_at_length(planner, deployed, tmp_path, databases=12)


def test_the_longest_plan_lies_in_a_private_network(longest: dict[str, Any]) -> None:
    planned = resources(longest)
    count = Counter(r.type for r in planned)
    assert (count["aws_vpc_endpoint"], count["aws_security_group"]) == (3, 1)
    assert count["aws_vpc_security_group_ingress_rule"] == 5 + 3
    assert sum(bool(r.values.get("vpc_config")) for r in planned if r.type == FUNCTION) == 2, "extract and check"


def test_no_two_things_of_the_longest_names_are_called_the_same(longest: dict[str, Any]) -> None:
    """What is cut off a name that is too long must not make two of them one."""
    naming = ("alarm_name", "function_name", "name")
    seen = [
        (
            r.type,
            r.values.get("database_name"),
            r.values.get("group_name"),
            r.values.get("log_group_name"),
            r.values[part],
        )
        for r in resources(longest)
        for part in naming
        if r.values.get(part) and r.type not in ("aws_iam_role_policy",) and not r.type.startswith("aws_s3_")
    ]
    assert len(seen) == len(set(seen)) > 150


def test_the_one_light_sees_every_alarm_also_where_one_rule_has_no_room_for_them(planned: list[Resource]) -> None:
    rules = {r.values["alarm_name"]: r.values["alarm_rule"] for r in planned if r.type == COMPOSITE}
    names = {r.values["alarm_name"] for r in planned if r.type in (ALARM, COMPOSITE)}
    [light] = [name for name in names if name.endswith("-pipeline-unhealthy")]
    seen, left = set(), [light]
    while left:
        watched = set(re.findall(r'"([^"]+)"', rules.get(left.pop(), "")))
        left += watched - seen
        seen |= watched
    assert seen == names - {light}
    parts = [name for name in names if re.search(r"-pipeline-unhealthy-part-\d+$", name)]
    assert bool(parts) == (sum(len(name) + 12 for name in names) > 10_240)


def test_analysts_policies_name_every_view_and_its_table_once_however_long(longest: dict[str, Any]) -> None:
    planned = resources(longest)
    texts = [r.values["policy"] for r in planned if r.type == "aws_iam_policy"]
    named = re.findall(r"table/\w+/(\w+)", "".join(texts))
    views = {r.values["name"] for r in planned if r.values.get("table_type") == "VIRTUAL_VIEW"}
    assert len(named) == len(set(named)) > len(views)
    assert views <= set(named)
    assert {re.sub("_(now|complete)$", "", view) for view in views} <= set(named)


def test_names_that_fit_are_whole(deployed: dict[str, Any]) -> None:
    planned = {r.address: r.values.get("name") for r in resources(deployed)}
    assert planned['aws_iam_role.deliver["quotes"]'] == "starmend-test-deliver-quotes"
    assert planned['aws_kinesis_firehose_delivery_stream.feed["quotes"]'] == "starmend-test-quotes"
    schedules = {name for address, name in planned.items() if "aws_scheduler_schedule.this" in address}
    signed = {"notary-sales", "notary-quotes"}
    audited = {
        "extract-sales",
        "request-quotes",
        "audit-sales",
        "audit-quotes",
        "page-every-hour",
        "mirror-every-table",
    }
    assert schedules == audited | signed


def test_every_type_has_a_request_or_a_reason_for_none(planned: list[Resource]) -> None:
    assert service_models.unmapped(planned) == set()


def test_most_values_are_held_by_a_model_that_says_something_of_them(planned: list[Resource]) -> None:
    compared = service_models.against_models(planned)
    assert compared.values > 1200
    assert compared.constrained > 0.9 * compared.values


def test_every_mapped_attribute_is_a_member_of_its_request() -> None:
    for call in service_models.CALLS.values():
        for path in call.members.values():
            pattern = service_models.member(call.service, call.operation, path).metadata.get("pattern")
            assert pattern is None or service_models.compiled(pattern) is not None, (call.operation, path, pattern)


# ---------------------------------------------------------------- each check sees what it is for

Values = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """A value that AWS refuses, put into the first planned resource of a type whose address holds ``at``."""

    check: str
    type: str
    plant: Callable[[Values], object]
    says: str
    at: str = ""


def put(path: str, value: Any) -> Callable[[Values], object]:
    """Set what a path leads to, numbers being places in lists, negative ones from the end."""

    def plant(values: Values) -> None:
        holder: Any = values
        *parents, last = path.split("/")
        for parent in parents:
            holder = holder[_place(parent)]
        holder[_place(last)] = value(holder[last]) if callable(value) else value

    return plant


def _place(part: str) -> str | int:
    return int(part) if part.lstrip("-").isdigit() else part


def inside(attribute: str, path: str, value: Any) -> Callable[[Values], object]:
    """Set what a path leads to inside a JSON text."""

    def plant(values: Values) -> None:
        document = {"": json.loads(values[attribute])}
        put(f"/{path}", value)(document)
        values[attribute] = json.dumps(document[""])

    return plant


def swap(attribute: str, old: str, new: str) -> Callable[[Values], object]:
    """Replace a part of a text."""

    def plant(values: Values) -> None:
        assert old in values[attribute]
        values[attribute] = values[attribute].replace(old, new)

    return plant


ALARM, COMPOSITE, DASHBOARD = (
    "aws_cloudwatch_metric_alarm",
    "aws_cloudwatch_composite_alarm",
    "aws_cloudwatch_dashboard",
)
FUNCTION, MAPPING, QUEUE = "aws_lambda_function", "aws_lambda_event_source_mapping", "aws_sqs_queue"
SCHEDULE, FIREHOSE, TABLE = "aws_scheduler_schedule", "aws_kinesis_firehose_delivery_stream", "aws_glue_catalog_table"
MACHINE, GRANT, ROLE, BUCKET = "aws_sfn_state_machine", "aws_iam_role_policy", "aws_iam_role", "aws_s3_bucket"
PERMISSION = "aws_lambda_permission"
INGRESS = "aws_vpc_security_group_ingress_rule"
LIFECYCLE, NOTIFICATION = "aws_s3_bucket_lifecycle_configuration", "aws_s3_bucket_notification"
QUERIES = [
    {"id": "m", "expression": "SUM(SEARCH('x', 'Sum'))", "metric": [], "return_data": True},
    {"id": "M1", "expression": "", "metric": [{"period": 60, "namespace": "N", "metric_name": "m", "dimensions": {}}]},
]
MANY = [["AWS/Lambda", "Errors", "FunctionName", f"f{number}"] for number in range(501)]

PLANTED = [
    # AWS's own models
    Planted("models", ROLE, put("name", "r" * 65), "at most 64"),
    Planted("models", ROLE, put("description", "tab\x01"), "does not match"),
    Planted("models", FIREHOSE, put("name", "f" * 65), "at most 64"),
    Planted("models", SCHEDULE, put("name", "s" * 65), "at most 64"),
    Planted("models", SCHEDULE, put("target/0/retry_policy/0/maximum_event_age_in_seconds", 59), "at least 60"),
    Planted("models", ALARM, put("statistic", "Median"), "is none of"),
    Planted("models", COMPOSITE, put("alarm_rule", "x" * 10_241), "at most 10240"),
    Planted("models", FUNCTION, put("runtime", "python2.6"), "is none of"),
    Planted("models", FUNCTION, put("description", "d" * 257), "at most 256"),
    Planted("models", "aws_athena_workgroup", put("name", "with space"), "does not match"),
    Planted("models", TABLE, put("storage_descriptor/0/columns/0/comment", "c" * 256), "at most 255"),
    Planted("models", TABLE, put("storage_descriptor/0/columns/0/comment", "a\nb"), "does not match"),
    Planted("models", "aws_ssm_parameter", put("description", "d" * 1025), "at most 1024"),
    Planted("models", "aws_s3_bucket_notification", put("queue/0/events/0", "s3:ObjectMade:*"), "is none of"),
    # documented limits
    Planted("names_and_sizes", FUNCTION, put("function_name", "f" * 65), "1 to 64"),
    Planted("names_and_sizes", FUNCTION, put("timeout", 901), "1 to 900"),
    Planted("names_and_sizes", FUNCTION, put("memory_size", 64), "128 to 10240"),
    Planted("names_and_sizes", QUEUE, put("name", "q" * 81), "1 to 80"),
    Planted("names_and_sizes", QUEUE, put("name", "a.b"), "does not match"),
    Planted("names_and_sizes", BUCKET, put("bucket", "b" * 64), "3 to 63"),
    Planted("names_and_sizes", BUCKET, put("bucket", "With_Capitals"), "does not match"),
    Planted("names_and_sizes", BUCKET, put("bucket", "a..b"), "does not match"),
    Planted("names_and_sizes", "aws_ssm_parameter", put("name", "/" + "/".join("abcdefghijklmnop")), "does not match"),
    Planted("names_and_sizes", "aws_ssm_parameter", put("name", "/aws/x"), "does not match"),
    Planted("names_and_sizes", "aws_secretsmanager_secret", put("name", "token-AbCdEf"), "does not match"),
    Planted("names_and_sizes", "aws_glue_catalog_database", put("name", "With-Hyphen"), "does not match"),
    Planted("names_and_sizes", TABLE, put("name", "t" * 256), "1 to 255"),
    Planted("names_and_sizes", ROLE, put("assume_role_policy", " " * 2049), "2 to 2048"),
    Planted("names_and_sizes", "aws_iam_policy", put("policy", " " * 6145), "2 to 6144"),
    Planted("names_and_sizes", "aws_s3_bucket_policy", put("policy", " " * 20_481), "2 to 20480"),
    Planted("names_and_sizes", MACHINE, put("name", "m" * 81), "1 to 80"),
    Planted("names_and_sizes", "aws_kinesis_stream", put("retention_period", 23), "24 to 8760"),
    Planted("names_and_sizes", FIREHOSE, put("extended_s3_configuration/0/buffering_interval", 901), "0 to 900"),
    Planted("inline_policies_of_a_role", GRANT, put("policy", "p" * 10_241), "at most 10240"),
    Planted("tags", FUNCTION, put("tags_all", {"owner": "a*b"}), "tag owner"),
    Planted("tags", FUNCTION, put("tags_all", {f"tag{number}": "" for number in range(51)}), "51 tags"),
    # functions and what starts them
    Planted("functions", FUNCTION, put("environment/0/variables/LONG", "x" * 4096), "at most 4096"),
    Planted("functions", FUNCTION, put("environment/0/variables/AWS_REGION", "x"), "AWS_REGION"),
    Planted("functions", FUNCTION, put("layers", ["l"] * 6), "five layers"),
    Planted("mappings_of_queues", MAPPING, put("batch_size", 11), "need a window", "pull"),
    Planted("mappings_of_queues", MAPPING, put("maximum_batching_window_in_seconds", 301), "at most 300"),
    Planted("mappings_of_queues", MAPPING, put("scaling_config/0/maximum_concurrency", 1), "2 to 1000"),
    Planted("mappings_of_queues", MAPPING, put("event_source_arn", "arn:aws:sqs:::other"), "is not planned"),
    Planted(
        "mappings_of_queues",
        QUEUE,
        put("visibility_timeout_seconds", 30),
        "at least 721",
        "arrivals.aws_sqs_queue.this",
    ),
    Planted(
        "mappings_of_queues",
        MAPPING,
        lambda values: values.update(batch_size=11, maximum_batching_window_in_seconds=1),
        "FIFO",
        "mirror",
    ),
    Planted("names_of_queues", QUEUE, put("name", "mirror"), "ends with .fifo, or not", "mirror"),
    Planted("dead_letters", QUEUE, put("fifo_queue", False), "one of its kind", "mirror"),
    Planted("dead_letters", QUEUE, inside("redrive_policy", "maxReceiveCount", 0), "1 to 1000", "queue.this"),
    Planted(
        "dead_letters", QUEUE, inside("redrive_policy", "deadLetterTargetArn", "x"), "is not planned", "queue.this"
    ),
    Planted("schedules", SCHEDULE, put("schedule_expression", "rate(1 minutes)"), "a rate is"),
    Planted("schedules", SCHEDULE, put("schedule_expression", "cron(5 * * * *)"), "a cron has six"),
    Planted("schedules", SCHEDULE, put("schedule_expression", "cron(5 * * * * *)"), "exactly one of"),
    Planted("schedules", SCHEDULE, put("schedule_expression", "cron(60 * * * ? *)"), "are no minutes"),
    Planted("schedules", SCHEDULE, put("schedule_expression", "every minute"), "neither rate"),
    Planted("schedules", SCHEDULE, put("flexible_time_window/0/mode", "FLEXIBLE"), "in mode FLEXIBLE"),
    Planted(
        "schedules",
        SCHEDULE,
        put("target/0/input", lambda text: text.replace("<", "\\u003c").replace(">", "\\u003e")),
        "an escaped bracket",
        "feeds",
    ),
    Planted("schedules", SCHEDULE, put("target/0/input", '{"time": "<aws.scheduler.time>"}'), "is no word"),
    # CloudWatch
    Planted("alarms", ALARM, put("period", 90), "whole number of minutes"),
    Planted("alarms", ALARM, lambda values: values.update(period=1800, evaluation_periods=49), "looks at 88200 s"),
    Planted("alarms", ALARM, lambda values: values.update(period=86_400, evaluation_periods=8), "looks at 691200 s"),
    Planted("alarms", ALARM, put("alarm_description", "d" * 1025), "more than 1024"),
    Planted("alarms", ALARM, put("datapoints_to_alarm", 9), "more data points"),
    Planted("alarms", ALARM, put("alarm_actions", ["a"] * 6), "more than five"),
    Planted("alarms", ALARM, put("metric_query", QUERIES), "an alarm takes no such expression"),
    Planted("composite_alarms", COMPOSITE, put("alarm_rule", 'ALARM("nobody")'), "is not planned"),
    Planted("composite_alarms", COMPOSITE, put("alarm_rule", lambda rule: f"{rule} XOR TRUE"), "is no part of a rule"),
    Planted(
        "composite_alarms",
        COMPOSITE,
        put("alarm_rule", " OR ".join(f'ALARM("a{n}")' for n in range(101))),
        "watches 101",
    ),
    Planted("metrics_of_aws", ALARM, put("dimensions", {"Function": "f"}), "nobody publishes", "function-errors"),
    Planted("metrics_of_aws", ALARM, put("metric_name", "Error"), "nobody publishes", "function-errors"),
    Planted("dashboards", DASHBOARD, inside("dashboard_body", "widgets/1/width", 25), "outside of the grid"),
    Planted("dashboards", DASHBOARD, inside("dashboard_body", "widgets/-1/properties/metrics", MANY), "at most 500"),
    Planted(
        "dashboards",
        DASHBOARD,
        inside("dashboard_body", "widgets/-1/properties/metrics/0", ["A", "b", "c"]),
        "pairs of",
    ),
    Planted(
        "dashboards", DASHBOARD, inside("dashboard_body", "widgets/0/properties/alarms", ["a"] * 101), "100 alarms"
    ),
    # S3 and Firehose
    Planted("notifications", NOTIFICATION, put("queue/1/filter_prefix", "tables/sales"), "overlap"),
    Planted("lifecycles", LIFECYCLE, put("rule/0/abort_incomplete_multipart_upload", []), "does nothing"),
    Planted(
        "lifecycles", LIFECYCLE, put("rule/0/abort_incomplete_multipart_upload/0/days_after_initiation", 0), "at once"
    ),
    Planted("deliveries", FIREHOSE, put("extended_s3_configuration/0/error_output_prefix", "errors/"), "does not say"),
    Planted("deliveries", FIREHOSE, put("extended_s3_configuration/0/prefix", "x/!{time:yyyy}/"), "is no expression"),
    Planted(
        "deliveries", FIREHOSE, put("extended_s3_configuration/0/prefix", "x/!{timestamp:YYYY w}/"), "is no expression"
    ),
    # EC2
    Planted("names_and_sizes", "aws_security_group", put("name", "sg-endpoints"), "does not match"),
    Planted("names_and_sizes", "aws_security_group", put("description", "who? they"), "does not match"),
    Planted("names_and_sizes", "aws_vpc_endpoint", put("service_name", "ssm.eu-west-1"), "does not match"),
    Planted("names_and_sizes", INGRESS, put("from_port", 70_000), "allowed are"),
    Planted("private_network", INGRESS, put("prefix_list_id", "pl-1"), "names not one source", "cidr"),
    Planted("private_network", "aws_vpc_endpoint", put("subnet_ids", []), "without subnet_ids", "interface"),
    Planted(
        "private_network",
        "aws_vpc_endpoint",
        put("subnet_ids", ["subnet-0", "subnet-3"]),
        "two subnets of one zone",
        "interface",
    ),
    Planted(
        "names_and_sizes",
        "aws_vpc_endpoint",
        put("service_name", "cn.com.amazonaws.cn-north-1.ssm"),
        "does not match",
    ),
    Planted("private_network", FUNCTION, put("vpc_config/0/security_group_ids", ["sg"] * 6), "at most 16", "check"),
    # grants
    Planted("grants by a linter", GRANT, inside("policy", "Statement/0/Action", "s3:GetObjct"), "UNKNOWN_ACTION"),
    Planted(
        "grants by a linter", GRANT, inside("policy", "Statement/0/Resource", "arn:aws:sns:::x"), "RESOURCE_MISMATCH"
    ),
    Planted(
        "grants by a linter",
        ROLE,
        inside("assume_role_policy", "Statement/0/Condition", {"StringEquals": {"aws:SourceAcount": "1"}}),
        "UNKNOWN_CONDITION_FOR_ACTION",
    ),
    Planted(
        "grants by a linter", ROLE, inside("assume_role_policy", "Statement/0/Action", "sts:Assume"), "UNKNOWN_ACTION"
    ),
    Planted("forms of grants", GRANT, inside("policy", "Statement/0/Sid", "with space"), "statement ids"),
    Planted("forms of grants", GRANT, inside("policy", "Version", "2008-10-17"), "version"),
    Planted("forms of grants", GRANT, inside("policy", "Statement/0/Resource", "s3://bucket"), "is no ARN"),
    Planted(
        "forms of grants",
        ROLE,
        inside("assume_role_policy", "Statement/0/Principal", {"Service": "lambda"}),
        "no principal",
    ),
    # calls among services
    Planted("calls among services", PERMISSION, put("principal", "cloudwatch.amazonaws.com"), "may not reach"),
    Planted("calls among services", PERMISSION, put("source_account", None), "may not reach"),
    Planted("calls among services", PERMISSION, swap("source_arn", "alarm:", "alarm:other-"), "may not reach"),
    Planted(
        "calls among services",
        "aws_sns_topic_policy",
        inside("policy", "Statement/0/Principal/Service", "events.amazonaws.com"),
        "may not reach",
    ),
    Planted(
        "calls among services",
        "aws_kms_key",
        inside("policy", "Statement/1/Action", ["kms:Decrypt"]),
        "may not reach",
        "alarms",
    ),
    Planted(
        "calls among services",
        QUEUE,
        inside("policy", "Statement/1/Principal/Service", "sns.amazonaws.com"),
        "S3 may not send",
        "arrivals.aws_sqs_queue.this",
    ),
    Planted(
        "calls among services",
        ROLE,
        inside("assume_role_policy", "Statement/0/Principal/Service", "events.amazonaws.com"),
        "may not take",
        "schedule.aws_iam_role",
    ),
    Planted(
        "calls among services",
        GRANT,
        inside("policy", "Statement/0/Action", "lambda:GetFunction"),
        "may not start",
        "databases[0].module.schedule.aws_iam_role_policy",
    ),
    Planted(
        "calls among services",
        GRANT,
        swap("policy", "sqs:ReceiveMessage", "sqs:SendMessage"),
        "may not sqs:ReceiveMessage",
        "module.process",
    ),
    Planted(
        "calls among services",
        GRANT,
        swap("policy", "xray:GetSamplingTargets", "xray:GetTraceSummaries"),
        "may not xray:GetSamplingTargets",
        "at_scale",
    ),
    # the state machine
    Planted("state machine by validators", MACHINE, inside("definition", "States/Plan/Next", "Nowhere"), "Nowhere"),
    Planted("state machine by validators", MACHINE, inside("definition", "States/Plan/Type", "Task2"), "Task2"),
    Planted(
        "state machine by validators",
        MACHINE,
        inside("definition", "States/Plan/TimeoutSeconds", "300"),
        "TimeoutSeconds",
    ),
    Planted(
        "state machine by rules", MACHINE, inside("definition", "States/Plan/TimeoutSeconds", 0), "without a time-out"
    ),
    Planted(
        "state machine by rules",
        MACHINE,
        inside("definition", "States/Plan/Resource", "arn:aws:lambda:::x"),
        "not planned",
    ),
    Planted(
        "state machine by rules", MACHINE, inside("definition", "States/Plan/Parameters", {"run": "$.run"}), "lacks .$"
    ),
    Planted(
        "state machine by rules",
        MACHINE,
        inside("definition", "States/Plan/Parameters", {"run.$": "run"}),
        "is no path",
    ),
    Planted(
        "state machine by rules",
        MACHINE,
        inside("definition", "States/Plan/Parameters", {"a.$": "States.Trim($.a)"}),
        "intrinsic",
    ),
    Planted(
        "state machine by rules",
        MACHINE,
        inside("definition", "States/Plan/Parameters", {"a.$": "$$.Executon.Id"}),
        "the context",
    ),
    Planted(
        "state machine by rules",
        MACHINE,
        inside("definition", "States/Plan/Retry/0/ErrorEquals", ["States.Oops"]),
        "no error of",
    ),
    Planted(
        "state machine by rules",
        MACHINE,
        inside(
            "definition", "States/Repair/ItemProcessor/States/Ask the source/Parameters/MessageBody", {"job.$": "$.job"}
        ),
        "waits for a token",
    ),
    # the catalog
    Planted(
        "columns and keys",
        TABLE,
        put("partition_keys", [{"name": "PRICE", "type": "string"}]),
        "a name twice",
        "fact_quote",
    ),
    Planted("columns and keys", TABLE, put("storage_descriptor/0/columns/0/type", "text"), "is of type text"),
    Planted(
        "columns and keys",
        TABLE,
        put("parameters/projection.symbol.values", "x" * 512_001),
        "of 512001 bytes",
        "fact_quote",
    ),
    Planted("columns and keys", TABLE, put("storage_descriptor/0/location", "s3://bucket/folder"), "location", "this"),
    Planted(
        "columns and keys",
        TABLE,
        put("storage_descriptor/0/input_format", "x.TextInputFormat"),
        "does not read",
        "this",
    ),
    Planted("projections", TABLE, put("parameters/projection.enabled", "false"), "without projection", "fact_quote"),
    Planted("projections", TABLE, put("parameters/projection.month.type", "month"), "no kind of", "fact_quote"),
    Planted(
        "projections", TABLE, put("parameters/projection.month.interval.unit", "MONTH"), "an interval of", "fact_quote"
    ),
    Planted(
        "projections", TABLE, put("parameters/projection.month.interval.unit", "DAYS"), "steps of DAYS", "fact_quote"
    ),
    Planted(
        "projections", TABLE, put("parameters/projection.month.range", "2026,NOW"), "is neither a date", "fact_quote"
    ),
    Planted(
        "projections", TABLE, put("parameters/projection.month.range", "2026-01,NOW+1MONTH"), "is neither", "fact_quote"
    ),
    Planted(
        "projections", TABLE, put("parameters/projection.symbol.values", "A,,B"), "empty or repeated", "fact_quote"
    ),
    Planted("projections", TABLE, put("parameters/projection.symbol.values", "A B,C"), "no folder", "fact_quote"),
    Planted("projections", TABLE, put("parameters/projection.other.type", "enum"), "projected are", "fact_quote"),
    Planted(
        "projections", TABLE, put("parameters/storage.location.template", "s3://b/${month}/"), "template", "fact_quote"
    ),
    Planted("views", TABLE, swap("view_original_text", "Presto View", "View"), "not in the form", "_now"),
    Planted("views", TABLE, put("storage_descriptor/0/columns/0/type", "bigint"), "differ from the catalog's", "_now"),
    Planted("views", TABLE, put("database_name", "other"), "it lies in", "_now"),
]


def test_every_check_has_a_value_that_breaks_it() -> None:
    assert {planted.check for planted in PLANTED} | {"subscriptions"} == set(CHECKS)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.check}: {planted.says}")
def test_a_planted_value_is_seen(small: list[Resource], longest: dict[str, Any], planted: Planted) -> None:
    """In the small plan, or in the longest where only that has such a resource."""
    plan, place = next(
        (plan, place)
        for plan in (small, resources(longest))
        for place, r in enumerate(plan)
        if r.type == planted.type and planted.at in r.address and _can_hold(r, planted)
    )
    values = copy.deepcopy(plan[place].values)
    planted.plant(values)
    broken = [*plan[:place], replace(plan[place], values=values), *plan[place + 1 :]]
    seen = list(CHECKS[planted.check](broken))
    assert [text for text in seen if planted.says in text], seen
    assert list(CHECKS[planted.check](plan)) == []


def _can_hold(resource: Resource, planted: Planted) -> bool:
    """Whether the value's place is there: not every queue has a redrive policy, and no check reads an empty shell."""
    if catalog.is_shell(resource):
        return False
    try:
        planted.plant(copy.deepcopy(resource.values))
    except (KeyError, IndexError, TypeError, AttributeError, AssertionError):
        return False
    return True


def test_a_log_group_with_three_subscriptions_is_seen() -> None:
    filters = [
        Resource(
            f"f{n}", "aws_cloudwatch_log_subscription_filter", {"log_group_name": "g", "filter_pattern": "{ $.a"}, {}
        )
        for n in range(3)
    ]
    seen = list(documented.subscriptions(filters))
    assert any("3 subscriptions" in text for text in seen)
    assert sum("the pattern" in text for text in seen) == 3


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minute)", "rate(5 minutes)", "rate(12 hours)", "rate(1 day)", "cron(* * * * ? *)",
        "cron(0/5 8-18 ? * MON-FRI *)", "cron(0 10 L * ? 2026)", "cron(15 12 ? * 6#3 *)",
        "cron(0,30 9 1W 1-6/2 ? 2026-2030)", "at(2026-11-20T10:00:00)",
    ],
)  # fmt: skip
def test_expressions_of_the_documents_pass(expression: str) -> None:
    assert list(documented.expression_breaches(expression)) == []


def test_the_machines_words_stand_literally(small: list[Resource]) -> None:
    timeless = re.compile("auditor|notary")  # what they look at is not told by when they were started
    inputs = [r.values["target"][0]["input"] for r in small if r.type == SCHEDULE and not timeless.search(r.address)]
    assert inputs
    assert all(re.search(r'"time":"<aws\.scheduler\.scheduled-time>"', text) for text in inputs)

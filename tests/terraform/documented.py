"""Limits and forms that AWS documents and no service model holds, each with the page that says so.

A rule takes all planned resources and yields what breaks it, with the address. What the emulator forgives stands here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.planning import zone_of
from tests.terraform.planned import Resource, short
from tests.terraform.service_models import leaves

Rule = Callable[[Sequence[Resource]], Iterator[str]]
RULES: dict[str, Rule] = {}
DAY, WEEK = 86_400, 604_800


def rule(check: Rule) -> Rule:
    RULES[check.__name__] = check
    return check


def of(planned: Iterable[Resource], *types: str) -> Iterator[Resource]:
    return (resource for resource in planned if resource.type in types)


@dataclass(frozen=True)
class Limit:
    """Bounds of a value: of a text its length and its characters, of a number its range."""

    low: int
    high: int
    pattern: str = ".*"

    def breaches(self, value: Any) -> Iterator[str]:
        size = len(value.encode()) if isinstance(value, str) else value
        if not self.low <= size <= self.high:
            yield f"is {size} ({str(value)[:60]}), allowed are {self.low} to {self.high}"
        if isinstance(value, str) and not re.fullmatch(self.pattern, value, re.DOTALL):
            yield f"{value[:80]!r} does not match {self.pattern}"


# https://docs.aws.amazon.com/glue/latest/dg/… and Athena's "Name databases, tables, and columns": lower case, digits, _
CATALOG_NAME = r"[a-z0-9_]+"
LIMITS: dict[tuple[str, str], Limit] = {
    # Lambda quotas; the model admits whole ARNs
    ("aws_lambda_function", "function_name"): Limit(1, 64, r"[A-Za-z0-9_-]+"),
    ("aws_lambda_function", "timeout"): Limit(1, 900),
    ("aws_lambda_function", "memory_size"): Limit(128, 10_240),
    ("aws_lambda_function", "ephemeral_storage.size"): Limit(512, 10_240),
    # SQS: CreateQueue
    ("aws_sqs_queue", "name"): Limit(1, 80, r"[A-Za-z0-9_-]+(\.fifo)?"),
    ("aws_sqs_queue", "visibility_timeout_seconds"): Limit(0, 43_200),
    ("aws_sqs_queue", "message_retention_seconds"): Limit(60, 1_209_600),
    ("aws_sqs_queue", "receive_wait_time_seconds"): Limit(0, 20),
    ("aws_sqs_queue", "policy"): Limit(2, 8192),
    # SNS: CreateTopic, SetTopicAttributes
    ("aws_sns_topic", "name"): Limit(1, 256, r"[A-Za-z0-9_-]+"),
    ("aws_sns_topic", "display_name"): Limit(0, 100),
    ("aws_sns_topic_policy", "policy"): Limit(2, 30_720),
    # S3: bucket naming rules, bucket policies, object keys
    ("aws_s3_bucket", "bucket"): Limit(
        3, 63, r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9](?!.*(\.\.|-s3alias$))[a-z0-9.-]*[a-z0-9]"
    ),
    ("aws_s3_bucket_policy", "policy"): Limit(2, 20_480),
    ("aws_s3_object", "key"): Limit(1, 1024),
    # Step Functions: CreateStateMachine
    ("aws_sfn_state_machine", "name"): Limit(1, 80, r"[A-Za-z0-9_.-]+"),
    ("aws_sfn_state_machine", "definition"): Limit(1, 1_048_576),
    # Systems Manager: requirements for parameter names, standard tier
    ("aws_ssm_parameter", "name"): Limit(1, 1011, r"/(?!aws/|ssm/)[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,14}"),
    ("aws_ssm_parameter", "value"): Limit(1, 4096),
    # Secrets Manager: not a hyphen and six characters at the end, as its own ARNs have
    ("aws_secretsmanager_secret", "name"): Limit(1, 512, r"[A-Za-z0-9/_+=.@-]+(?<!-.{6})"),
    ("aws_secretsmanager_secret", "recovery_window_in_days"): Limit(0, 30),
    # Glue and Athena
    ("aws_glue_catalog_database", "name"): Limit(1, 255, CATALOG_NAME),
    ("aws_glue_catalog_table", "name"): Limit(1, 255, CATALOG_NAME),
    ("aws_glue_catalog_table", "database_name"): Limit(1, 255, CATALOG_NAME),
    ("aws_glue_catalog_table", "partition_keys.name"): Limit(1, 255, CATALOG_NAME),
    ("aws_glue_catalog_table", "storage_descriptor.columns.name"): Limit(1, 255),
    # IAM and STS quotas, in characters without white space (the provider writes none)
    ("aws_iam_role", "assume_role_policy"): Limit(2, 2048),
    ("aws_iam_policy", "policy"): Limit(2, 6144),
    # KMS
    ("aws_kms_alias", "name"): Limit(1, 256, r"alias/(?!aws/)[A-Za-z0-9/_-]+"),
    ("aws_kms_key", "deletion_window_in_days"): Limit(7, 30),
    ("aws_kms_key", "policy"): Limit(2, 32_768),
    # Kinesis and Firehose
    ("aws_kinesis_stream", "retention_period"): Limit(24, 8760),
    ("aws_kinesis_firehose_delivery_stream", "extended_s3_configuration.buffering_size"): Limit(1, 128),
    ("aws_kinesis_firehose_delivery_stream", "extended_s3_configuration.buffering_interval"): Limit(0, 900),
    # CloudWatch
    ("aws_cloudwatch_dashboard", "dashboard_name"): Limit(1, 255, r"[A-Za-z0-9_-]+"),
    ("aws_cloudwatch_metric_alarm", "alarm_name"): Limit(1, 255),
    ("aws_cloudwatch_composite_alarm", "alarm_name"): Limit(1, 255),
    ("aws_cloudwatch_composite_alarm", "alarm_rule"): Limit(1, 10_240),
    # EC2
    ("aws_security_group", "name"): Limit(1, 255, r"(?!sg-)[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]+"),
    ("aws_security_group", "description"): Limit(1, 255, r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]+"),
    ("aws_vpc_security_group_ingress_rule", "description"): Limit(0, 255, r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]*"),
    ("aws_vpc_security_group_ingress_rule", "from_port"): Limit(0, 65_535),
    ("aws_vpc_security_group_ingress_rule", "to_port"): Limit(0, 65_535),
    # PrivateLink: each is named by its region. In China some are cn.com.amazonaws, these are not (the CDK's aws-ec2
    # lists which are, from DescribeVpcEndpointServices).
    ("aws_vpc_endpoint", "service_name"): Limit(
        1, 255, r"com\.amazonaws\.[a-z]+(-[a-z]+)+-\d\.(secretsmanager|ssm|s3)"
    ),
    ("aws_vpc_endpoint", "vpc_endpoint_type"): Limit(1, 32, r"Interface|Gateway|GatewayLoadBalancer"),
}


@rule
def names_and_sizes(planned: Sequence[Resource]) -> Iterator[str]:
    """Every limit of the table above."""
    for (kind, attribute), limit in LIMITS.items():
        for resource in of(planned, kind):
            for value in leaves(resource.values, attribute.split(".")):
                if value is not None:
                    yield from (f"{short(resource.address)}: {attribute} {text}" for text in limit.breaches(value))


@rule
def private_network(planned: Sequence[Resource]) -> Iterator[str]:
    """An endpoint has what it is reached by, in each zone once (EC2: DuplicateSubnetsInSameZone), and the name that its
    service has; a rule names one source; Lambda takes 16 subnets and five groups."""
    for endpoint in of(planned, "aws_vpc_endpoint"):
        reached = "route_table_ids" if endpoint.values["vpc_endpoint_type"] == "Gateway" else "subnet_ids"
        if not endpoint.values.get(reached):
            yield f"{short(endpoint.address)}: a {endpoint.values['vpc_endpoint_type']} endpoint without {reached}"
        zones = [zone_of(subnet) for subnet in endpoint.values.get("subnet_ids") or ()]
        if len(set(zones)) < len(zones):
            yield f"{short(endpoint.address)}: two subnets of one zone"
    for ingress in of(planned, "aws_vpc_security_group_ingress_rule"):
        sources = ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id")
        if sum(ingress.values.get(source) is not None for source in sources) != 1:
            yield f"{short(ingress.address)}: names not one source"
    for function in of(planned, "aws_lambda_function"):
        for network in function.values.get("vpc_config") or ():
            if len(network["subnet_ids"]) > 16 or not 0 < len(network["security_group_ids"]) <= 5:
                yield f"{short(function.address)}: at most 16 subnets and five security groups"


@rule
def inline_policies_of_a_role(planned: Sequence[Resource]) -> Iterator[str]:
    """IAM counts 10,240 characters over all inline policies of a role."""
    sizes: dict[str, int] = {}
    for policy in of(planned, "aws_iam_role_policy"):
        if not policy.knows("policy"):  # a new function's, whose log has no ARN yet; the longest plan knows all
            continue
        role = str(policy.values.get("role") or policy.address)
        sizes[role] = sizes.get(role, 0) + len(policy.values.get("policy") or "")
    yield from (
        f"{role}: inline policies of {size} characters, at most 10240" for role, size in sizes.items() if size > 10_240
    )


@rule
def tags(planned: Sequence[Resource]) -> Iterator[str]:
    """Keys of 128 and values of 256 characters, in the letters that every service takes; 50 of them, of objects 10."""
    for resource in planned:
        given = resource.values.get("tags_all") or {}
        if len(given) > (10 if resource.type == "aws_s3_object" else 50):
            yield f"{short(resource.address)}: {len(given)} tags"
        for key, value in given.items():
            if not re.fullmatch(r"(?!aws:)[\w\s.:/=+@-]{1,128}", key) or not re.fullmatch(
                r"[\w\s.:/=+@-]{0,256}", value or ""
            ):
                yield f"{short(resource.address)}: tag {key}={value}"


# ---------------------------------------------------------------- functions and what starts them


@rule
def functions(planned: Sequence[Resource]) -> Iterator[str]:
    """4 KB of environment, names of variables that Lambda keeps for itself, five layers."""
    for resource in of(planned, "aws_lambda_function"):
        variables = next(leaves(resource.values, ["environment", "variables"]), None) or {}
        size = sum(len(f"{name}{value}".encode()) for name, value in variables.items())
        if size > 4096:
            yield f"{short(resource.address)}: environment of {size} bytes, at most 4096"
        for name in variables:
            kept = name.startswith("AWS_") and name not in ("AWS_LAMBDA_EXEC_WRAPPER",)
            if kept or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]+", name):
                yield f"{short(resource.address)}: variable {name}"
        if len(resource.values.get("layers") or ()) > 5:
            yield f"{short(resource.address)}: more than five layers"


@rule
def mappings_of_queues(planned: Sequence[Resource]) -> Iterator[str]:
    """SQS triggers: batches, windows and concurrency; a queue waits six time-outs and the window before it tries again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    timeouts = {
        name: resource.values["timeout"] for resource in of(planned, "aws_lambda_function") for name in _names(resource)
    }
    queues = {resource.values.get("arn"): resource for resource in of(planned, "aws_sqs_queue")}
    for mapping in of(planned, "aws_lambda_event_source_mapping"):
        batch = mapping.values.get("batch_size") or 10
        window = mapping.values.get("maximum_batching_window_in_seconds") or 0
        if batch > 10_000 or (batch > 10 and window < 1):
            yield f"{short(mapping.address)}: batches of {batch} need a window of a second at least"
        if window > 300:
            yield f"{short(mapping.address)}: a window of {window} s, at most 300"
        for most in leaves(mapping.values, ["scaling_config", "maximum_concurrency"]):
            if most and not 2 <= most <= 1000:
                yield f"{short(mapping.address)}: a concurrency of {most}, allowed are 2 to 1000"
        queue = queues.get(mapping.values["event_source_arn"])
        if queue is not None and queue.values.get("fifo_queue") and (batch > 10 or window):
            yield f"{short(mapping.address)}: of a FIFO queue come ten messages at most, and none is waited for"
        timeout = timeouts.get(str(mapping.values["function_name"]).rsplit(":", 1)[-1])
        if queue is None or timeout is None:
            yield f"{short(mapping.address)}: takes from a queue or starts a function that is not planned"
        elif queue.values["visibility_timeout_seconds"] < 6 * timeout + window:
            seen = queue.values["visibility_timeout_seconds"]
            yield f"{short(queue.address)}: visible again after {seen} s, at least {6 * timeout + window}"


def _names(resource: Resource) -> Iterator[str]:
    yield resource.values["function_name"]


@rule
def names_of_queues(planned: Sequence[Resource]) -> Iterator[str]:
    """A FIFO queue's name says what it is, and no other's does."""
    for queue in of(planned, "aws_sqs_queue"):
        if queue.values["name"].endswith(".fifo") != bool(queue.values.get("fifo_queue")):
            yield f"{short(queue.address)}: {queue.values['name']} ends with .fifo, or not"


@rule
def dead_letters(planned: Sequence[Resource]) -> Iterator[str]:
    """A redrive policy names a queue that is there, which admits it, keeps longer, and is tried at least once."""
    queues = {resource.values.get("arn"): resource for resource in of(planned, "aws_sqs_queue")}
    for resource in of(planned, "aws_sqs_queue", "aws_sqs_queue_redrive_policy"):
        if not (text := resource.values.get("redrive_policy")):
            continue
        policy = json.loads(text)
        dead = queues.get(policy["deadLetterTargetArn"])
        live = next((queue for queue in queues.values() if _are_beside(queue, resource)), resource)
        if dead is not None and bool(dead.values.get("fifo_queue")) != bool(live.values.get("fifo_queue")):
            yield f"{short(resource.address)}: dead letters of a FIFO queue go to one of its kind"
        if not 1 <= policy["maxReceiveCount"] <= 1000:
            yield f"{short(resource.address)}: receives {policy['maxReceiveCount']}, allowed are 1 to 1000"
        if dead is None:
            yield f"{short(resource.address)}: dead letters go to {policy['deadLetterTargetArn']}, which is not planned"
        elif dead.values["message_retention_seconds"] < resource.values.get("message_retention_seconds", 0):
            yield f"{short(dead.address)}: keeps dead letters for a shorter time than the queue its messages"


def _are_beside(queue: Resource, policy: Resource) -> bool:
    """Whether a queue is the one of a module whose redrive policy stands by itself."""
    module = policy.address.partition("aws_sqs_queue_redrive_policy.")[0]
    return module != policy.address and queue.address == f"{module}{queue.type}.this"


# https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
_FIELDS = (
    ("minutes", r"[0-5]?\d"),
    ("hours", r"[01]?\d|2[0-3]"),
    ("day of month", r"0?[1-9]|[12]\d|3[01]|L|LW|\d{1,2}W"),
    ("month", r"0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"),
    ("day of week", r"[1-7](#[1-5])?|[1-7]?L|SUN|MON|TUE|WED|THU|FRI|SAT"),
    ("year", r"19[7-9]\d|2[01]\d\d"),
)


def expression_breaches(expression: str) -> Iterator[str]:
    """How a schedule's expression breaks the forms ``rate(…)``, ``cron(…)`` and ``at(…)``."""
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression):
        if int(rate[1]) < 1 or (int(rate[1]) == 1) == bool(rate[3]):
            yield f"{expression}: a rate is 1 minute or 2 minutes"
        return
    cron = re.fullmatch(r"cron\((.*)\)", expression)
    if not cron:
        if not re.fullmatch(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)", expression):
            yield f"{expression}: neither rate, cron nor at"
        return
    parts = cron[1].split()
    if len(parts) != 6:
        yield f"{expression}: {len(parts)} fields, a cron has six"
        return
    for part, (name, value) in zip(parts, _FIELDS, strict=True):
        blank = r"|\?" if name.startswith("day") else ""
        single = rf"(?:{value})(?:-(?:{value}))?(?:/\d+)?|\*(?:/\d+)?{blank}"
        if not all(re.fullmatch(single, entry) for entry in part.split(",")):
            yield f"{expression}: {part} are no {name}"
    if (parts[2] == "?") == (parts[4] == "?"):
        yield f"{expression}: exactly one of day of month and day of week is ?"


@rule
def schedules(planned: Sequence[Resource]) -> Iterator[str]:
    """Expressions, windows, and inputs in which AWS finds the words that it replaces."""
    for resource in of(planned, "aws_scheduler_schedule", "aws_cloudwatch_event_rule"):
        if expression := resource.values.get("schedule_expression"):
            yield from (f"{short(resource.address)}: {text}" for text in expression_breaches(expression))
    for resource in of(planned, "aws_scheduler_schedule"):
        for window in resource.values["flexible_time_window"]:
            minutes = window.get("maximum_window_in_minutes") or 0
            if (window["mode"] == "FLEXIBLE") != (1 <= minutes <= 1440):
                yield f"{short(resource.address)}: a window of {minutes} minutes in mode {window['mode']}"
        for text in leaves(resource.values, ["target", "input"]):
            if re.search(r"\\u00(3c|3e|26)", text, re.IGNORECASE):
                yield f"{short(resource.address)}: an escaped bracket, which AWS does not replace: {text}"
            json.loads(text)
            for word in re.findall(r"<aws\.[^>]*>", text):
                if word not in {
                    f"<aws.scheduler.{name}>"
                    for name in ("schedule-arn", "scheduled-time", "execution-id", "attempt-number")
                }:
                    yield f"{short(resource.address)}: {word} is no word of the Scheduler"


# ---------------------------------------------------------------- CloudWatch


@rule
def alarms(planned: Sequence[Resource]) -> Iterator[str]:
    """Periods, spans and texts of alarms.

    A week at most where a period is an hour or longer, else a day; five actions for each state:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    for alarm in of(planned, "aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm"):
        for state in ("alarm_actions", "ok_actions", "insufficient_data_actions"):
            if len(alarm.values.get(state) or ()) > 5:
                yield f"{short(alarm.address)}: more than five {state}"
        if len(alarm.values.get("alarm_description") or "") > 1024:
            yield f"{short(alarm.address)}: a description of more than 1024 characters"
    for alarm in of(planned, "aws_cloudwatch_metric_alarm"):
        values, queries = alarm.values, alarm.values.get("metric_query") or []
        periods = [values["period"]] if values.get("period") else [*leaves(queries, ["metric", "period"])]
        for period in (length for length in periods if length):
            span = period * values["evaluation_periods"]
            if period not in (10, 20, 30) and period % 60:
                yield f"{short(alarm.address)}: a period of {period} s is no whole number of minutes"
            if span > (WEEK if period >= 3600 else DAY):
                yield f"{short(alarm.address)}: looks at {span} s in periods of {period} s"
        if (values.get("datapoints_to_alarm") or 1) > values["evaluation_periods"]:
            yield f"{short(alarm.address)}: more data points to alarm than are evaluated"
        if len(values.get("dimensions") or {}) > 30:
            yield f"{short(alarm.address)}: more than 30 dimensions"
        yield from (f"{short(alarm.address)}: {text}" for text in _expressions(queries))


def _expressions(queries: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Metric maths in an alarm: ten metrics, one result, no search, ids in lower case that are there."""
    if not queries:
        return
    ids = [query["id"] for query in queries]
    if sum(bool(query.get("return_data")) for query in queries) != 1:
        yield "exactly one query returns data"
    if sum(bool(query.get("metric")) for query in queries) > 10:
        yield "more than ten metrics in an expression"
    for query in queries:
        text = query.get("expression") or ""
        if not re.fullmatch(r"[a-z][A-Za-z0-9_]*", query["id"]) or ids.count(query["id"]) > 1:
            yield f"the id {query['id']}"
        if len(text) > 2048 or re.search(r"\b(SEARCH|SELECT|SORT)\b", text):
            yield f"an alarm takes no such expression: {text[:60]}"
        known = {*ids, "m"}
        yield from (
            f"{name} is no query"
            for name in re.findall(r"\b[a-z]\w*\b", re.sub(r'"[^"]*"|\w+\(', "", text))
            if name not in known
        )


@rule
def composite_alarms(planned: Sequence[Resource]) -> Iterator[str]:
    """A composite alarm watches at most 100 others, all of them planned, and no cycle can arise among metric alarms."""
    names = {
        alarm.values["alarm_name"]
        for alarm in of(planned, "aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")
    }
    for alarm in of(planned, "aws_cloudwatch_composite_alarm"):
        watched = re.findall(r'(?:ALARM|OK|INSUFFICIENT_DATA)\("?([^")]+)"?\)', alarm.values["alarm_rule"])
        if not 1 <= len(watched) <= 100:
            yield f"{short(alarm.address)}: watches {len(watched)} alarms, allowed are 1 to 100"
        if alarm.values["alarm_name"] in watched:
            yield f"{short(alarm.address)}: watches itself"
        rest = re.sub(
            r'(?:ALARM|OK|INSUFFICIENT_DATA)\("?[^")]+"?\)|\b(?:AND|OR|NOT|TRUE|FALSE)\b|[()\s]',
            "",
            alarm.values["alarm_rule"],
        )
        if rest:
            yield f"{short(alarm.address)}: {rest[:40]!r} is no part of a rule"
        yield from (
            f"{short(alarm.address)}: watches {name}, which is not planned" for name in watched if name not in names
        )


# Namespace and metric -> the sets of dimensions under which AWS publishes it; without an entry nothing is seen.
PUBLISHED = {
    ("AWS/Lambda", "Duration"): ({"FunctionName"}, {"FunctionName", "Resource"}),
    ("AWS/Lambda", "Errors"): ({"FunctionName"}, {"FunctionName", "Resource"}),
    ("AWS/Lambda", "Invocations"): ({"FunctionName"}, {"FunctionName", "Resource"}),
    ("AWS/Lambda", "Throttles"): ({"FunctionName"}, {"FunctionName", "Resource"}),
    ("AWS/Lambda", "ConcurrentExecutions"): ({"FunctionName"},),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ({"QueueName"},),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ({"QueueName"},),
    ("AWS/SQS", "NumberOfMessagesSent"): ({"QueueName"},),
    ("AWS/Firehose", "DeliveryToS3.DataFreshness"): ({"DeliveryStreamName"},),
    ("AWS/Firehose", "DeliveryToS3.Success"): ({"DeliveryStreamName"},),
    ("AWS/Kinesis", "WriteProvisionedThroughputExceeded"): ({"StreamName"},),
    ("AWS/States", "ExecutionsFailed"): ({"StateMachineArn"},),
    ("AWS/States", "ExecutionsTimedOut"): ({"StateMachineArn"},),
    ("AWS/States", "ExecutionsAborted"): ({"StateMachineArn"},),
    ("AWS/Athena", "ProcessedBytes"): ({"QueryState", "QueryType", "WorkGroup"},),
}


@rule
def metrics_of_aws(planned: Sequence[Resource]) -> Iterator[str]:
    """What an alarm or a picture asks of AWS's own metrics exists under exactly these dimensions."""
    asked: list[tuple[str, str, str, frozenset[str]]] = []
    for alarm in of(planned, "aws_cloudwatch_metric_alarm"):
        for query in [alarm.values, *leaves(alarm.values.get("metric_query") or [], ["metric"])]:
            if query and query.get("metric_name"):
                asked.append(
                    (
                        short(alarm.address),
                        query["namespace"],
                        query["metric_name"],
                        frozenset(query["dimensions"] or {}),
                    )
                )
    for address, metric in _pictured(planned):
        names = [part for part in metric if isinstance(part, str)]
        asked.append((address, names[0], names[1], frozenset(names[2::2])))
    for address, namespace, name, dimensions in asked:
        if namespace.startswith("AWS/") and dimensions not in PUBLISHED.get((namespace, name), ()):
            yield f"{address}: nobody publishes {namespace} {name} by {sorted(dimensions)}"


def _pictured(planned: Sequence[Resource]) -> Iterator[tuple[str, list[Any]]]:
    for dashboard in of(planned, "aws_cloudwatch_dashboard"):
        for widget in json.loads(dashboard.values["dashboard_body"])["widgets"]:
            for metric in widget["properties"].get("metrics", ()):
                if isinstance(metric[0], str):
                    yield short(dashboard.address), metric


@rule
def dashboards(planned: Sequence[Resource]) -> Iterator[str]:
    """Widgets stand on a grid of 24 columns and hold at most 500 metrics (a dashboard 2,500), or 100 alarms.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    for dashboard in of(planned, "aws_cloudwatch_dashboard"):
        body = json.loads(dashboard.values["dashboard_body"])
        shown = 0
        for widget in body["widgets"]:
            title = widget["properties"].get("title", widget["type"])
            where = f"{short(dashboard.address)}: {title}"
            if (
                widget["x"] < 0
                or widget["y"] < 0
                or widget["height"] < 1
                or not 1 <= widget["width"] <= 24 - widget["x"]
            ):
                yield f"{where}: stands outside of the grid"
            if widget["type"] not in ("metric", "alarm", "text", "log", "explorer", "custom"):
                yield f"{where}: no kind of widget"
            if len(widget["properties"].get("alarms", ())) > 100:
                yield f"{where}: more than 100 alarms"
            metrics = widget["properties"].get("metrics", ())
            shown += len(metrics)
            if len(metrics) > 500:
                yield f"{where}: {len(metrics)} metrics, at most 500"
            yield from (f"{where}: {text}" for metric in metrics for text in _metric_form(metric))
            if widget["type"] == "metric":
                period = widget["properties"].get("period", 300)
                if period % 60 or not re.fullmatch(
                    r"[A-Za-z]+|p\d{1,2}(\.\d+)?|p100", widget["properties"].get("stat", "Average")
                ):
                    yield f"{where}: period or statistic"
        if shown > 2500 or len(body["widgets"]) > 500:
            yield f"{short(dashboard.address)}: {shown} metrics in {len(body['widgets'])} widgets, at most 2500 in 500"


def _metric_form(metric: Sequence[Any]) -> Iterator[str]:
    names = metric[:-1] if isinstance(metric[-1], dict) else metric
    if names and (len(names) % 2 or len(names) > 62 or not all(isinstance(name, str) and name for name in names)):
        yield f"{str(metric)[:80]} is no namespace, name and pairs of dimension and value"
    if not names and not (isinstance(metric[-1], dict) and metric[-1].get("expression")):
        yield f"{str(metric)[:80]} is neither a metric nor an expression"


# ---------------------------------------------------------------- S3 and Firehose


@rule
def notifications(planned: Sequence[Resource]) -> Iterator[str]:
    """Two notifications of a bucket for the same event must not overlap in prefix and suffix."""
    for resource in of(planned, "aws_s3_bucket_notification"):
        targets = [
            target for kind in ("queue", "topic", "lambda_function") for target in resource.values.get(kind) or ()
        ]
        for place, first in enumerate(targets):
            if len(first.get("id") or "") > 255 or len(first.get("filter_prefix") or "") > 1024:
                yield f"{short(resource.address)}: {first.get('id')}: too long"
            for second in targets[place + 1 :]:
                pairs = [(first.get(end) or "", second.get(end) or "") for end in ("filter_prefix", "filter_suffix")]
                overlap = pairs[0][0].startswith(pairs[0][1]) or pairs[0][1].startswith(pairs[0][0])
                overlap &= pairs[1][0].endswith(pairs[1][1]) or pairs[1][1].endswith(pairs[1][0])
                if overlap and {event.split(":")[1] for event in first["events"]} & {
                    event.split(":")[1] for event in second["events"]
                }:
                    yield f"{short(resource.address)}: {first.get('id')} and {second.get('id')} overlap"


@rule
def lifecycles(planned: Sequence[Resource]) -> Iterator[str]:
    """Rules have names of their own and an action; days are positive; nothing waits for a tag to end an upload."""
    for resource in of(planned, "aws_s3_bucket_lifecycle_configuration"):
        rules = resource.values["rule"]
        names = [entry["id"] for entry in rules]
        if len(set(names)) < len(names) or len(rules) > 1000:
            yield f"{short(resource.address)}: rules of one name, or more than 1000"
        for entry in rules:
            days = [
                *leaves(entry.get("expiration") or [], ["days"]),
                *leaves(entry.get("noncurrent_version_expiration") or [], ["noncurrent_days"]),
            ]
            days += leaves(entry.get("abort_incomplete_multipart_upload") or [], ["days_after_initiation"])
            if not days or any(day is not None and day < 1 for day in days):
                yield f"{short(resource.address)}: {entry['id']} does nothing, or at once"


@rule
def deliveries(planned: Sequence[Resource]) -> Iterator[str]:
    """Firehose's prefixes: known expressions alone; with any, an error prefix that says the kind of error.

    https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
    """
    for resource in of(planned, "aws_kinesis_firehose_delivery_stream"):
        for target in resource.values["extended_s3_configuration"]:
            prefix, errors = target.get("prefix") or "", target.get("error_output_prefix") or ""
            partitioned = any(leaves(target, ["dynamic_partitioning_configuration", "enabled"]))
            if "!{" in prefix and "!{firehose:error-output-type}" not in errors:
                yield f"{short(resource.address)}: its error prefix does not say !{{firehose:error-output-type}}"
            if "error-output-type" in prefix:
                yield f"{short(resource.address)}: its prefix names the kind of an error"
            for text in re.findall(r"!\{([^}]*)\}?", prefix + errors):
                space, _, value = text.partition(":")
                timestamp = space == "timestamp" and re.fullmatch(r"(?:[yMdHmsS]+|'[^']*'|[/_=-])+", value)
                random = space == "firehose" and value in ("error-output-type", "random-string")
                keyed = space in ("partitionKeyFromQuery", "partitionKeyFromLambda") and partitioned
                if not (timestamp or random or keyed):
                    yield f"{short(resource.address)}: !{{{text}}} is no expression of Firehose"
            if partitioned and target["buffering_size"] < 64:
                yield f"{short(resource.address)}: dynamic partitions need buffers of 64 MB"


# ---------------------------------------------------------------- log filters


@rule
def subscriptions(planned: Sequence[Resource]) -> Iterator[str]:
    """A log group has two subscription filters at most; a pattern has 1024 characters, and closes what it opens."""
    groups: dict[str, int] = {}
    for resource in of(planned, "aws_cloudwatch_log_subscription_filter", "aws_cloudwatch_log_metric_filter"):
        pattern = resource.values.get("filter_pattern") or resource.values.get("pattern") or ""
        if len(pattern) > 1024 or any(pattern.count(a) != pattern.count(b) for a, b in ("{}", "[]", "()")):
            yield f"{short(resource.address)}: the pattern {pattern[:60]}"
        if resource.type == "aws_cloudwatch_log_subscription_filter":
            name = resource.values["log_group_name"]
            groups[name] = groups.get(name, 0) + 1
    yield from (f"{name}: {count} subscriptions, at most two" for name, count in groups.items() if count > 2)

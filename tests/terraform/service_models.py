"""Planned values against AWS's own service models, as botocore carries them: lengths, ranges, patterns, enumerations.

The models were not written by us: what they say of a member of a request holds for the attribute that Terraform makes
of it. What a model leaves open (SQS and SNS say nothing of names, S3 little) stands in ``tests.terraform.documented``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from botocore.model import Shape
from tests.terraform.planned import Resource, short


@dataclass(frozen=True)
class Call:
    """The request that a resource becomes, and which of its members each attribute is. Parts are joined by dots."""

    service: str
    operation: str
    members: Mapping[str, str] = field(default_factory=dict)


ALARM = {
    "alarm_name": "AlarmName",
    "alarm_description": "AlarmDescription",
    "alarm_actions": "AlarmActions",
    "ok_actions": "OKActions",
}
METRIC_ALARM = {
    "comparison_operator": "ComparisonOperator",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "dimensions.*": "Dimensions.Value",
    "evaluation_periods": "EvaluationPeriods",
    "extended_statistic": "ExtendedStatistic",
    "metric_name": "MetricName",
    "namespace": "Namespace",
    "period": "Period",
    "statistic": "Statistic",
    "treat_missing_data": "TreatMissingData",
    "unit": "Unit",
}
WORKGROUP = "Configuration.ResultConfiguration"
TABLE = "TableInput.StorageDescriptor"
S3_DESTINATION = "ExtendedS3DestinationConfiguration"

CALLS: dict[str, Call] = {
    "aws_athena_named_query": Call(
        "athena",
        "CreateNamedQuery",
        {
            "name": "Name",
            "description": "Description",
            "database": "Database",
            "query": "QueryString",
            "workgroup": "WorkGroup",
        },
    ),
    "aws_athena_workgroup": Call(
        "athena",
        "CreateWorkGroup",
        {
            "name": "Name",
            "description": "Description",
            "configuration.bytes_scanned_cutoff_per_query": "Configuration.BytesScannedCutoffPerQuery",
            "configuration.engine_version.selected_engine_version": "Configuration.EngineVersion.SelectedEngineVersion",
            "configuration.result_configuration.output_location": f"{WORKGROUP}.OutputLocation",
            "configuration.result_configuration.encryption_configuration.encryption_option": (
                f"{WORKGROUP}.EncryptionConfiguration.EncryptionOption"
            ),
        },
    ),
    "aws_cloudwatch_composite_alarm": Call(
        "cloudwatch",
        "PutCompositeAlarm",
        {**ALARM, "alarm_rule": "AlarmRule", "actions_suppressor": "ActionsSuppressor"},
    ),
    "aws_cloudwatch_dashboard": Call("cloudwatch", "PutDashboard", {"dashboard_name": "DashboardName"}),
    "aws_cloudwatch_event_rule": Call(
        "events",
        "PutRule",
        {
            "name": "Name",
            "description": "Description",
            "event_pattern": "EventPattern",
            "schedule_expression": "ScheduleExpression",
            "state": "State",
        },
    ),
    "aws_cloudwatch_event_target": Call(
        "events",
        "PutTargets",
        {"target_id": "Targets.Id", "arn": "Targets.Arn", "rule": "Rule", "input": "Targets.Input"},
    ),
    "aws_cloudwatch_event_bus": Call("events", "CreateEventBus", {"name": "Name", "description": "Description"}),
    "aws_cloudwatch_log_group": Call(
        "logs", "CreateLogGroup", {"name": "logGroupName", "log_group_class": "logGroupClass"}
    ),
    "aws_cloudwatch_log_metric_filter": Call(
        "logs", "PutMetricFilter", {"name": "filterName", "pattern": "filterPattern", "log_group_name": "logGroupName"}
    ),
    "aws_cloudwatch_log_stream": Call(
        "logs", "CreateLogStream", {"name": "logStreamName", "log_group_name": "logGroupName"}
    ),
    "aws_cloudwatch_metric_alarm": Call("cloudwatch", "PutMetricAlarm", {**ALARM, **METRIC_ALARM}),
    "aws_glue_catalog_database": Call(
        "glue", "CreateDatabase", {"name": "DatabaseInput.Name", "description": "DatabaseInput.Description"}
    ),
    "aws_glue_catalog_table": Call(
        "glue",
        "CreateTable",
        {
            "name": "TableInput.Name",
            "database_name": "DatabaseName",
            "description": "TableInput.Description",
            "table_type": "TableInput.TableType",
            "parameters.*": "TableInput.Parameters",
            "partition_keys.name": "TableInput.PartitionKeys.Name",
            "partition_keys.type": "TableInput.PartitionKeys.Type",
            "partition_keys.comment": "TableInput.PartitionKeys.Comment",
            "storage_descriptor.columns.name": f"{TABLE}.Columns.Name",
            "storage_descriptor.columns.type": f"{TABLE}.Columns.Type",
            "storage_descriptor.columns.comment": f"{TABLE}.Columns.Comment",
            "storage_descriptor.location": f"{TABLE}.Location",
            "storage_descriptor.input_format": f"{TABLE}.InputFormat",
            "storage_descriptor.output_format": f"{TABLE}.OutputFormat",
            "storage_descriptor.ser_de_info.name": f"{TABLE}.SerdeInfo.Name",
            "storage_descriptor.ser_de_info.serialization_library": f"{TABLE}.SerdeInfo.SerializationLibrary",
            "storage_descriptor.ser_de_info.parameters.*": f"{TABLE}.SerdeInfo.Parameters",
            "view_original_text": "TableInput.ViewOriginalText",
            "view_expanded_text": "TableInput.ViewExpandedText",
        },
    ),
    "aws_iam_policy": Call(
        "iam",
        "CreatePolicy",
        {"name": "PolicyName", "path": "Path", "description": "Description", "policy": "PolicyDocument"},
    ),
    "aws_iam_role": Call(
        "iam",
        "CreateRole",
        {
            "name": "RoleName",
            "path": "Path",
            "description": "Description",
            "assume_role_policy": "AssumeRolePolicyDocument",
            "max_session_duration": "MaxSessionDuration",
            "permissions_boundary": "PermissionsBoundary",
        },
    ),
    "aws_iam_role_policy": Call(
        "iam", "PutRolePolicy", {"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"}
    ),
    "aws_iam_role_policy_attachment": Call("iam", "AttachRolePolicy", {"role": "RoleName", "policy_arn": "PolicyArn"}),
    "aws_kinesis_firehose_delivery_stream": Call(
        "firehose",
        "CreateDeliveryStream",
        {
            "name": "DeliveryStreamName",
            "kinesis_source_configuration.kinesis_stream_arn": "KinesisStreamSourceConfiguration.KinesisStreamARN",
            "kinesis_source_configuration.role_arn": "KinesisStreamSourceConfiguration.RoleARN",
            "extended_s3_configuration.role_arn": f"{S3_DESTINATION}.RoleARN",
            "extended_s3_configuration.bucket_arn": f"{S3_DESTINATION}.BucketARN",
            "extended_s3_configuration.prefix": f"{S3_DESTINATION}.Prefix",
            "extended_s3_configuration.error_output_prefix": f"{S3_DESTINATION}.ErrorOutputPrefix",
            "extended_s3_configuration.buffering_interval": f"{S3_DESTINATION}.BufferingHints.IntervalInSeconds",
            "extended_s3_configuration.buffering_size": f"{S3_DESTINATION}.BufferingHints.SizeInMBs",
            "extended_s3_configuration.compression_format": f"{S3_DESTINATION}.CompressionFormat",
            "extended_s3_configuration.cloudwatch_logging_options.log_group_name": (
                f"{S3_DESTINATION}.CloudWatchLoggingOptions.LogGroupName"
            ),
            "extended_s3_configuration.cloudwatch_logging_options.log_stream_name": (
                f"{S3_DESTINATION}.CloudWatchLoggingOptions.LogStreamName"
            ),
        },
    ),
    "aws_kinesis_stream": Call(
        "kinesis",
        "CreateStream",
        {
            "name": "StreamName",
            "shard_count": "ShardCount",
            "stream_mode_details.stream_mode": "StreamModeDetails.StreamMode",
        },
    ),
    "aws_kms_alias": Call("kms", "CreateAlias", {"name": "AliasName", "target_key_id": "TargetKeyId"}),
    "aws_kms_key": Call(
        "kms",
        "CreateKey",
        {
            "description": "Description",
            "policy": "Policy",
            "key_usage": "KeyUsage",
            "customer_master_key_spec": "CustomerMasterKeySpec",
        },
    ),
    "aws_lambda_event_source_mapping": Call(
        "lambda",
        "CreateEventSourceMapping",
        {
            "event_source_arn": "EventSourceArn",
            "function_name": "FunctionName",
            "batch_size": "BatchSize",
            "maximum_batching_window_in_seconds": "MaximumBatchingWindowInSeconds",
            "function_response_types": "FunctionResponseTypes",
            "scaling_config.maximum_concurrency": "ScalingConfig.MaximumConcurrency",
        },
    ),
    "aws_lambda_function": Call(
        "lambda",
        "CreateFunction",
        {
            "function_name": "FunctionName",
            "description": "Description",
            "role": "Role",
            "handler": "Handler",
            "runtime": "Runtime",
            "timeout": "Timeout",
            "memory_size": "MemorySize",
            "architectures": "Architectures",
            "package_type": "PackageType",
            "s3_bucket": "Code.S3Bucket",
            "s3_key": "Code.S3Key",
            "layers": "Layers",
            "ephemeral_storage.size": "EphemeralStorage.Size",
            "logging_config.log_format": "LoggingConfig.LogFormat",
            "logging_config.log_group": "LoggingConfig.LogGroup",
            "tracing_config.mode": "TracingConfig.Mode",
            "vpc_config.subnet_ids": "VpcConfig.SubnetIds",
            "vpc_config.security_group_ids": "VpcConfig.SecurityGroupIds",
        },
    ),
    "aws_lambda_function_event_invoke_config": Call(
        "lambda",
        "PutFunctionEventInvokeConfig",
        {
            "function_name": "FunctionName",
            "maximum_retry_attempts": "MaximumRetryAttempts",
            "maximum_event_age_in_seconds": "MaximumEventAgeInSeconds",
        },
    ),
    "aws_lambda_permission": Call(
        "lambda",
        "AddPermission",
        {
            "function_name": "FunctionName",
            "statement_id": "StatementId",
            "action": "Action",
            "principal": "Principal",
            "source_arn": "SourceArn",
            "source_account": "SourceAccount",
        },
    ),
    "aws_lambda_layer_version": Call(
        "lambda",
        "PublishLayerVersion",
        {
            "layer_name": "LayerName",
            "description": "Description",
            "compatible_runtimes": "CompatibleRuntimes",
            "compatible_architectures": "CompatibleArchitectures",
            "license_info": "LicenseInfo",
            "s3_bucket": "Content.S3Bucket",
            "s3_key": "Content.S3Key",
        },
    ),
    "aws_s3_bucket": Call("s3", "CreateBucket", {"bucket": "Bucket"}),
    "aws_s3_bucket_lifecycle_configuration": Call(
        "s3",
        "PutBucketLifecycleConfiguration",
        {
            "bucket": "Bucket",
            "rule.id": "LifecycleConfiguration.Rules.ID",
            "rule.status": "LifecycleConfiguration.Rules.Status",
        },
    ),
    "aws_s3_bucket_notification": Call(
        "s3",
        "PutBucketNotificationConfiguration",
        {"bucket": "Bucket", "queue.events": "NotificationConfiguration.QueueConfigurations.Events"},
    ),
    "aws_s3_bucket_ownership_controls": Call(
        "s3",
        "PutBucketOwnershipControls",
        {"rule.object_ownership": "OwnershipControls.Rules.ObjectOwnership"},
    ),
    "aws_s3_bucket_server_side_encryption_configuration": Call(
        "s3",
        "PutBucketEncryption",
        {
            "rule.apply_server_side_encryption_by_default.sse_algorithm": (
                "ServerSideEncryptionConfiguration.Rules.ApplyServerSideEncryptionByDefault.SSEAlgorithm"
            )
        },
    ),
    "aws_s3_bucket_versioning": Call(
        "s3", "PutBucketVersioning", {"versioning_configuration.status": "VersioningConfiguration.Status"}
    ),
    "aws_s3_object": Call(
        "s3", "PutObject", {"bucket": "Bucket", "key": "Key", "server_side_encryption": "ServerSideEncryption"}
    ),
    "aws_scheduler_schedule": Call(
        "scheduler",
        "CreateSchedule",
        {
            "name": "Name",
            "group_name": "GroupName",
            "description": "Description",
            "schedule_expression": "ScheduleExpression",
            "schedule_expression_timezone": "ScheduleExpressionTimezone",
            "state": "State",
            "flexible_time_window.mode": "FlexibleTimeWindow.Mode",
            "target.arn": "Target.Arn",
            "target.role_arn": "Target.RoleArn",
            "target.input": "Target.Input",
            "target.retry_policy.maximum_event_age_in_seconds": "Target.RetryPolicy.MaximumEventAgeInSeconds",
            "target.retry_policy.maximum_retry_attempts": "Target.RetryPolicy.MaximumRetryAttempts",
        },
    ),
    "aws_scheduler_schedule_group": Call("scheduler", "CreateScheduleGroup", {"name": "Name"}),
    "aws_secretsmanager_secret": Call("secretsmanager", "CreateSecret", {"name": "Name", "description": "Description"}),
    "aws_sfn_state_machine": Call(
        "stepfunctions",
        "CreateStateMachine",
        {"name": "name", "role_arn": "roleArn", "type": "type", "definition": "definition"},
    ),
    "aws_ssm_parameter": Call(
        "ssm", "PutParameter", {"name": "Name", "description": "Description", "type": "Type", "tier": "Tier"}
    ),
}

# Types whose requests have a model that constrains nothing that we set: documented limits hold them, or there are none.
UNCONSTRAINED = {
    "aws_s3_bucket_logging": "names a bucket and a prefix",
    "aws_s3_bucket_object_lock_configuration": "a mode, and days that a variable bounds",
    "aws_s3_bucket_policy": "its size is documented, its grants are linted",
    "aws_s3_bucket_public_access_block": "four truths",
    "aws_security_group": "EC2's model says nothing of lengths",
    "aws_sns_topic": "SNS's model says nothing of names",
    "aws_sns_topic_policy": "its size is documented, its grants are linted",
    "aws_sns_topic_subscription": "SNS's model says nothing of endpoints",
    "aws_sqs_queue": "SQS's model says nothing of names and ranges",
    "aws_sqs_queue_redrive_policy": "a JSON text, read by a rule of its own",
    "aws_vpc_endpoint": "EC2's model says nothing of names",
    "aws_vpc_security_group_ingress_rule": "EC2's model says nothing of lengths",
    "terraform_data": "Terraform's own, in its state alone",
}

# The API leaves an attribute out where Terraform holds one of these for it.
ABSENT = (None, "", [], {})


@cache
def _input(service: str, operation: str) -> Shape:
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return shape


@cache
def member(service: str, operation: str, path: str) -> Shape:
    """The shape of a member of a request; of lists and maps, that of what they hold."""
    shape: Any = _input(service, operation)
    for name in path.split("."):
        shape = _inner(shape).members[name]
    return _inner(shape)


def _inner(shape: Any) -> Any:
    while shape.type_name in ("list", "map"):
        shape = shape.member if shape.type_name == "list" else shape.value
    return shape


def leaves(value: Any, path: Iterable[str]) -> Iterator[Any]:
    """What an attribute's path leads to, through every element of the lists on the way; ``*`` goes through a map."""
    if isinstance(value, list):
        for part in value:
            yield from leaves(part, path)
        return
    name, *rest = path or ("",)
    if not name:
        yield value
    elif isinstance(value, dict):
        for part in value.values() if name == "*" else (value.get(name),):
            yield from leaves(part, rest)


def breaches(shape: Shape, value: Any) -> Iterator[str]:
    """How a value breaks what a shape says."""
    limits = shape.metadata
    number = isinstance(value, int | float) and not isinstance(value, bool)
    size = value if number else len(str(value))
    what = "is" if number else "has a length of"
    if "max" in limits and size > limits["max"]:
        yield f"{what} {size}, at most {limits['max']}"
    if "min" in limits and size < limits["min"]:
        yield f"{what} {size}, at least {limits['min']}"
    if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        yield f"{value!r} is none of {shape.metadata['enum'][:8]}"
    if (pattern := limits.get("pattern")) and isinstance(value, str) and not _matches(pattern, value):
        yield f"{value[:80]!r} does not match {pattern[:80]}"


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The model's pattern; None where it is one of another dialect of regular expressions."""
    text = pattern.replace("\\p{IsLetter}", "A-Za-z").replace("\\p{IsDigit}", "0-9").replace("[:alnum:]", "A-Za-z0-9")
    text = text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")  # pairs of surrogates
    try:
        return re.compile(text)
    except re.error:
        return None


def _matches(pattern: str, value: str) -> bool:
    expression = compiled(pattern)
    return expression is None or expression.fullmatch(value) is not None


@dataclass
class Compared:
    """Values that were held against a model, and what breaks it."""

    values: int = 0
    constrained: int = 0
    problems: list[str] = field(default_factory=list)


def against_models(planned: Iterable[Resource]) -> Compared:
    """Hold every mapped attribute of every resource against its member's model."""
    compared = Compared()
    for resource in planned:
        call = CALLS.get(resource.type)
        for attribute, path in call.members.items() if call else ():
            shape = member(call.service, call.operation, path) if call else None
            for value in leaves(resource.values, attribute.split(".")):
                if value in ABSENT or shape is None:
                    continue
                compared.values += 1
                compared.constrained += bool({"max", "min", "pattern", "enum"} & set(shape.metadata))
                compared.problems += [
                    f"{short(resource.address)}: {attribute} {text}" for text in breaches(shape, value)
                ]
    return compared


def unmapped(planned: Iterable[Resource]) -> set[str]:
    """Types that have neither a request nor a reason for having none."""
    return {resource.type for resource in planned} - set(CALLS) - set(UNCONSTRAINED)

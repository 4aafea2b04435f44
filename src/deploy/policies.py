"""Least-privilege policies of those who deploy an environment and of those who operate it, as IAM takes them.

Actions as the AWS provider and the command call them (Service Authorization Reference); a test holds them to what a
plan makes and to what the command asks for. Resources are the environment's own by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws.deployment import DESCRIPTION, anchors_bucket
from core.metrics import NAMESPACE

LIMIT = 6144  # characters of a managed policy, without blanks
PASSED_TO = ("firehose", "lambda", "scheduler", "states")
EMR, GLUE = "emr-serverless", "glue"  # what the variable `spark` may name
_EMR_OWN = "ops.emr-serverless.amazonaws.com"  # which takes the role that EMR Serverless makes for itself in an account


@dataclass(frozen=True)
class Place:
    """Where an environment is, and what all its names begin with (``starmend-prod``)."""

    partition: str
    account: str
    region: str
    project: str
    environment: str

    @property
    def prefix(self) -> str:
        return f"{self.project}-{self.environment}"

    def arn(self, service: str, *names: str) -> list[str]:
        return [f"arn:{self.partition}:{service}:{self.region}:{self.account}:{name}" for name in names]


@dataclass(frozen=True)
class Statement:
    """Actions on resources; ``conditions`` as IAM writes them."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: str = ""

    def document(self) -> dict[str, Any]:
        statement = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": sorted(self.actions),
            "Resource": sorted(self.resources),
        }
        return statement | ({"Condition": json.loads(self.conditions)} if self.conditions else {})


# By service: what making, reading, changing and removing the environment's resources asks for.
_TAGS = "TagResource UntagResource ListTagsForResource"
_DEPLOYER: Mapping[str, str] = {
    "athena": f"CreateWorkGroup GetWorkGroup UpdateWorkGroup DeleteWorkGroup CreateNamedQuery GetNamedQuery "
    f"DeleteNamedQuery StartQueryExecution GetQueryExecution GetQueryResults StopQueryExecution {_TAGS}",
    "cloudwatch": f"PutMetricAlarm DeleteAlarms PutDashboard GetDashboard DeleteDashboards {_TAGS}",
    "firehose": "CreateDeliveryStream DescribeDeliveryStream UpdateDestination DeleteDeliveryStream "
    "TagDeliveryStream UntagDeliveryStream ListTagsForDeliveryStream",
    "glue": "CreateDatabase GetDatabase GetDatabases UpdateDatabase DeleteDatabase CreateTable GetTable GetTables "
    "GetPartitions GetPartitionIndexes UpdateTable DeleteTable GetTags TagResource UntagResource",
    "kinesis": "CreateStream DescribeStream DescribeStreamSummary DeleteStream UpdateShardCount UpdateStreamMode "
    "IncreaseStreamRetentionPeriod DecreaseStreamRetentionPeriod StartStreamEncryption StopStreamEncryption "
    f"AddTagsToStream RemoveTagsFromStream ListTagsForStream {_TAGS}",
    "lambda": "CreateFunction GetFunction GetFunctionCodeSigningConfig GetFunctionConfiguration InvokeFunction "
    "ListVersionsByFunction UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction ListTags TagResource "
    "UntagResource PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig "
    "DeleteFunctionEventInvokeConfig PublishLayerVersion GetLayerVersion DeleteLayerVersion AddPermission GetPolicy "
    "RemovePermission",
    "logs": "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy CreateLogStream DeleteLogStream "
    f"DescribeLogStreams ListTagsLogGroup {_TAGS}",
    "scheduler": "CreateSchedule GetSchedule UpdateSchedule DeleteSchedule CreateScheduleGroup GetScheduleGroup "
    f"DeleteScheduleGroup {_TAGS}",
    "secretsmanager": "CreateSecret DescribeSecret GetResourcePolicy GetSecretValue UpdateSecret DeleteSecret "
    "RestoreSecret TagResource UntagResource",
    "sns": "CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes Subscribe Unsubscribe "
    f"GetSubscriptionAttributes SetSubscriptionAttributes ListSubscriptionsByTopic {_TAGS}",
    "sqs": "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl SetQueueAttributes ListQueueTags TagQueue "
    "UntagQueue",
    "ssm": "PutParameter GetParameter GetParameters DeleteParameter AddTagsToResource RemoveTagsFromResource "
    "ListTagsForResource",
    "states": "CreateStateMachine DescribeStateMachine UpdateStateMachine DeleteStateMachine "
    f"ListStateMachineVersions {_TAGS}",
}
_BUCKETS = (
    "CreateBucket DeleteBucket ListBucket ListBucketVersions GetBucketLocation GetBucketTagging PutBucketTagging "
    "GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetBucketPublicAccessBlock PutBucketPublicAccessBlock "
    "GetBucketOwnershipControls PutBucketOwnershipControls GetBucketVersioning PutBucketVersioning "
    "GetEncryptionConfiguration PutEncryptionConfiguration GetLifecycleConfiguration PutLifecycleConfiguration "
    "GetBucketNotification PutBucketNotification GetBucketLogging PutBucketLogging GetBucketAcl GetBucketCORS "
    "GetBucketWebsite GetAccelerateConfiguration GetBucketRequestPayment GetReplicationConfiguration "
    "GetBucketObjectLockConfiguration PutBucketObjectLockConfiguration"
)
_OBJECTS = (
    "GetObject PutObject DeleteObject GetObjectVersion DeleteObjectVersion GetObjectTagging PutObjectTagging "
    "AbortMultipartUpload ListMultipartUploadParts"
)
_ROLES = (
    "GetRole DeleteRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy TagRole UntagRole ListRoleTags "
    "ListRolePolicies ListAttachedRolePolicies ListInstanceProfilesForRole GetRolePolicy DeleteRolePolicy "
    "DetachRolePolicy"
)
_GRANTS = "CreateRole PutRolePolicy AttachRolePolicy PutRolePermissionsBoundary"  # what a boundary has to bound
_POLICIES = (
    "CreatePolicy GetPolicy GetPolicyVersion ListPolicyVersions CreatePolicyVersion DeletePolicyVersion DeletePolicy "
    "TagPolicy UntagPolicy"
)
_NAMELESS = (  # what knows no resource, or has no name of ours, or is granted on * or not at all (PutCompositeAlarm)
    "cloudwatch:DescribeAlarms cloudwatch:PutCompositeAlarm "
    "ec2:DescribePrefixLists ec2:DescribeSecurityGroupRules ec2:DescribeSecurityGroups "
    "ec2:DescribeSubnets ec2:DescribeVpcEndpoints ec2:DescribeVpcs ec2:DescribeNetworkInterfaces "
    "kinesis:DescribeLimits "
    "kms:ListAliases lambda:ListEventSourceMappings logs:DescribeLogGroups ssm:DescribeParameters "
    "states:ValidateStateMachineDefinition sts:GetCallerIdentity"
)
_NETWORK = (
    "CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints CreateSecurityGroup DeleteSecurityGroup "
    "AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress RevokeSecurityGroupEgress CreateTags DeleteTags"
)
_JOBS = "CreateJob GetJob UpdateJob DeleteJob GetTags TagResource UntagResource"
_APPLICATIONS = "GetApplication UpdateApplication DeleteApplication TagResource UntagResource ListTagsForResource"
_MAPPINGS = (
    "CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping ListTags "
    "TagResource UntagResource"
)
_KEYS = (
    "DescribeKey GetKeyPolicy PutKeyPolicy GetKeyRotationStatus EnableKeyRotation UpdateKeyDescription "
    "ListResourceTags TagResource UntagResource ScheduleKeyDeletion CreateAlias UpdateAlias DeleteAlias"
)


def deployer(
    place: Place,
    *,
    boundary: str | None = None,
    network: bool = False,
    notify: bool = False,
    spark: str | None = None,
) -> list[Statement]:
    """What ``starmend deploy`` asks for. With a boundary, roles are made and given grants only under it.

    Whoever makes roles without one can give them anything: then the account is the boundary.
    """
    prefix = place.prefix
    named = _named(place)
    statements = [
        Statement(service.capitalize(), _of(service, actions), tuple(named[service]))
        for service, actions in _DEPLOYER.items()
    ]
    iam = f"arn:{place.partition}:iam::{place.account}"
    passed_to = [*PASSED_TO, GLUE] if spark == GLUE else PASSED_TO
    passed = {"StringEquals": {"iam:PassedToService": [f"{service}.amazonaws.com" for service in passed_to]}}
    bounded = json.dumps({"StringEquals": {"iam:PermissionsBoundary": boundary}}) if boundary else ""
    ours = _ours(place)
    asked = json.dumps({"StringEquals": {"aws:RequestTag/project": place.project}})  # no key has a name
    statements += [
        Statement("Buckets", _of("s3", _BUCKETS), (*_buckets(place), _state_bucket(place))),
        Statement(
            "Objects", _of("s3", _OBJECTS), tuple(f"{arn}/*" for arn in (*_buckets(place), _state_bucket(place)))
        ),
        Statement("Roles", _of("iam", _ROLES), (f"{iam}:role/{prefix}-*",)),
        Statement("Grants", _of("iam", _GRANTS), (f"{iam}:role/{prefix}-*",), bounded),
        Statement("PassRoles", ("iam:PassRole",), (f"{iam}:role/{prefix}-*",), json.dumps(passed)),
        Statement("Policies", _of("iam", _POLICIES), (f"{iam}:policy/{prefix}-*",)),
        Statement("Mappings", _of("lambda", _MAPPINGS), tuple(place.arn("lambda", "event-source-mapping:*"))),
        Statement("NewKeys", _of("kms", "CreateKey TagResource"), ("*",), asked),
        Statement("Keys", _of("kms", _KEYS), tuple(place.arn("kms", "key/*")), ours),
        Statement(
            "Aliases", _of("kms", "CreateAlias UpdateAlias DeleteAlias"), tuple(place.arn("kms", f"alias/{prefix}-*"))
        ),
        Statement("Nameless", tuple(_NAMELESS.split()), ("*",)),
    ]
    if network:
        statements.append(Statement("Network", _of("ec2", _NETWORK), ("*",)))
    if notify:
        statements += _told_of_drift(place)
    return [*statements, *_deployed_spark(place, spark)]


def _told_of_drift(place: Place) -> Iterator[Statement]:
    """What ``deploy drift --notify`` needs. A metric knows no resource, and the topic's key is known by its alias."""
    alarms = f"{place.prefix}-alarms"
    yield Statement("MailDrift", ("sns:Publish",), tuple(place.arn("sns", alarms)))
    aliased = json.dumps({"ForAnyValue:StringEquals": {"kms:ResourceAliases": [f"alias/{alarms}"]}})
    yield Statement(
        "EncryptMailOfDrift", _of("kms", "GenerateDataKey Decrypt"), tuple(place.arn("kms", "key/*")), aliased
    )
    counted = json.dumps({"StringEquals": {"cloudwatch:namespace": [NAMESPACE]}})
    yield Statement("CountDrift", ("cloudwatch:PutMetricData",), ("*",), counted)


def _deployed_spark(place: Place, engine: str | None) -> Iterator[Statement]:
    """What the engine of the variable ``spark`` needs besides; an application's name is in no ARN, so its tag tells."""
    if engine == GLUE:
        yield Statement("SparkJobs", _of(GLUE, _JOBS), tuple(place.arn(GLUE, f"job/{place.prefix}-spark")))
    if engine == EMR:
        asked = json.dumps({"StringEquals": {"aws:RequestTag/project": place.project}})
        yield Statement("NewApplications", _of(EMR, "CreateApplication TagResource"), ("*",), asked)
        yield Statement("Applications", _of(EMR, _APPLICATIONS), tuple(place.arn(EMR, "/applications/*")), _ours(place))
        own = f"arn:{place.partition}:iam::{place.account}:role/aws-service-role/{_EMR_OWN}/*"
        named = json.dumps({"StringEquals": {"iam:AWSServiceName": _EMR_OWN}})
        yield Statement("EmrServerlessOwnRole", ("iam:CreateServiceLinkedRole",), (own,), named)


def operator(place: Place, *, spark: str | None = None) -> list[Statement]:
    """What the other commands ask for: they look, ask functions and the auditor to work, and change no resource."""
    named = _named(place)
    return [
        *_started_spark(place, spark),
        Statement("Read", _of("s3", "GetObject GetObjectVersion"), tuple(f"{arn}/*" for arn in _data(place))),
        Statement("Describe", _of("s3", "GetObject"), _description(place)),
        Statement("Find", _of("s3", "ListBucket ListBucketVersions GetBucketLocation"), _data(place)),
        Statement(
            "Mend",  # partitions made again and rolled back, old objects removed, results of queries
            _of("s3", "PutObject DeleteObject DeleteObjectVersion AbortMultipartUpload ListMultipartUploadParts"),
            tuple(f"{arn}/*" for arn in _data(place)),
        ),
        Statement("Prove", _of("s3", "GetObjectVersion ListBucketVersions"), _anchors(place)),
        Statement(
            "ProofKeys",
            _of("kms", "GetPublicKey"),
            tuple(place.arn("kms", "key/*")),
            _ours(place),
        ),
        Statement("Functions", _of("lambda", "InvokeFunction GetFunctionConfiguration"), tuple(named["lambda"])),
        Statement(
            "Queues",
            _of(
                "sqs", "SendMessage ReceiveMessage DeleteMessage ChangeMessageVisibility GetQueueAttributes GetQueueUrl"
            ),
            tuple(named["sqs"]),
        ),
        Statement(
            "Audits",
            _of("states", "StartExecution ListExecutions DescribeExecution GetExecutionHistory"),
            tuple(place.arn("states", f"stateMachine:{place.prefix}-*", f"execution:{place.prefix}-*")),
        ),
        Statement("State", _of("ssm", "GetParameter GetParameters PutParameter"), tuple(named["ssm"])),
        Statement(
            "Secrets",
            _of("secretsmanager", "DescribeSecret GetSecretValue PutSecretValue"),
            tuple(named["secretsmanager"]),
        ),
        Statement(
            "Athena",
            _of("athena", "StartQueryExecution StopQueryExecution GetQueryExecution GetQueryResults GetWorkGroup"),
            tuple(named["athena"]),
        ),
        Statement(
            "Catalog", _of("glue", "GetDatabase GetDatabases GetTable GetTables GetPartitions"), tuple(named["glue"])
        ),
        Statement("Addresses", _of("sns", "ListSubscriptionsByTopic"), tuple(named["sns"])),
        Statement("Records", _of("kinesis", "PutRecords"), tuple(named["kinesis"])),
        Statement("Pauses", _of("scheduler", "GetSchedule UpdateSchedule"), tuple(named["scheduler"])),
        Statement(  # UpdateSchedule names the schedule's role again
            "PassRoles",
            ("iam:PassRole",),
            (f"arn:{place.partition}:iam::{place.account}:role/{place.prefix}-start-*",),
            json.dumps({"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}),
        ),
        Statement(
            "Nameless",
            ("ce:GetCostAndUsage", "ce:ListCostAllocationTags", "cloudwatch:DescribeAlarms", "sts:GetCallerIdentity"),
            ("*",),
        ),
    ]


def _started_spark(place: Place, engine: str | None) -> Iterator[Statement]:
    """Runs of Spark, started and followed; a run of EMR Serverless has no tag of ours."""
    if engine == GLUE:
        actions = _of(GLUE, "StartJobRun GetJobRun GetJobRuns")
        yield Statement("SparkRuns", actions, tuple(place.arn(GLUE, f"job/{place.prefix}-spark")))
    if engine == EMR:
        applications = tuple(place.arn(EMR, "/applications/*"))
        yield Statement("StartSpark", _of(EMR, "StartJobRun ListJobRuns"), applications, _ours(place))
        yield Statement("FollowSpark", _of(EMR, "GetJobRun"), tuple(place.arn(EMR, "/applications/*/jobruns/*")))
        role = f"arn:{place.partition}:iam::{place.account}:role/{place.prefix}-spark"
        passed = json.dumps({"StringEquals": {"iam:PassedToService": f"{EMR}.amazonaws.com"}})
        yield Statement("PassSparkRole", ("iam:PassRole",), (role,), passed)


def _ours(place: Place) -> str:
    return json.dumps({"StringEquals": {"aws:ResourceTag/project": place.project}})


def documents(statements: Sequence[Statement]) -> Iterator[dict[str, Any]]:
    """Policy documents with these statements in order, each as long as IAM takes them."""
    packed: list[dict[str, Any]] = []
    for statement in statements:
        tried = [*packed, statement.document()]
        if packed and len(compact(_document(tried))) > LIMIT:
            yield _document(packed)
            tried = tried[-1:]
        packed = tried
    yield _document(packed)


def compact(document: Mapping[str, Any]) -> str:
    """The text that IAM counts."""
    return json.dumps(document, separators=(",", ":"))


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _of(service: str, actions: str) -> tuple[str, ...]:
    return tuple(f"{service}:{action}" for action in actions.split())


def _data(place: Place) -> tuple[str, ...]:
    return tuple(f"arn:{place.partition}:s3:::{place.prefix}-{role}-*" for role in ("ingest", "warehouse", "results"))


def _description(place: Place) -> tuple[str, ...]:
    """What every command begins with: what is deployed, and by which contracts."""
    code = f"arn:{place.partition}:s3:::{place.prefix}-code-{place.account}"
    return (f"{code}/{DESCRIPTION}", f"{code}/contracts/*")


def _anchors(place: Place) -> tuple[str, ...]:
    bucket = f"arn:{place.partition}:s3:::{anchors_bucket(place.project, place.environment, place.account)}"
    return (bucket, f"{bucket}/anchors/*")


def _buckets(place: Place) -> tuple[str, ...]:
    return (f"arn:{place.partition}:s3:::{place.prefix}-*",)


def _state_bucket(place: Place) -> str:
    return f"arn:{place.partition}:s3:::{place.project}-{place.account}-{place.region}-terraform"


def _named(place: Place) -> Mapping[str, Sequence[str]]:
    """The environment's resources of each service, by their names."""
    prefix, path = place.prefix, f"{place.project}/{place.environment}"
    database = prefix.replace("-", "_")
    groups = [f"log-group:/aws/{kind}/{prefix}-*" for kind in ("lambda", "kinesisfirehose")]
    dashboards = f"arn:{place.partition}:cloudwatch::{place.account}:dashboard/{prefix}*"
    return {
        "athena": place.arn("athena", f"workgroup/{prefix}-*"),
        "cloudwatch": [*place.arn("cloudwatch", f"alarm:{prefix}-*"), dashboards],
        "firehose": place.arn("firehose", f"deliverystream/{prefix}-*"),
        "glue": place.arn("glue", "catalog", "database/default", f"database/{database}*", f"table/{database}*/*"),
        "kinesis": place.arn("kinesis", f"stream/{prefix}-*"),
        "lambda": place.arn("lambda", f"function:{prefix}-*", f"layer:{prefix}*"),
        "logs": place.arn("logs", *groups),
        "scheduler": place.arn("scheduler", f"schedule-group/{prefix}*", f"schedule/{prefix}*/*"),
        "secretsmanager": place.arn("secretsmanager", f"secret:{path}/*"),
        "sns": place.arn("sns", f"{prefix}-*"),
        "sqs": place.arn("sqs", f"{prefix}-*"),
        "ssm": place.arn("ssm", f"parameter/{path}/*"),
        "states": place.arn("states", f"stateMachine:{prefix}-*"),
    }

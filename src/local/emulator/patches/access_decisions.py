"""Access decisions: policies are enforced as on AWS, and every decision about a role is kept.

MiniStack enforces IAM where its environment says AUTH=true (``Emulator.start(as_on_aws=True)``): each function acts as
its own role, the key of :meth:`Emulator.environment` is the account's root, and a call that no policy allows is refused
in the service's own words. What follows is where it asks another question than AWS does.

- Service Authorization Reference: the batch operations of SQS are authorized as the single ones (``sqs:SendMessage``,
  ``sqs:DeleteMessage``, ``sqs:ChangeMessageVisibility``), ``ssm:GetParameters`` for each parameter that it names, and
  ``states:SendTask*`` for the state machine that waits for the token, what is asked about a query of Athena's for the
  workgroup that it runs in.
- AWS Glue Developer Guide, "Specifying AWS Glue resource ARNs": a call for a table is authorized for the table and for
  its ancestors, the database and the catalog, each; stock asks about the database alone.
- Amazon S3 API Reference, GetObject and HeadObject: who may not ``s3:ListBucket`` gets 403 for a key that does not
  exist, not 404.
- Service Authorization Reference: ``events:PutEvents`` knows the condition key ``events:source``, a PUT of an object
  ``s3:if-none-match`` and ``s3:if-match``, a use of a key ``kms:ResourceAliases``.
- IAM User Guide, "aws:PrincipalArn": who acts as a role is compared by the role's ARN; stock has the session's.
- IAM User Guide, "aws:SecureTransport": stock takes plain HTTP on loopback for what it is, so that a policy against
  plain HTTP refuses everything; here loopback stands for TLS. So does what a state machine calls that no request
  started but a schedule: stock would refuse each of its messages to a queue with such a policy.

Adds the record that CloudTrail keeps on AWS: :data:`local.emulator.decisions.FILE` in the state directory.
"""

from __future__ import annotations

import contextvars
import functools
import itertools
import json
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services import athena, kms, stepfunctions

from local.emulator.decisions import Decision, Ledger
from local.emulator.patching import wrap
from local.emulator.settings import Settings

_SINGLE = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
_GET_PARAMETERS = "AmazonSSM.GetParameters"
_GLUE = "AWSGlue."
_OF_TABLES = frozenset({"GetTable", "CreateTable", "UpdateTable", "DeleteTable"})
_OF_DATABASES = frozenset({"GetDatabase", "UpdateDatabase", "DeleteDatabase"})
_LOOPBACK = "127.0.0.1"
_TOKEN = b'"taskToken"'
_QUERY = b'"QueryExecutionId"'
_running: list[dict[str, Any]] = []  # what each task that runs knows: its state machine, and its token once it has one
_EVENTS_TARGET = "AWSEvents.PutEvents"
_PUT_EVENTS = "events:PutEvents"
_event_sources: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("event_sources", default=())
_CONDITIONS = ("if-none-match", "if-match")  # of a PUT
_ALIASES = "kms:resourcealiases"  # as the evaluator looks a key up
_aliases: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("aliases", default=())
_every_resource: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("every_resource", default=())


def apply(settings: Settings) -> None:
    if not settings.decisions:
        return
    ledger = Ledger(Path(settings.decisions))
    wrap(app, "pin_request_origin", lambda stock, address, _secure: stock(address, True))
    wrap(stepfunctions, "_start_execution", _start_execution)
    wrap(app, "_dispatch_service_request", _dispatch)
    wrap(stepfunctions, "_execute_task", _execute_task)
    wrap(iam_actions, "extract_iam_action", _action)
    wrap(iam_actions, "extract_resource_arn", _resource)
    wrap(iam_actions, "s3_service_context", _s3_context)
    wrap(iam_evaluator, "_resolve_condition_key", _condition_key)
    wrap(iam_evaluator, "parse_policy_document", _parsed)

    def enforce(stock: Any, key: str, action: str, *about: Any, resource_arn: str = "*", **more: Any) -> Any:
        refused = None
        context = more.pop("service_context", None) or {}
        if aliases := _aliases.get() if action.startswith("kms:") else ():
            context = {**context, _ALIASES: list(aliases)}
        prefix = context.get("s3:prefix")
        sources = _event_sources.get() if action == _PUT_EVENTS else (None,)
        for resource, source in itertools.product(_every_resource.get() or (resource_arn,), sources):
            known = context | ({"events:source": source} if source is not None else {})
            refused = refused or stock(key, action, *about, resource_arn=resource, service_context=known, **more)
            if role := _role_of(key):
                ledger.write(Decision(role, action, resource, refused is None, prefix, source, " ".join(aliases)))
        return refused

    wrap(iam_evaluator, "enforce", enforce)


def _parsed(stock: Any, document: Any) -> Any:
    """A policy's statements, read once for its text: stock reads all policies of a role twice a request."""
    return _parsed_text(stock, document) if isinstance(document, str) else stock(document)


@functools.lru_cache(maxsize=512)
def _parsed_text(stock: Any, document: str) -> Any:
    return stock(document)


def _start_execution(stock: Any, *request: Any) -> Any:
    iam_evaluator.pin_request_origin(_LOOPBACK, True)  # kept by the thread that carries the execution out
    return stock(*request)


def _action(stock: Any, *request: Any) -> str | None:
    action: str | None = stock(*request)
    return _SINGLE.get(action or "", action)


def _resource(stock: Any, service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
    resource: str = stock(service, method, path, headers, body, *more)
    several: tuple[str, ...] = ()
    if service == "ssm" and headers.get("x-amz-target") == _GET_PARAMETERS:
        _, region, account = more
        names = json.loads(body)["Names"]
        several = tuple(f"arn:aws:ssm:{region}:{account}:parameter/{name.lstrip('/')}" for name in names)
    if service == "glue":
        several = _catalog_path(
            headers.get("x-amz-target", "").removeprefix(_GLUE), json.loads(body or b"{}"), *more[1:]
        )
    _every_resource.set(several)
    if service == "events" and headers.get("x-amz-target") == _EVENTS_TARGET:
        _event_sources.set(tuple(sorted({entry.get("Source", "") for entry in json.loads(body)["Entries"]})))
    if service == "kms":
        key = kms._resolve_key(json.loads(body or b"{}").get("KeyId", "")) or {}
        named = (alias for alias, key_id in kms._aliases.items() if key_id == key.get("KeyId"))
        _aliases.set(tuple(sorted(alias[alias.index("alias/") :] for alias in named)))
        return str(key.get("Arn", resource))
    if service == "athena" and _QUERY in body:
        _, region, account = more
        query = athena._executions.get(json.loads(body)["QueryExecutionId"])
        return f"arn:aws:athena:{region}:{account}:workgroup/{query['WorkGroup']}" if query else resource
    if service == "states" and _TOKEN in body:
        return _machine_of(json.loads(body)["taskToken"]) or resource
    return resource


def _s3_context(stock: Any, action: str, query: Any, path: str = "", headers: Any = None) -> dict[str, Any]:
    given = {f"s3:{name}": headers[name] for name in _CONDITIONS if headers and headers.get(name)}
    return dict(stock(action, query, path, headers)) | (given if action == "s3:PutObject" else {})


def _condition_key(stock: Any, key: str, context: Any) -> Any:
    arn = str(stock(key, context)) if key.lower() == "aws:principalarn" else ""
    if ":assumed-role/" not in arn:
        return stock(key, context)
    return f"arn:aws:iam::{arn.split(':')[4]}:role/{arn.split('/')[1]}"


def _catalog_path(operation: str, request: dict[str, Any], region: str, account: str) -> tuple[str, ...]:
    """A table or a database with its ancestors; empty where the call is for neither."""
    catalog = f"arn:aws:glue:{region}:{account}"
    name = request.get("Name") or request.get("TableInput", {}).get("Name", "")
    if operation in _OF_DATABASES:
        return f"{catalog}:catalog", f"{catalog}:database/{name}"
    if operation in _OF_TABLES:
        database = request.get("DatabaseName", "")
        return f"{catalog}:catalog", f"{catalog}:database/{database}", f"{catalog}:table/{database}/{name}"
    return ()


def _execute_task(stock: Any, state: Any, given: Any, execution: Any, context: dict[str, Any]) -> Any:
    _running.append(context)
    try:
        return stock(state, given, execution, context)
    finally:
        _running.remove(context)


def _machine_of(token: str) -> str:
    """The state machine that waits for a token; empty where none does."""
    machines = (task["StateMachine"]["Id"] for task in list(_running) if task.get("Task", {}).get("Token") == token)
    return str(next(machines, ""))


async def _dispatch(
    stock: Any, method: str, path: str, headers: Any, body: bytes, query_params: Any, request_id: str
) -> Any:
    answer = await stock(method, path, headers, body, query_params, request_id)
    bucket, _, name = path.lstrip("/").partition("/")
    if answer[0] != 404 or method not in ("GET", "HEAD") or not name:
        return answer
    if app.detect_service(method, path, headers, query_params) != "s3":
        return answer
    key, region = app.extract_access_key_id(headers, query_params), app.extract_region(headers)
    refused = iam_evaluator.enforce(key, "s3:ListBucket", "s3", region, resource_arn=f"arn:aws:s3:::{bucket}")
    if not refused:
        return answer
    return iam_actions.access_denied_response(
        "s3", "s3:ListBucket", getattr(refused, "principal_arn", ""), request_id, headers=headers
    )


def _role_of(key: str) -> str:
    """The role's name, of ``arn:aws:sts::<account>:assumed-role/<role>/<session>``; empty for root."""
    identity = iam_evaluator.resolve_caller_identity(key) or {}
    kind, _, rest = str(identity.get("userArn", "")).partition("/")
    return rest.split("/")[0] if kind.endswith(":assumed-role") else ""

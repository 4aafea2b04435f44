"""Requests are refused where AWS would refuse them: by the constraints of the service's own model.

Restores what each service's API reference says of its members (length, pattern, range, values) and AWS's common error
"ValidationException": "The input fails to satisfy the constraints specified by an AWS service". Stock takes nearly
every value; the SDKs check none of this before they send.

Not checked: S3, whose parameters have next to no constraints in its model; CloudWatch's calls in CBOR beside what the
SDK checks itself; calls that MiniStack's services make among themselves.
"""

from __future__ import annotations

import logging
from typing import Any

from ministack import app
from ministack.core.responses import error_response_json, error_response_xml

from local.emulator.patching import wrap
from local.emulator.requests.constraints import REFUSED, message, problems
from local.emulator.requests.reading import Request, read_request
from local.emulator.settings import Settings

log = logging.getLogger("starmend.emulator")

# Services that give this error another name than ValidationException.
CODES = {
    "athena": "InvalidRequestException",
    "cloudwatch": "ValidationError",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
    "sts": "ValidationError",
}


def apply(_: Settings) -> None:
    wrap(app, "_dispatch_service_request", _dispatch)


async def _dispatch(
    stock: Any, method: str, path: str, headers: Any, body: bytes, query_params: Any, request_id: str
) -> Any:
    service = app.detect_service(method, path, headers, app._routing_params(method, path, headers, body, query_params))
    request = read_request(service, method, path, headers, app._decompress_request_body(body, headers), query_params)
    if request and (refusals := problems(request.operation.input_shape, request.parameters)):
        text = message(refusals)
        log.warning("%s: %s.%s: %s", REFUSED, request.service, request.operation.name, text)
        return _refused(request, text)
    return await stock(method, path, headers, body, query_params, request_id)


def _refused(request: Request, text: str) -> Any:
    code = CODES.get(request.service, "ValidationException")
    protocol = request.operation.service_model.metadata["protocol"]
    if protocol == "query":
        return error_response_xml(code, text, 400, "")
    return error_response_json(code, text, 400)

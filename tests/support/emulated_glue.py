"""Glue as the emulator has it, in this process, behind AWS's own client, which holds requests against its model."""

from __future__ import annotations

import asyncio
from typing import Any

import botocore.session
from botocore.awsrequest import AWSRequest, AWSResponse
from ministack.services import glue
from moto.core.botocore_stubber import MockRawResponse


def emulated_glue() -> Any:
    """A client; whatever others made in this process it sees too."""
    credentials = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "emulator"}
    client = botocore.session.get_session().create_client("glue", region_name="eu-west-1", **credentials)
    client.meta.events.register_first("before-send.glue", _answer)
    return client


def _answer(request: AWSRequest, **_: Any) -> AWSResponse:
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    status, answered, body = asyncio.run(glue.handle_request("POST", "/", headers, request.body, {}))
    return AWSResponse(request.url, status, answered, MockRawResponse(body))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value

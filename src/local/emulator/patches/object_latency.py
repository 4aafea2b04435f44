"""Amazon S3 answers when it would have answered, not as fast as memory does.

Restores the order of magnitude of the Amazon S3 User Guide's "Performance guidelines for Amazon S3" (first bytes after
100 to 200 ms at most, small objects sooner), by what others measured of small objects and conditional writes
(``local.emulator.latency``). Off unless ``s3_scale`` asks for it; it multiplies them.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from ministack import app

from local.emulator.latency import latency
from local.emulator.patching import wrap
from local.emulator.settings import Settings

_READS = ("GET", "HEAD")
_CONDITIONS = ("if-match", "if-none-match")


def apply(settings: Settings) -> None:
    if not settings.s3_scale:
        return
    chance = random.Random(7)

    async def dispatch(
        stock: Any, method: str, path: str, headers: Any, body: bytes, query_params: Any, request_id: str
    ) -> Any:
        if app.detect_service(method, path, headers, query_params) == "s3":
            conditional = any(headers.get(name) for name in _CONDITIONS)
            seconds = latency(writes=method not in _READS, conditional=conditional, chance=chance)
            await asyncio.sleep(seconds * settings.s3_scale)
        return await stock(method, path, headers, body, query_params, request_id)

    wrap(app, "_dispatch_service_request", dispatch)

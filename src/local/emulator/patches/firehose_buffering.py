"""Firehose buffers records, joins them into one object, and compresses it.

Restores what the Firehose Developer Guide says of Amazon S3 destinations: "Buffering hints" (a delivery happens when
the interval has passed since the buffer's first record or when the size is reached, whichever comes first), records
concatenated as they are (no newline is added, unless the AppendDelimiterToRecord processor is on), and
"CompressionFormat: GZIP" with ``.gz`` at the end of the object's name. Stock writes one plain object per record, at
once. The interval is multiplied by ``firehose_scale``, so that nobody waits a minute for a minute's buffer.
"""

from __future__ import annotations

import contextvars
import gzip
import threading
from dataclasses import dataclass, field
from typing import Any

from ministack.services import firehose

from local.emulator.patching import wrap
from local.emulator.settings import Settings

DEFAULT_SECONDS = 300
DEFAULT_MEGABYTES = 5


@dataclass
class _Buffer:
    timer: threading.Timer
    parts: list[bytes] = field(default_factory=list)
    size: int = 0


_buffers: dict[tuple[str, str], _Buffer] = {}
_guard = threading.RLock()


def apply(settings: Settings) -> None:
    def deliver(_stock: Any, stream: dict[str, Any], destination: dict[str, Any], records: list[Any]) -> None:
        # Dynamic partitioning needs keys per record: such streams keep the stock delivery.
        if (destination["config"].get("DynamicPartitioningConfiguration") or {}).get("Enabled"):
            _stock(stream, destination, records)
            return
        processed = firehose._apply_lambda_processors(stream, destination, records)
        delimiter = b"\n" if _delimits(destination["config"]) else b""
        _buffer(stream, destination, [payload + delimiter for _, payload in processed], settings.firehose_scale)

    wrap(firehose, "_deliver_records_to_s3", deliver)
    wrap(firehose, "reset", _reset)


def _delimits(config: dict[str, Any]) -> bool:
    processing = config.get("ProcessingConfiguration") or {}
    kinds = {processor.get("Type") for processor in processing.get("Processors") or []}
    return bool(processing.get("Enabled", True)) and "AppendDelimiterToRecord" in kinds


def _buffer(stream: dict[str, Any], destination: dict[str, Any], parts: list[bytes], scale: float) -> None:
    hints = destination["config"].get("BufferingHints") or {}
    limit = float(hints.get("SizeInMBs") or DEFAULT_MEGABYTES) * 1024 * 1024
    seconds = float(hints.get("IntervalInSeconds", DEFAULT_SECONDS)) * scale
    key = (stream["arn"], destination["id"])
    with _guard:
        for part in parts:
            buffer = _buffers.get(key)
            if buffer is None:
                context = contextvars.copy_context()  # the account and region of the request
                timer = threading.Timer(seconds, context.run, (_flush, key, stream, destination))
                timer.daemon = True
                buffer = _buffers[key] = _Buffer(timer)
                timer.start()
            buffer.parts.append(part)
            buffer.size += len(part)
            if buffer.size >= limit:
                buffer.timer.cancel()
                _flush(key, stream, destination)


def _flush(key: tuple[str, str], stream: dict[str, Any], destination: dict[str, Any]) -> None:
    with _guard:
        buffer = _buffers.pop(key, None)
    if buffer is None:
        return
    body = b"".join(buffer.parts)
    config = dict(destination["config"])
    if config.get("CompressionFormat") == "GZIP":
        body = gzip.compress(body, mtime=0)
        config["FileExtension"] = config.get("FileExtension") or ".gz"
    firehose._deliver_to_s3(stream, {**destination, "config": config}, body)


def _reset(stock: Any) -> None:
    with _guard:
        for buffer in _buffers.values():
            buffer.timer.cancel()
        _buffers.clear()
    stock()

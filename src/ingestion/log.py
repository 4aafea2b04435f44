"""Structured log lines, as acquisition writes them."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """A message and fields (powertools' ``Logger`` is one)."""

    def info(self, msg: str, /, **fields: Any) -> None: ...

    def warning(self, msg: str, /, **fields: Any) -> None: ...

    def error(self, msg: str, /, **fields: Any) -> None: ...

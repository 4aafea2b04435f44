"""A structured log in memory."""

from __future__ import annotations

import json
from typing import Any


class MemoryLog:
    """Every line: its level, message and fields, which must be JSON."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def _add(self, level: str, message: str, fields: dict[str, Any]) -> None:
        self.lines.append(json.loads(json.dumps({"level": level, "message": message, **fields})))

    def info(self, msg: str, /, **fields: Any) -> None:
        self._add("info", msg, fields)

    def warning(self, msg: str, /, **fields: Any) -> None:
        self._add("warning", msg, fields)

    def error(self, msg: str, /, **fields: Any) -> None:
        self._add("error", msg, fields)

    def about(self, words: str) -> list[dict[str, Any]]:
        """The lines whose message holds these words."""
        return [line for line in self.lines if words in line["message"]]

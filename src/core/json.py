"""JSON as the pipeline stores it: one text for one value, so that equal values are equal bytes."""

from __future__ import annotations

import json
from typing import Any


def canonical_json(data: Any) -> bytes:
    """Sorted keys, no spaces, ASCII only, one newline at the end."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"

"""Changing an object that others may change at the same time: read, change, write on condition that nobody else did."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from core.errors import TransientFailure
from core.ports import ObjectStore, Refused

TRIES = 20

Content = TypeVar("Content")


def change_object(
    store: ObjectStore,
    key: str,
    change: Callable[[Content], Content],
    *,
    read: Callable[[bytes | None], Content],
    write: Callable[[Content], bytes],
    operation: str,
    remedy: str,
) -> Content:
    """Apply ``change`` to the newest content of a JSON object, again whenever another writer was faster.

    ``read`` makes the content of the object's bytes, or of None where there is no object; ``write`` the reverse.
    ``change`` must have no effects, for it is called once for every try. Nothing is written where it changes nothing.
    Returns the content that is stored now. Raises ``TransientFailure`` with the caller's ``operation`` and ``remedy``
    where other writers are faster ``TRIES`` times; what ``read`` and the store raise passes through.
    """
    for _ in range(TRIES):
        stored = store.read(key)
        before = read(stored.body if stored else None)
        after = change(before)
        if stored is not None and after == before:
            return after
        answer = store.write(
            key,
            write(after),
            if_absent=stored is None,
            if_match=stored.stat.etag if stored else "",
            content_type="application/json",
        )
        if not isinstance(answer, Refused):
            return after
    raise TransientFailure(operation, key, f"beaten {TRIES} times", remedy)

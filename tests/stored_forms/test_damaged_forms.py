"""Whatever lies where a stored object should: its reader does without it, or says so in an error of the pipeline's own.

All that reads the lake together, over damaged objects of every form, is run by ``make chaos`` (``damaged_objects``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.fakes.objects import MemoryObjects
from tests.stored_forms.documents import read_expected
from tests.stored_forms.readers import reader_of
from tests.support.damaged import damages

from core.errors import StarmendError

MOST = 20  # damages of one form in make test, of some hundreds
READ_BY_OTHERS = (".parquet", ".gz", "symlink.txt")  # pointers, objects of partitions and lines: units of their own


def stored_forms() -> Iterator[tuple[str, bytes]]:
    """One object of each form: its key, and its bytes."""
    seen = set()
    for name, text in sorted(read_expected().items()):
        _, _, key = name.partition("/")
        bucket, _, key = key.partition("/")
        if bucket not in ("warehouse", "ingest") or key.endswith(READ_BY_OTHERS) or key.startswith("feeds/"):
            continue
        form = re.sub(r"[0-9a-f]{16,}|\d+|books_canary|books|prices|(?<=runs/)[^/]+", "0", key)
        if form not in seen:
            seen.add(form)
            yield key, text.encode()


FORMS = dict(stored_forms())


def raw_errors(key: str, *, most: int | None = None) -> list[str]:
    """What its reader raises over the object, damaged in each way or in as many; errors of the pipeline's own apart."""
    reader = reader_of(key)
    assert reader is not None, "a stored form that has no reader among tests.stored_forms.readers"
    raw = []
    ways = list(damages(FORMS[key]))
    for way, body in ways[:: -(-len(ways) // most) if most else 1]:
        store = MemoryObjects()
        store.write(key, body)
        try:
            reader(store, key)
        except StarmendError:
            continue
        except Exception as error:  # noqa: BLE001  (which one is what the test tells)
            raw.append(f"{key}, {way}: {error!r}")
    return raw


def test_a_damaged_object_ends_nothing_by_a_raw_error() -> None:
    assert [error for key in FORMS for error in raw_errors(key, most=MOST)] == []


@pytest.mark.long
@pytest.mark.parametrize("key", FORMS)
def test_an_object_damaged_in_any_way_ends_nothing_by_a_raw_error(key: str) -> None:
    assert raw_errors(key) == []

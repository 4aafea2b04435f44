"""Pointers of many partitions are listed by pages side by side: the same as one after another, and no page more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.partitions import MemoryPartitions
from tests.support.contracts import GOOD, TODAY, folder_of

from core.authoring.load import load
from core.ports import ObjectInfo
from core.warehouse.pointer import ROOT, pointer_key
from mirror import changes

PAGE = 4
WHEN = datetime(2026, 11, 20, tzinfo=UTC)
paths = st.sets(st.integers(0, 40).map(lambda number: f"month={number:02d}"), max_size=30)


class Pages(MemoryPartitions):
    """A listing of a few keys a page, of which the last page says that it is the last. It counts pages."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__()
        self._keys, self.asked, self._lock_pages = sorted(keys), 0, threading.Lock()

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        keys = [key for key in self._keys if key.startswith(prefix) and key > after]
        for first in range(0, max(len(keys), 1), PAGE):
            with self._lock_pages:
                self.asked += 1
            yield from (ObjectInfo(key, 1, f"etag of {key}", WHEN) for key in keys[first : first + PAGE])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> object:
    folder: Path = tmp_path_factory.mktemp("contracts")
    return load(folder_of(folder, dict(GOOD)), today=TODAY).table("fact_sale")


@given(there=paths, known=paths)
def test_whatever_is_known_the_listing_is_whole(there: set[str], known: set[str], table: object) -> None:
    keys = {path: pointer_key(f"fact_sale/{path}") for path in there}
    other = [f"{ROOT}fact_sale.5c1d09e2/month=01/symlink.txt", f"{ROOT}fact_sales/month=01/symlink.txt"]
    pages = Pages([*keys.values(), *other])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "PAGE", PAGE)
        listed = changes.pointers_of(pages, table, known, workers=3)  # type: ignore[arg-type]
        assert listed == {path: f"etag of {key}" for path, key in keys.items()}
        pages.asked = 0
        changes.pointers_of(pages, table, there, workers=3)  # type: ignore[arg-type]
    assert pages.asked == max(-(-len(there) // PAGE), 1)

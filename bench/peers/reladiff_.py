"""reladiff: rows that differ between two PostgreSQL tables, by sums of hashes over ranges of keys; two connections.

All columns are compared, as ours does by the hash of a row's content. Segments and threads are what its documentation
recommends for one server: as many threads as cores, twice as many in its pool.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from bench.extract import COLUMNS

KEY = "line_id"


def diff(*, login: Mapping[str, Any], changed: int, threads: int) -> Callable[[], int]:
    """Raises ``AssertionError`` where other rows are found than were changed."""
    import reladiff

    from bench.fingerprints import BEFORE

    logging.getLogger("database").setLevel(logging.ERROR)  # it warns of every column of texts
    who = f"{quote(login['username'])}:{quote(login['password'])}"
    url = f"postgresql://{who}@{login['host']}:{login['port']}/{login['dbname']}"
    extra = tuple(name for name in COLUMNS if name != KEY)
    tables = [
        reladiff.connect_to_table(url, table, KEY, thread_count=threads, extra_columns=extra)
        for table in ("line_item", BEFORE)
    ]

    def run() -> int:
        algorithm = reladiff.Algorithm.HASHDIFF
        with reladiff.diff_tables(*tables, algorithm=algorithm, max_threadpool_size=2 * threads) as rows:
            keys = {row[0] for _, row in rows}
        assert len(keys) == changed, len(keys)
        return changed

    return run

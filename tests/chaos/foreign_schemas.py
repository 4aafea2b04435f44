"""Databases that others designed: scripts of psql in a folder (``--given``), and small ones of what they showed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.chaos.run import Options, Result
from tests.support.foreign_schemas import SMALL, ForeignTally, server_for_extensions, tried


def foreign_schemas(options: Options) -> Result:
    """``--runs`` is how many of them, in the order of their names."""
    scripts: dict[str, Path | Sequence[str]] = {**SMALL}
    scripts |= {file.stem: file for file in sorted(options.given.glob("*.sql"))} if options.given else {}
    tally, server = ForeignTally(), server_for_extensions()
    for name, script in [*scripts.items()][: options.amount(len(scripts))]:
        try:
            tried(name, script, tally, seed=options.seed, server=server)
        except Exception:  # noqa: BLE001  # a schema that nothing can be made of must not cost the others
            tally.faults.append(f"{name} fell over: {traceback.format_exc(limit=-2)[-600:]}")
        options.progress(
            f"{tally.schemas} of {len(scripts)} schemas, {tally.found} of {tally.made} harms found", now=True
        )
    names = ("schemas", "tables", "promised", "rows", "made", "found", "planted", "named")
    return Result({name: getattr(tally, name) for name in names}, tally.faults)


RUNS: dict[str, Callable[[Options], Result]] = {"foreign_schemas": foreign_schemas}

"""dbt's sources from a lake: a plugin of dbt-duckdb that has each source read by the reader, as commits show it.

In dbt's profile, beside ``type: duckdb``::

    plugins:
      - module: starmend_reader.dbt
        alias: starmend
        config: {lake: "s3://starmend-prod-code-111122223333"}

and in the project what ``starmend contract export --dbt --reader`` writes. ``lake`` may be left out, as for
``starmend_reader.connect``; ``folder`` names a folder that the buckets were copied to.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pyarrow as pa
from dbt.adapters.duckdb.plugins import BasePlugin
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from starmend_reader.lake import Lake, connect
from starmend_reader.rows import Rows


class Plugin(BasePlugin):  # type: ignore[misc]
    """Sources as views that stream the lake's rows when a model asks for them; nothing of them is kept.

    All that dbt does with a source in one command is of one state of it. Records of the pipeline, which freshness asks
    for each source, are read once.
    """

    def initialize(self, plugin_config: Mapping[str, Any]) -> None:
        self._config = plugin_config
        self._rows: dict[str, Rows | pa.Table] = {}

    @cached_property
    def _lake(self) -> Lake:
        folder = self._config.get("folder")
        filesystem = SubTreeFileSystem(str(folder), LocalFileSystem()) if folder else None
        return connect(self._config.get("lake"), filesystem=filesystem)

    def load(self, source_config: Any) -> Rows | pa.Table:
        """The source's rows as they are now, or ``as_of`` what its ``meta`` says. Raises what ``Lake.read`` raises."""
        name = source_config.identifier
        if name not in self._rows:
            rows = self._lake.read(name, as_of=source_config.get("as_of"))
            self._rows[name] = rows.arrow() if self._lake.relations[name].kind == "record" else rows
        return self._rows[name]

    def default_materialization(self) -> str:
        """A table would copy all rows into DuckDB's file whenever a source is named."""
        return "view"

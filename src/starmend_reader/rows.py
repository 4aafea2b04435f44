"""Rows of a read: a stream of Arrow batches that pandas, Polars, DuckDB and whoever knows Arrow take up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl


@dataclass(frozen=True, slots=True, repr=False)
class Rows:
    """The rows of a table or view that a read asked for. Nothing of them is held: each use reads them anew.

    They come in order of the partitions, and within one in order of the key. ``objects`` are the keys of the objects
    that they are in: the same ones however often the rows are used, whatever is committed meanwhile.

    Whatever takes an Arrow stream (``__arrow_c_stream__``) takes the rows as they are: ``polars.DataFrame(rows)``,
    ``pyarrow.table(rows)``, DuckDB's ``select … from rows``. Memory then grows with what is made of the rows alone.
    An object that was replaced more than six hours before is removed some day: then reading fails, and gives no part.
    """

    name: str
    schema: pa.Schema
    objects: tuple[str, ...]
    open: Callable[[], Iterator[pa.RecordBatch]]

    def batches(self) -> pa.RecordBatchReader:
        """The rows batch by batch; a few batches are in memory, however many there are."""
        return pa.RecordBatchReader.from_batches(self.schema, self.open())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.batches().__arrow_c_stream__(requested_schema)

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return self.batches().read_all()

    def pandas(self) -> pd.DataFrame:
        """All rows as a data frame of Arrow's types: decimals stay exact, ids whole, and nulls are no numbers."""
        import pandas as pd

        return self.arrow().to_pandas(types_mapper=pd.ArrowDtype)  # type: ignore[no-any-return]

    def polars(self) -> pl.DataFrame:
        """All rows as a Polars data frame."""
        import polars as pl

        return pl.DataFrame(self.arrow())  # read by us, so that what fails is an error of ours

    def duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """A relation of DuckDB that streams the rows whenever it is asked; in the connection it has the rows' name.

        Where reading fails meanwhile, it is DuckDB that raises, with our error as its text.
        """
        import duckdb

        connection = connection or duckdb.connect()
        connection.register(self.name, self)
        return connection.table(self.name)

    def __repr__(self) -> str:
        return f"<Rows of {self.name}: {len(self.schema)} columns, {len(self.objects)} objects>"

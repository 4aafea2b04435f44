"""Athena, asked through awswrangler. Slow to import, so only the command and the auditor's big questions come here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws.failures import reaching
from core.errors import InvalidData

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Athena:
    """One workgroup and one database; the workgroup enforces where results go, their encryption and the scan limit."""

    workgroup: str
    database: str

    def query(self, sql: str) -> pd.DataFrame:
        """The whole answer, decimals as ``Decimal``; raises ``InvalidData`` with Athena's words when it fails."""
        import awswrangler as wr

        with reaching("query Athena", self.workgroup):
            try:
                return wr.athena.read_sql_query(
                    sql,
                    database=self.database,
                    workgroup=self.workgroup,
                    ctas_approach=False,  # results need no table of their own
                    athena_query_wait_polling_delay=0.1,
                )
            except wr.exceptions.QueryFailed as error:
                problem = str(error).strip() or "the query failed"
                raise InvalidData(
                    "query Athena", self.database, problem, "Look at the query and the catalog"
                ) from error

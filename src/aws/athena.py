"""Queries to Athena through awswrangler, which is slow to import and so is imported by the first query alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws.failures import reaching
from core.errors import InvalidData, TransientFailure

if TYPE_CHECKING:
    import pandas as pd

ATHENAS_OWN_LIMIT = 1800.0  # seconds, Athena's quota for one SELECT
POLL_SECONDS = 0.1
SERVICES = (
    "athena",
    "s3",
)  # whose clients awswrangler builds for the calls below; the functions' botocore describes no others
_REMEDY = "Look at the query and the catalog"
_LAST_STATES = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass(frozen=True)
class Athena:
    """One workgroup and one database; the workgroup enforces where results go, their encryption and the scan limit.

    A query that takes more than ``seconds`` is stopped.
    """

    workgroup: str
    database: str
    seconds: float = ATHENAS_OWN_LIMIT

    def query(self, sql: str) -> pd.DataFrame:
        """The whole result, decimals as ``Decimal``.

        Raises ``InvalidData`` with Athena's message when it fails or is cancelled, ``TransientFailure`` when it takes
        too long; by then it is stopped, and costs nothing more.
        """
        import awswrangler as wr

        with reaching("query Athena", self.workgroup):
            execution = str(wr.athena.start_query_execution(sql, database=self.database, workgroup=self.workgroup))
            self._await_end(execution)
            try:
                return wr.athena.get_query_results(execution)
            except (wr.exceptions.QueryFailed, wr.exceptions.QueryCancelled) as error:
                problem = str(error).strip() or "the query failed"
                raise InvalidData("query Athena", self.database, problem, _REMEDY) from error
            except wr.exceptions.UndetectedType as error:
                raise InvalidData("query Athena", self.database, "only a SELECT has rows to show", _REMEDY) from error

    def _await_end(self, execution: str) -> None:
        import awswrangler as wr

        until = time.monotonic() + self.seconds
        while wr.athena.get_query_execution(execution)["Status"]["State"] not in _LAST_STATES:
            if time.monotonic() > until:
                wr.athena.stop_query_execution(execution)
                problem = f"query {execution} took more than {self.seconds:g} s and was stopped"
                raise TransientFailure("query Athena", self.workgroup, problem, "Ask for a smaller range")
            time.sleep(POLL_SECONDS)

"""Queries to Athena through awswrangler, which is slow to import and so is imported by the first query alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws.failures import reaching
from core.errors import InvalidData, TransientFailure

if TYPE_CHECKING:
    import boto3
    import pandas as pd

    from aws.athena_rows import AthenaAnswer

ATHENAS_OWN_LIMIT = 1800.0  # seconds, Athena's quota for one SELECT
# Whose clients are built for the calls below, here and by awswrangler: the functions' botocore describes them.
SERVICES = ("athena", "s3")
FIRST_POLL_SECONDS, POLL_SECONDS = 0.02, 0.1  # each wait is twice the one before, up to the second
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

    def stream(self, sql: str) -> AthenaAnswer:
        """The result read as it is needed, however large it is; raises as ``query`` does."""
        from aws.athena_rows import AthenaAnswer, described_column  # and with it Arrow

        with reaching("query Athena", self.workgroup):
            execution = self._run(sql)
            described = self._client.get_query_execution(QueryExecutionId=execution)["QueryExecution"]
            location = str(described["ResultConfiguration"]["OutputLocation"])
            state = described["Status"]
            if state["State"] != "SUCCEEDED":
                problem = str(state.get("StateChangeReason") or "the query was cancelled").strip()
                raise InvalidData("query Athena", self.database, problem, _REMEDY)
            if not location.endswith(".csv"):
                raise InvalidData("query Athena", self.database, "only a SELECT has rows to show", _REMEDY)
            results = self._client.get_query_results(QueryExecutionId=execution, MaxResults=1)
            columns = [described_column(info) for info in results["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
            bucket, _, key = location.removeprefix("s3://").partition("/")
            body = self._session.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
            return AthenaAnswer(tuple(columns), body)

    def _run(self, sql: str) -> str:
        """Start a query and wait for its end; its id."""
        context = {"Database": self.database}
        execution = self._client.start_query_execution(
            QueryString=sql, QueryExecutionContext=context, WorkGroup=self.workgroup
        )["QueryExecutionId"]
        self._await_end(execution)
        return str(execution)

    def query(self, sql: str) -> pd.DataFrame:
        """The whole result, decimals as ``Decimal``.

        Raises ``InvalidData`` with Athena's message when it fails or is cancelled, ``TransientFailure`` when it takes
        too long; by then it is stopped, and costs nothing more.
        """
        import awswrangler as wr

        with reaching("query Athena", self.workgroup):
            execution = self._run(sql)
            try:
                return wr.athena.get_query_results(execution, boto3_session=self._session)
            except (wr.exceptions.QueryFailed, wr.exceptions.QueryCancelled) as error:
                problem = str(error).strip() or "the query failed"
                raise InvalidData("query Athena", self.database, problem, _REMEDY) from error
            except wr.exceptions.UndetectedType as error:
                raise InvalidData("query Athena", self.database, "only a SELECT has rows to show", _REMEDY) from error

    @cached_property
    def _session(self) -> boto3.Session:
        """One for all queries.

        awswrangler makes clients in every call, and reads the services' descriptions anew in each session: 70 ms each.
        """
        import boto3

        return boto3.Session()

    @cached_property
    def _client(self) -> Any:
        return self._session.client("athena")

    def _await_end(self, execution: str) -> None:
        until, wait = time.monotonic() + self.seconds, FIRST_POLL_SECONDS
        while self._state(execution) not in _LAST_STATES:
            if time.monotonic() > until:
                self._client.stop_query_execution(QueryExecutionId=execution)
                problem = f"query {execution} took more than {self.seconds:g} s and was stopped"
                raise TransientFailure("query Athena", self.workgroup, problem, "Ask for a smaller range")
            time.sleep(wait)
            wait = min(2 * wait, POLL_SECONDS)

    def _state(self, execution: str) -> str:
        described = self._client.get_query_execution(QueryExecutionId=execution)
        return str(described["QueryExecution"]["Status"]["State"])

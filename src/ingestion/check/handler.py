"""The check Lambda, the auditor's access to a database: a question (``core.audit.source_check``), or ``{"job": key}``.

It talks to the database and to S3, and to nothing else.
"""

from __future__ import annotations

from typing import Any

from ingestion.check.ask import answer
from ingestion.check.job import carry_out
from ingestion.check.runtime import clients_within


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The answer, or the job's counts. A failure is an error of the function, which the state machine retries."""
    clients = clients_within(context.get_remaining_time_in_millis() / 1000)
    if "job" in event:
        return carry_out(clients, str(event["job"]))
    return answer(clients.extraction(str(event["dataset"])), event, clients.records)

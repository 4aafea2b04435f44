"""The repair Lambda: jobs of the auditor from a queue, each with the token of the state machine that waits for it."""

from __future__ import annotations

from typing import Any

from ingestion.repair.runtime import answer, build_runtime, clients_of, tasks_of


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """SQS's partial batch response: the ids of messages whose job could not be read."""
    settings, clients = build_runtime()
    ports = clients_of(settings, clients, milliseconds=context.get_remaining_time_in_millis())
    return answer(event, ports, tasks_of(clients))

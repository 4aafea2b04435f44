"""The repair Lambda: jobs of the auditor from a queue, each with the token of the state machine that waits for it."""

from __future__ import annotations

from typing import Any

from ingestion.repair.runtime import answer, bench_of, build_runtime, tasks_of


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings, clients = build_runtime()
    bench = bench_of(settings, clients, milliseconds=context.get_remaining_time_in_millis())
    return answer(event, bench, tasks_of(clients))

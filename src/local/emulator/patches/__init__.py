"""Patches of MiniStack where it does not do as AWS does, one module per behaviour.

Each module has ``apply(settings)``, which replaces functions of MiniStack's in place, and a docstring that names the
behaviour it restores and AWS's documentation of it. They are right for the one version that the launcher accepts.
"""

from __future__ import annotations

from importlib import import_module

from local.emulator.settings import Settings

PATCHES = (
    "athena.queries",
    "lambda_runtime",
    "request_validation",
    "metrics.lambda_metrics",
    "firehose_buffering",
    "metrics.log_metrics",
    "metrics.alarm_descriptions",
    "metrics.alarm_evaluation",
    "metrics.metric_reads",
    "metrics.states_metrics",
    "setting_descriptions",
    "multipart_tags",
    "queue_order",
    "schedule_tokens",
    "schedule_firing",
    "access_decisions",
    "object_latency",
)


def apply_all(settings: Settings) -> None:
    """Apply every patch, in the order of :data:`PATCHES`."""
    for name in PATCHES:
        import_module(f"{__name__}.{name}").apply(settings)

"""Where MiniStack does not do as AWS does, and what we do about it: one module per behaviour.

Each module has ``apply(settings)``, which replaces functions of MiniStack's in place, and a docstring that names the
behaviour it restores and AWS's documentation of it. They are right for the one version that the launcher accepts.
"""

from __future__ import annotations

from importlib import import_module

from local.emulator.settings import Settings

MENDS = (
    "athena_queries",
    "lambda_runtime",
    "lambda_metrics",
    "firehose_buffering",
    "log_metrics",
    "alarms_described",
    "alarms_evaluated",
    "metrics_read",
    "states_metrics",
    "described_settings",
    "public_parameters",
    "queue_order",
    "schedules_once",
    "access_decided",
)


def apply_all(settings: Settings) -> None:
    for name in MENDS:
        import_module(f"{__name__}.{name}").apply(settings)

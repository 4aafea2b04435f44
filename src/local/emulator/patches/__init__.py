"""Where MiniStack does not do as AWS does, and what we do about it: one module per behaviour.

Each module has ``apply(settings)``, which replaces functions of MiniStack's in place, and a docstring that names the
behaviour it restores and AWS's documentation of it. They are right for the one version that the launcher accepts.
"""

from __future__ import annotations

from importlib import import_module

from local.emulator.settings import Settings

PATCHES = (
    "athena.queries",
    "lambda_runtime",
    "metrics.lambda_metrics",
    "firehose_buffering",
    "metrics.log_metrics",
    "metrics.alarms_described",
    "metrics.alarms_evaluated",
    "metrics.metrics_read",
    "metrics.states_metrics",
    "described_settings",
    "public_parameters",
    "queue_order",
    "schedules_once",
    "access_decided",
)


def apply_all(settings: Settings) -> None:
    for name in PATCHES:
        import_module(f"{__name__}.{name}").apply(settings)

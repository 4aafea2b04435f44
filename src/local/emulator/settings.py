"""Settings that the parent passes to the child by environment variables, which the child removes again."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

MINISTACK_VERSION = "1.5.33"
PREFIX = "STARMEND_EMULATOR_"


@dataclass(frozen=True)
class Settings:
    """Speeds of the emulated services, and how far they do as AWS does.

    ``firehose_scale`` multiplies Firehose's buffering intervals, ``alarm_scale`` the periods of alarms, ``s3_scale``
    the time that S3 takes to answer (0: none at all);
    ``alarm_seconds`` is the time between two evaluations of all alarms. ``decisions`` is the file of access decisions
    (:mod:`local.emulator.decisions`); empty: everything is allowed. ``python`` is the functions' Python as JSON
    (:mod:`local.emulator.execution.python`; empty: it is looked for), ``layers`` the folder in which their layers stay
    unpacked beyond the emulator's life (empty: they end with it). ``folder`` is the emulator's own, for what it
    is told while it runs (:mod:`local.emulator.schedules`).
    """

    firehose_scale: float = 0.1
    alarm_seconds: float = 5
    alarm_scale: float = 1
    s3_scale: float = 0
    decisions: str = ""
    python: str = ""
    layers: str = ""
    folder: str = ""

    def to_environment(self) -> dict[str, str]:
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in vars(self).items()}

    @classmethod
    def take_from(cls, environment: MutableMapping[str, str]) -> Settings:
        """Read and remove the variables, so that no Lambda inherits them."""
        given = {name: environment.pop(f"{PREFIX}{name.upper()}", None) for name in cls.__dataclass_fields__}
        return cls(**{name: _read(name, value) for name, value in given.items() if value is not None})


def _read(name: str, value: str) -> Any:
    return value if name in ("decisions", "python", "layers", "folder") else float(value)

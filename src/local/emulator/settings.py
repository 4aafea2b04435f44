"""What the parent tells the child, through environment variables that the child takes out of its environment again."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass

MINISTACK_VERSION = "1.5.33"
PREFIX = "STARMEND_EMULATOR_"


@dataclass(frozen=True)
class Settings:
    """How fast the emulated world turns.

    ``firehose_scale`` multiplies Firehose's buffering intervals, ``alarm_scale`` the periods of alarms;
    ``alarm_seconds`` is the time between two evaluations of all alarms.
    """

    firehose_scale: float = 0.1
    alarm_seconds: float = 5
    alarm_scale: float = 1

    def to_environment(self) -> dict[str, str]:
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in vars(self).items()}

    @classmethod
    def take_from(cls, environment: MutableMapping[str, str]) -> Settings:
        """Read and remove the variables, so that no Lambda inherits them."""
        given = {name: environment.pop(f"{PREFIX}{name.upper()}", None) for name in cls.__dataclass_fields__}
        return cls(**{name: float(value) for name, value in given.items() if value is not None})

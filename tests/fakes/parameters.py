"""Parameters in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.errors import UnknownTable


class MemoryParameters:
    """``core.ports.ParameterStore``. ``make`` is what Terraform does: a parameter with its first value."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = dict(values or {})

    def make(self, name: str, value: str) -> None:
        self.values.setdefault(name, value)

    def get(self, name: str) -> str:
        try:
            return self.values[name]
        except KeyError as error:
            raise UnknownTable("get parameter", name, "no such parameter") from error

    def get_many(self, names: Sequence[str]) -> Mapping[str, str]:
        return {name: self.values[name] for name in names if name in self.values}

    def put(self, name: str, value: str) -> None:
        self.values[name] = value

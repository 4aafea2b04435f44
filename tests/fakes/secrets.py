"""Secrets in memory."""

from __future__ import annotations

from core.errors import InvalidData, OutOfReach


class MemorySecrets:
    """``core.ports.SecretStore``: a value is remembered until someone asks for a fresh one, as the real one does.

    While it is ``silent``, nobody gets one.
    """

    def __init__(self, **values: str) -> None:
        self.values = dict(values)
        self.reads = 0
        self.silent = False
        self._remembered: dict[str, str] = {}

    def read(self, name: str, *, refresh: bool = False) -> str:
        if refresh or name not in self._remembered:
            self.reads += 1
            if self.silent:
                raise OutOfReach("read secret", name, "no answer")
            if not self.values.get(name):
                raise InvalidData("read secret", name, "has no value yet", f"Fill it: starmend secret set {name}")
            self._remembered[name] = self.values[name]
        return self._remembered[name]

"""A provider's secret: read when first needed, and again when the provider refuses it.

Its value is used in headers alone; ``repr`` does not show it.
"""

from __future__ import annotations

import threading

from core.errors import InvalidData
from core.ports import SecretStore


class Credential:
    """One secret by name, shared by the threads that call the provider."""

    def __init__(self, secrets: SecretStore, name: str) -> None:
        self._secrets = secrets
        self._name = name
        self._value = ""
        self._refused = ""
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The secret's name."""
        return self._name

    def value(self) -> str:
        """The value. Raises ``InvalidData`` where there is none yet, ``TransientFailure`` where it cannot be read."""
        with self._lock:
            if not self._value:
                self._value = self._read(refresh=False)
            return self._value

    def renewed(self, refused: str) -> str | None:
        """Another value than the refused one, if it has been rotated since; past any cache, once per refused value."""
        with self._lock:
            if self._value == refused and self._refused != refused:
                self._refused = refused
                self._value = self._read(refresh=True)
            return self._value if self._value != refused else None

    def _read(self, *, refresh: bool) -> str:
        value = self._secrets.read(self._name, refresh=refresh).strip()
        if not (value and value.isascii() and value.isprintable()):
            # A header refused by the HTTP library would show the value in its error.
            remedy = f"Fill it again: starmend secret set {self._name}"
            raise InvalidData("read secret", self._name, "holds what no header can carry", remedy)
        return value

    def forget(self) -> None:
        """Forget that a value was refused, at the start of a batch: it may be good by now."""
        with self._lock:
            self._refused = ""

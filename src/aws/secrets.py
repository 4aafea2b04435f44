"""Secrets of Secrets Manager, kept for the life of a container until someone asks for a fresh one."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from aws.failures import code_of, reaching
from core.errors import InvalidData


class AwsSecretStore:
    """``core.ports.SecretStore`` over Secrets Manager. Values are never logged and never part of an error."""

    def __init__(self, client: Any, prefix: str = "") -> None:
        self._client = client
        self._prefix = prefix
        self._values: dict[str, str] = {}

    def read(self, name: str, *, refresh: bool = False) -> str:
        if refresh or name not in self._values:
            self._values[name] = self._fetch(name)
        return self._values[name]

    def _fetch(self, name: str) -> str:
        secret_id = self._prefix + name
        with reaching("read secret", secret_id):
            try:
                value = self._client.get_secret_value(SecretId=secret_id).get("SecretString")
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    raise _without_value(secret_id, name) from error
                raise
        if not value:
            raise _without_value(secret_id, name)
        return str(value)

    def write(self, name: str, value: str) -> None:
        """Store a new value; only the operator's command does."""
        with reaching("write secret", self._prefix + name):
            self._client.put_secret_value(SecretId=self._prefix + name, SecretString=value)
        self._values.pop(name, None)


def _without_value(secret_id: str, name: str) -> InvalidData:
    return InvalidData("read secret", secret_id, "has no value yet", f"Fill it: starmend secret set {name}")

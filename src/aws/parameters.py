"""Parameters of SSM Parameter Store: a cache that is rebuilt from the objects, never the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from aws.failures import code_of, reaching
from core.errors import UnknownTable

_GET_AT_ONCE = 10  # GetParameters' limit


class SsmParameterStore:
    """``core.ports.ParameterStore`` over SSM. PutParameter allows about 3 a second per account."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, name: str) -> str:
        with reaching("get parameter", name):
            try:
                return str(self._client.get_parameter(Name=name)["Parameter"]["Value"])
            except ClientError as error:
                if code_of(error) == "ParameterNotFound":
                    remedy = "Add the table to a contract and deploy: Terraform makes its parameters"
                    raise UnknownTable("get parameter", name, "no such parameter", remedy) from error
                raise

    def get_many(self, names: Sequence[str]) -> Mapping[str, str]:
        values: dict[str, str] = {}
        for start in range(0, len(names), _GET_AT_ONCE):
            batch = names[start : start + _GET_AT_ONCE]
            with reaching("get parameters", batch[0]):
                answer = self._client.get_parameters(Names=list(batch))
            values |= {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
        return values

    def put(self, name: str, value: str) -> None:
        with reaching("put parameter", name):
            self._client.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

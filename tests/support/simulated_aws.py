"""AWS in this process (moto), for the adapters' contract suites."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.session
import pytest
from botocore.loaders import Loader
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BaseBackend
from moto.ssm.models import ssm_backends

ClientOf = Callable[[str], Any]
REGION = "us-east-1"
_stock_urls = BaseBackend.urls.fget


@functools.cache
def _urls_of(kind: type[BaseBackend]) -> Any:
    return _stock_urls(object.__new__(kind))


# moto computes anew for each request what of AWS's addresses a service answers, and imports S3's anew.
BaseBackend.urls = property(lambda backend: _urls_of(type(backend)))


@functools.cache
def _service_models() -> Loader:
    """botocore's descriptions of the services: a tenth of a second each, read once for all tests."""
    loader: Loader = botocore.session.get_session().get_component("data_loader")
    return loader


def make_parameters(values: Mapping[str, str]) -> None:
    """What Terraform did before: all parameters at once, for each would be a call of three milliseconds."""
    backend = ssm_backends[DEFAULT_ACCOUNT_ID][REGION]
    nothing = {"description": "", "allowed_pattern": "", "keyid": "", "tags": [], "tier": None, "policies": None}
    for name, value in values.items():
        backend.put_parameter(name, value=value, parameter_type="String", overwrite=False, data_type="text", **nothing)


@pytest.fixture
def client_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClientOf]:
    """Clients, one for each service, of a simulated account that is empty at first."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        session = botocore.session.get_session()
        session.register_component("data_loader", _service_models())
        yield functools.cache(lambda service: session.create_client(service, region_name=REGION))

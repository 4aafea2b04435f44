"""AWS in this process (moto), for the adapters' contract suites."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from botocore.loaders import Loader
from moto import mock_aws

ClientOf = Callable[[str], Any]
REGION = "us-east-1"


@functools.cache
def _service_models() -> Loader:
    """botocore's descriptions of the services: a tenth of a second each, read once for all tests."""
    loader: Loader = botocore.session.get_session().get_component("data_loader")
    return loader


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

"""How the tests are shared out: `make test` runs them in two processes.

Tests of one file stay together, for they share what the file starts (an emulator, a database); all tests of the shared
stack stay together, whatever their file, so that the real Terraform is applied once.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

# A property is true or false; how long an example takes on a busy machine is neither.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_itemcollected(item: pytest.Item) -> None:
    # Not when all are collected: by then pytest-xdist has read the marks.
    shares_the_stack = "stack" in getattr(item, "fixturenames", ())
    item.add_marker(pytest.mark.xdist_group("stack" if shares_the_stack else item.path.stem))

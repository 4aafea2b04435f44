"""A task whose role has no business with a port is told which setting would give it one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.services import Services
from core.errors import PipelineBug


def test_a_port_that_is_not_wired_is_named_with_its_setting(services: Services) -> None:
    bare = replace(services, processing=None, mail=None, source=None)
    for needed, setting in (
        (bare.needed_queue, "STARMEND_PROCESS_QUEUE_URL"),
        (bare.needed_mail, "STARMEND_ALARM_TOPIC"),
        (bare.needed_source, "STARMEND_SOURCE_FUNCTION"),
    ):
        with pytest.raises(PipelineBug, match=setting):
            needed()


def test_a_port_that_is_wired_is_given(services: Services) -> None:
    assert services.needed_queue() is services.processing
    assert services.needed_mail() is services.mail
    wired = replace(services, source=dict)
    assert wired.needed_source() is wired.source

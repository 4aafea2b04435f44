"""The emulator's main program, before it serves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from local.emulator import launch
from local.emulator.process import IDENTITY
from local.emulator.settings import MINISTACK_VERSION


def test_only_the_version_that_the_patches_are_written_for_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    launch.refuse_other_versions()
    monkeypatch.setattr(launch, "version", lambda _name: "9.9.9")
    with pytest.raises(SystemExit, match=rf"needs ministack {MINISTACK_VERSION}, but 9\.9\.9 is installed"):
        launch.refuse_other_versions()


def test_the_identity_is_answered_before_the_application_and_everything_else_by_it() -> None:
    served: list[str] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        served.append(scope["path"])

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    identified = launch._with_identity(application, "token-1")
    for path in (IDENTITY, "/bucket/key"):
        asyncio.run(identified({"type": "http", "path": path}, None, send))
    assert served == ["/bucket/key"]
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"])["token"] == "token-1"

"""Settings passed to the emulator's process."""

from __future__ import annotations

from local.emulator.settings import Settings


def test_settings_come_back_as_they_were_and_leave_the_environment() -> None:
    settings = Settings(firehose_scale=0.25, alarm_seconds=1.5, decisions="/tmp/decisions.jsonl")
    environment = {"PATH": "/bin", **settings.to_environment()}
    assert Settings.take_from(environment) == settings
    assert environment == {"PATH": "/bin"}


def test_what_is_not_set_has_its_default() -> None:
    assert Settings.take_from({}) == Settings()

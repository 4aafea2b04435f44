"""Schedules follow the pauses: whatever else is done at any effect of a command, and wherever its process ends."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects

from auditor.interventions.pauses import Pause, Pauses, pauses_key, read_pauses
from auditor.interventions.switching import pause, resume


class Killed(BaseException):
    """The process is gone."""


class Account:
    """Pauses and schedules, of which ``extract`` is off before; ``before`` is called ahead of each effect and read."""

    def __init__(self) -> None:
        self.records = MemoryObjects()
        self.on = {"request": True, "extract": False}
        self.calls = 0
        self.wanted: bool | None = None
        self.before: Callable[[int], None] = lambda _call: None

    def called(self) -> None:
        self.calls += 1
        self.before(self.calls)

    def read(self, key: str) -> Any:
        self.called()
        return self.records.read(key)

    def write(self, key: str, body: bytes, **more: Any) -> Any:
        self.called()
        return self.records.write(key, body, **more)

    def of_dataset(self, _dataset: str) -> list[str]:
        return sorted(self.on)

    def is_on(self, name: str) -> bool:
        self.called()
        return self.on[name]

    def switch(self, name: str, *, on: bool) -> bool:
        self.called()
        changed, self.on[name] = self.on[name] != on, on
        return changed

    def give(self, command: str) -> None:
        if command == "pause":
            pause(self, self, "quotes", now=1, by="alice")  # type: ignore[arg-type]
        else:
            resume(self, self, "quotes", now=2, wanted=self.wanted)  # type: ignore[arg-type]

    def at(self, call: int, do: Callable[[], None]) -> None:
        """Do something ahead of the call of that number, in a process of its own."""

        def before(number: int) -> None:
            if number == call:
                self.before = lambda _call: None
                do()

        self.calls, self.before = 0, before

    def dies_at(self, call: int) -> None:
        def die() -> None:
            raise Killed

        self.at(call, die)

    @property
    def is_paused(self) -> bool:
        return read_pauses(self.records, "quotes").standing is not None

    def agrees(self) -> bool:
        return self.on == {"request": not self.is_paused, "extract": False}


STARTS = ((), ("pause",), ("pause", "resume"))
COMMANDS = ("pause", "resume")


def begun(start: tuple[str, ...]) -> Account:
    account = Account()
    for command in start:
        account.give(command)
    assert account.agrees()
    return account


def calls_of(start: tuple[str, ...], command: str) -> int:
    account = begun(start)
    account.calls = 0
    account.give(command)
    return account.calls


@pytest.mark.parametrize(("start", "first", "second"), product(STARTS, COMMANDS, COMMANDS))
def test_schedules_are_as_the_pauses_say_whatever_is_given_at_any_effect_of_a_command(
    start: tuple[str, ...], first: str, second: str
) -> None:
    for call in range(1, calls_of(start, first) + 1):
        account = begun(start)
        account.at(call, lambda account=account: account.give(second))  # type: ignore[misc]
        account.give(first)
        assert account.agrees(), call
        account.give("resume")
        assert (account.is_paused, account.agrees()) == (False, True), call


@pytest.mark.parametrize(("start", "first", "second"), product(STARTS, COMMANDS, COMMANDS))
def test_a_command_that_ends_anywhere_is_mended_by_the_next_one(
    start: tuple[str, ...], first: str, second: str
) -> None:
    """Alone, and where another command was given at any of its effects before it ended at a later one."""
    count = calls_of(start, first)
    for overlapped, killed in product((None, *range(1, count + 1)), range(1, 2 * count)):
        for last in COMMANDS:
            account = begun(start)
            if overlapped is None:
                account.dies_at(killed)
            else:

                def meanwhile(account: Account = account, killed: int = killed) -> None:
                    account.give(second)
                    account.dies_at(killed)

                account.at(overlapped, meanwhile)
            try:
                account.give(first)
            except Killed:
                if overlapped is not None and last == "resume":
                    account.wanted = True  # else what is off may have been switched off by a deployment
                account.give(last)
                assert account.is_paused == (last == "pause"), (overlapped, killed)
                if overlapped is not None and last == "pause":
                    assert not account.on["request"]
                    continue  # a late switch of one that was overtaken looks like one that somebody else made
                if overlapped is not None:
                    assert account.on["request"], (overlapped, killed)
                    continue
            account.before = lambda _call: None
            assert account.agrees(), (overlapped, killed, last)
            account.give("pause")
            account.give("resume")
            assert (account.is_paused, account.agrees()) == (False, True), (overlapped, killed, last)


def test_pauses_that_an_earlier_release_ended_had_their_schedules_on_again() -> None:
    ended = {"since": "2026-11-20T15:00:00Z", "until": "2026-11-20T16:00:00Z", "by": "a", "schedules": ["request"]}
    assert Pause.from_data(ended).settled
    assert not Pause.from_data(ended | {"until": None}).settled
    account = Account()
    account.records.write(pauses_key("quotes"), Pauses((Pause.from_data(ended),)).to_json())
    account.on["request"] = False  # since, by a deployment
    account.give("pause")
    assert read_pauses(account.records, "quotes").schedules == ()


@pytest.mark.parametrize(("wanted", "after"), [(True, True), (False, False), (None, False)])
def test_a_resume_leaves_schedules_as_the_deployment_wants_them_by_then(wanted: bool | None, after: bool) -> None:
    """Paused before schedules were switched on, a feed was resumed and never asked for until the next deployment."""
    account = Account()
    account.on = {"request": False, "extract": False}
    account.give("pause")
    account.wanted = wanted  # a deployment since, which left those of the paused dataset off
    account.give("resume")
    assert (account.is_paused, account.on) == (False, {"request": after, "extract": after})


def test_a_resume_switches_nothing_on_that_a_deployment_switched_off_during_the_pause() -> None:
    account = begun(("pause",))
    account.wanted = False
    account.give("resume")
    assert (account.is_paused, account.on) == (False, {"request": False, "extract": False})
    account.wanted = True
    account.give("resume")
    assert account.on == {"request": True, "extract": True}


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize(("start", "first", "second"), product(STARTS, COMMANDS, COMMANDS))
def test_commands_that_overtake_one_another_leave_what_the_deployment_wants(
    start: tuple[str, ...], first: str, second: str, wanted: bool
) -> None:
    for call in range(1, calls_of(start, first) + 1):
        account = begun(start)
        account.wanted = wanted
        account.at(call, lambda account=account: account.give(second))  # type: ignore[misc]
        account.give(first)
        if account.is_paused:
            assert not any(account.on.values()), call
        account.give("pause")
        account.give("resume")
        assert (account.is_paused, set(account.on.values())) == (False, {wanted}), call


@pytest.mark.parametrize("wanted", [None, False])
def test_a_resume_where_no_pause_stands_switches_nothing_on_that_was_switched_off_since(wanted: bool | None) -> None:
    account = begun(("pause", "resume"))
    account.on["request"] = False  # by a deployment, months later
    account.wanted = wanted
    account.give("resume")
    assert account.on == {"request": False, "extract": False}

"""Every command that the page tells somebody to give, read as the command line reads it."""

from __future__ import annotations

import shlex
from dataclasses import replace

from tests.browser.conftest import Opener
from tests.support.pages import dataset, fed, planted

from auditor.feeds.points import MISSING
from auditor.page.document import pages
from cli.commands import SECTIONS

ENTRIES = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
ADDRESSES = (
    "#/dataset/funds",
    "#/dataset/sales",
    "#/dataset/sales/window/sales_order/2026-11-01T00%3A00%3A00Z",
    "#/table/fact_quote",
    "#/table/fact_quote_hourly",
    "#/table/fact_funds",
    "#/table/fact_sales_order",
    "#/point/trades/AMD/2026-11-25T15%3A03%3A00Z",
    "#/point/trades/AMD/2026-11-25T15%3A04%3A00Z",
    "#/alarm/funds/not_entitled",
    "#/audit/audit-funds-20261127T1520",
)


def parsed(text: str) -> str:
    """The command's name; raises where the command line would not take the words that follow it."""
    program, name, *words = shlex.split(text)
    assert program == "starmend"
    command = ENTRIES[name].load(name)
    if hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(name, words)
    return name


def test_every_command_on_the_page_is_one_that_the_command_line_takes(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    commands = set()
    for address in ADDRESSES:
        tab.go(address)
        tab.page.wait_for_selector("#verdict, .facts")
        for details in tab.page.locator("details:not([open]) summary").all():
            details.click()
        commands |= {text for text in tab.texts("code") if text.startswith("starmend ")}
    assert len(commands) > 20
    assert {parsed(command) for command in sorted(commands)} >= {
        "audit", "audits", "alarms", "query", "quarantine", "replay", "rollback", "verify", "why",
    }  # fmt: skip


def test_a_name_that_a_shell_would_take_for_something_else_is_quoted(open_page: Opener) -> None:
    name = "it's $(date) & `x`; <b>"
    view = fed("trades", entities=(name, "AMD"), spoil={(name, "2026-11-25T15:03:00Z"): (MISSING, 1)}, status="open")
    tab = open_page(pages(replace(planted(), datasets=(dataset("trades", view),)), "page.html"))
    tab.go("#/dataset/trades")
    tab.page.locator(".gaps a").click()
    tab.page.wait_for_selector("#verdict")
    assert name in tab.text("h1")
    (command,) = (text for text in tab.texts("code") if text.startswith("starmend why"))
    assert shlex.split(command)[3:5] == ["--entity", name]

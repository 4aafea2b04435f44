"""Answers of public APIs, saved and tried: the same slots and values as acquisition takes from the API itself."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.commands import Command
from tests.support.feeds import ROOT, contracts_in
from tests.support.public_apis import APIS
from tests.support.scripted_server import Answer, Request, scripted_server
from tests.unit.ingestion.examples.test_public_apis import EXAMPLES, Example

from cli.trying.feeds import NoSecret, SavedAnswer, served, try_history, try_live
from core.feeds.calendar import slots_in
from core.time import iso

QUOTE = b'{"c": 191.5, "d": 1.2, "dp": 0.6, "h": 192, "l": 190, "o": 190.5, "pc": 190.3, "t": 1795186800}'
OPEN = dt.datetime(2026, 11, 20, 15, 0, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "name", ["kraken", "nws", *(pytest.param(name, marks=pytest.mark.long) for name in sorted(APIS))]
)
def test_a_saved_answer_of_a_public_api_gives_the_slots_and_lines_that_the_api_itself_would(name: str) -> None:
    with scripted_server(lambda _request: Answer("{}")) as server:
        example = Example(name, server)
        answer, said = server.answer, []

        def saving(request: Request) -> Answer:
            said.append(answer(request))
            return said[-1]

        server.answer = saving
        outcome = example.ask()
    body = said[0].body if isinstance(said[0].body, bytes) else said[0].body.encode()
    kind = said[0].headers.get("Content-Type", "application/json")
    saved = SavedAnswer(body, said[0].status, kind, example.api.at)
    end = example.slots[-1] + example.feed.every
    with served(saved) as url:
        trial = try_history(
            contracts_in(EXAMPLES), name, example.entity, example.slots[0], end,
            secrets=NoSecret(), urls={name: url, f"{name}.history": url},
        )  # fmt: skip
    assert trial.answers[0].answer == "data", trial
    lines = [json.loads(line, parse_float=Decimal) for line in trial.body.lines.splitlines()]
    theirs = {time: line[example.field] for (_, time), line in example.acquisition.points().items()}
    ours = {line[example.feed.time_column]: line[example.field] for line in lines}
    if len(said) == 1:
        assert ours == theirs
        assert "absent" in trial.slots
        assert trial.fine
    else:  # of an answer of several pages the first was saved, and what it lacks is not taken for absent
        assert ours.items() <= theirs.items()
        assert "absent" not in trial.slots
    assert len(lines) <= len([*slots_in(outcome.healed, every=example.feed.every)])


@pytest.mark.parametrize(
    ("body", "status", "kind", "answer", "why"),
    [
        (QUOTE, 200, "application/json", "data", ""),
        (b'{"c": 0, "d": null, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}', 200, "application/json", "broken", "broken"),
        (b"<html>maintenance</html>", 200, "text/html", "broken", "broken"),
        (b'{"error": "Invalid API key."}', 401, "application/json", "refused", "token_refused"),
        (b'{"error": "API limit reached."}', 429, "application/json", "limited", "limited"),
        (b"", 503, "text/plain", "broken", "broken"),
    ],
)
def test_a_live_answer_is_classified_and_told_why(body: bytes, status: int, kind: str, answer: str, why: str) -> None:
    with served(SavedAnswer(body, status, kind, OPEN)) as url:
        trial = try_live(contracts_in(ROOT / "contracts"), "quotes", "AAPL", secrets=NoSecret(), urls={"quotes": url})
    assert trial.answers[0].answer == answer
    assert status < 500 or trial.answers[0].why.startswith(f"status {status}"), "the saved one, when tried again too"
    assert trial.why.partition(":")[0] == why
    assert trial.slots == ({"observed": (("2026-11-20T15:00:00Z", "2026-11-20T15:01:00Z"),)} if not why else {})
    assert trial.fine is (not why)


def test_the_command_tries_a_saved_answer_without_a_deployment(starmend: Command, tmp_path: Path) -> None:
    saved = tmp_path / "quote.json"
    saved.write_bytes(QUOTE)
    file = str(ROOT / "contracts" / "quotes.yaml")
    at = iso(int(OPEN.timestamp()))
    said = starmend("contract", "try", file, "--answer", str(saved), "--answered-at", at, "--entity", "AMD", "--json")
    assert said.code == 0, said.err
    (row,) = said.data["rows"]["fact_quote"]
    assert (row["partition"], row["minute"], row["price"]) == (
        "symbol=AMD/month=2026-11", "2026-11-20T15:00:00", "191.500000"
    )  # fmt: skip
    assert said.data["call"]["answers"][0]["answer"] == "data"
    closed = starmend("contract", "try", file, "--answer", str(saved), "--answered-at", "2026-11-21T15:00:00Z")
    assert (closed.code, "closed" in closed.out) == (1, True)
    unknown = starmend("contract", "try", file, "--answer", str(saved), "--entity", "NOBODY")
    assert (unknown.code, "names no such entity" in unknown.err) == (2, True)

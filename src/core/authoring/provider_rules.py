"""The rules of a feed's providers: they can be asked, often enough, and answer with what the tables take."""

from __future__ import annotations

from core.authoring.problems import Problems
from core.contract.model import Contract, Feed
from core.errors import BadContract
from core.feeds.providers import check_provider, comparable, needed_fields
from core.feeds.rest_spec import read_spec


def provider_rules(contract: Contract, feed: Feed, problems: Problems) -> None:
    """Add what is wrong with the live provider, the history's, the rate limit, the canary and the sample."""
    for role, provider, kind in (("provider", feed.provider, "live"), ("history", feed.history, "history")):
        try:
            check_provider(provider, every=feed.every)
        except BadContract as error:
            problems.add(f"source.{role}.{error.place}", error.problem, error.remedy)
            continue
        if provider.kind == "rest":
            _rest_tells_what_is_taken(contract, feed, role, kind, problems)
    calls = len(feed.entities) * 60 / feed.every
    if calls > feed.calls_per_minute:
        remedy = f"Raise it to {int(-(-calls // 1))} / minute if the provider's plan bears that, or have fewer entities"
        problems.add("source.rate_limit", f"{len(feed.entities)} entities every {feed.every} s need more", remedy)
    columns = {column.name for table in contract.tables if table.kind == "fact" for column in table.columns}
    if feed.canary and "provenance" not in columns:
        problems.add("source.canary", "no column tells what was repaired", "Add a column provenance to the fact")
    if feed.sample.points:
        _sample_can_be_taken(contract, feed, problems)


def _sample_can_be_taken(contract: Contract, feed: Feed, problems: Problems) -> None:
    if not comparable(contract, feed):
        problems.add("source.sample", "no column of a fact is a number of the provider", "Leave the sample out")
    most = int(feed.history.settings.get("calls_per_minute", 0)) or feed.calls_per_minute
    if feed.sample.points > most:
        remedy = f"Ask for {most} at most: each of them is a call"
        problems.add("source.sample.points", f"{feed.sample.points} are more than a minute's calls", remedy)


def _rest_tells_what_is_taken(contract: Contract, feed: Feed, role: str, kind: str, problems: Problems) -> None:
    provider = feed.provider if role == "provider" else feed.history
    call = getattr(read_spec(provider.settings), kind)
    if call is None:
        problems.add(f"source.{role}.rest.{kind}", "is missing", f"Describe the {kind} call: path, records, fields")
        return
    for name in needed_fields(contract, feed, "live" if kind == "live" else "history"):
        if name not in call.fields:
            where = f"source.{role}.rest.{kind}.fields"
            problems.add(where, f"has no {name!r}, which a column takes", f"Say where {name!r} is in a record")

"""Settings of a feed's providers, and the fields that its tables take of them. ``ingestion.providers`` calls them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from core.contract.model import Column, Contract, Contracts, Feed, Provider, Table, Take, TakeByKind
from core.errors import BadContract
from core.feeds.lines import Kind, provider_fields
from core.feeds.rest.spec import read_spec
from core.feeds.turns import Plan, Share

FINNHUB_RESOLUTIONS = {60: "1", 300: "5", 900: "15", 1800: "30", 3600: "60", 86_400: "D"}  # seconds: its name
FINNHUB_CALLS_PER_SECOND = 30  # of every plan, beside the plan's calls a minute
FINNHUB_SPAN = timedelta(days=30)  # at most a month of intraday candles in one call
_NUMBERS = ("decimal", "double", "int", "bigint")
NO_PROVIDER = "none"  # of a history: what was missed stays missing, and is alarmed
_FINNHUB_SETTINGS = {"url", "secret", "calls_per_second"}


def check_provider(provider: Provider, *, every: int) -> None:
    """Raises ``BadContract`` naming the setting that is wrong and what would be right."""
    if provider.kind == "rest":
        read_spec(provider.settings)
    elif provider.kind == "finnhub":
        if unknown := sorted(set(provider.settings) - _FINNHUB_SETTINGS):
            allowed = ", ".join(sorted(_FINNHUB_SETTINGS))
            raise BadContract("read the provider", f"finnhub.{unknown[0]}", "is no setting", f"Use some of: {allowed}")
        if every not in FINNHUB_RESOLUTIONS:
            remedy = "Use 1, 5, 15, 30 or 60 minutes, or 1 day"
            raise BadContract("read the provider", "finnhub", f"has no candles of {every} s", remedy)
    elif provider.kind != NO_PROVIDER:
        raise BadContract("read the provider", provider.kind, "is no provider", "Use finnhub or rest")


def asks_live(feed: Feed) -> bool:
    """Whether points are asked for as they are now; a feed of history alone fetches each when it is published."""
    return feed.provider.kind != "rest" or "live" in feed.provider.settings


def lacks_secret(feed: Feed, provider: Provider) -> bool:
    """Whether a provider's calls need a secret of which nobody says the name."""
    if feed.secret or provider.settings.get("secret"):
        return False
    try:
        return provider.kind == "finnhub" or (provider.kind == "rest" and read_spec(provider.settings).needs_secret)
    except BadContract:  # told where the settings are checked
        return False


def entities_per_call(provider: Provider) -> int:
    """The entities that one live call asks for."""
    live = read_spec(provider.settings).live if provider.kind == "rest" else None
    return live.entities_per_call if live else 1


def live_calls_per_minute(feed: Feed) -> int:
    """The live calls that a feed needs, rounded up."""
    if not asks_live(feed):
        return 0
    calls = math.ceil(len(feed.entities) / entities_per_call(feed.provider))
    return math.ceil(calls * 60 / feed.every)


def account_of(feed: Feed, provider: Provider) -> str:
    """What a provider counts calls by: its host and the secret's name, as a part of a key."""
    host = urlsplit(str(provider.settings.get("url", ""))).netloc or provider.kind
    secret = str(provider.settings.get("secret", feed.secret))
    return "/".join(part for part in (host.replace(":", "_"), secret) if part)


def plan_of(feed: Feed, provider: Provider) -> Plan:
    """The calls that a provider allows as the feed tells it: by the provider's own settings, else by the feed's."""
    settings, per_second = provider.settings, FINNHUB_CALLS_PER_SECOND if provider.kind == "finnhub" else 0
    per_minute = int(settings.get("calls_per_minute", 0)) or feed.calls_per_minute
    return Plan(per_minute, int(settings.get("calls_per_second", per_second)))


def plans_of_accounts(contracts: Iterable[Contract]) -> dict[str, list[tuple[Contract, Plan]]]:
    """What each contract whose feed calls with an account says of its plan."""
    plans: dict[str, list[tuple[Contract, Plan]]] = {}
    for contract in contracts:
        feed = contract.source
        if isinstance(feed, Feed):
            for provider in (feed.provider, feed.history):
                of_account, entry = (
                    plans.setdefault(account_of(feed, provider), []),
                    (contract, plan_of(feed, provider)),
                )
                if provider.kind != NO_PROVIDER and entry not in of_account[-1:]:
                    of_account.append(entry)
    return plans


def strictest(plans: Iterable[Plan]) -> Plan:
    """The plan that holds where several are told of one account: it is one, and nobody knows which of them is true."""
    of_account = list(plans)
    per_second = [plan.per_second for plan in of_account if plan.per_second]
    return Plan(min(plan.per_minute for plan in of_account), min(per_second, default=0))


def account_plan(contracts: Iterable[Contract], feed: Feed, provider: Provider) -> Plan:
    """The plan of a provider's account, of which other feeds may say something too."""
    of_others = plans_of_accounts(contracts).get(account_of(feed, provider), ())
    return strictest([plan_of(feed, provider), *(plan for _, plan in of_others)])


def history_plan(contracts: Contracts, feed: Feed) -> Plan:
    """The calls of a feed's history: what the live calls of the same account leave, for those cannot be made later."""
    share = history_share(contracts, feed)
    return replace(share.account, per_minute=max(share.left, share.least))


def history_share(contracts: Contracts, feed: Feed) -> Share:
    """The share of a feed's history in the turns of its account, which live calls take as well."""
    account, plan = account_of(feed, feed.history), account_plan(contracts, feed, feed.history)
    live = sum(
        live_calls_per_minute(other) for other in contracts.feeds() if account_of(other, other.provider) == account
    )
    return Share(plan, left=plan.per_minute - live, least=max(plan.per_minute // 10, 1))


def history_span(provider: Provider) -> timedelta:
    """The longest interval that one history call may ask for."""
    return read_spec(provider.settings).span if provider.kind == "rest" else FINNHUB_SPAN


def provider_secrets(feed: Feed) -> tuple[str, ...]:
    """The names of the secrets that a feed needs: its own, and those of providers that have another."""
    names = [feed.secret, *(str(provider.settings.get("secret", "")) for provider in (feed.provider, feed.history))]
    return tuple(dict.fromkeys(name for name in names if name))


def needed_fields(contract: Contract, feed: Feed, kind: Kind) -> tuple[str, ...]:
    """The provider's fields that a line of this kind may not lack: those of its facts' checked, required columns.

    A line without them would hide a gap instead of filling it.
    """
    provided = {field.name for field in provider_fields(feed)}
    names: dict[str, None] = {}
    for table in contract.tables:
        if table.kind == "fact" and table.source == feed.table.name:
            names.update(dict.fromkeys(_needed(table, kind)))
    return tuple(name for name in names if name in provided)


def _needed(table: Table, kind: Kind) -> list[str]:
    rules = [column.rule for column in table.columns if column.required or column.check or column.name in table.key]
    return [getattr(rule, kind) if isinstance(rule, TakeByKind) else getattr(rule, "field", "") for rule in rules]


def history_delay(provider: Provider) -> timedelta:
    """The time after which the provider has published the history of a slot."""
    return read_spec(provider.settings).delay if provider.kind == "rest" else timedelta()


def comparable(contract: Contract, feed: Feed) -> tuple[tuple[Table, Column, str], ...]:
    """The facts' columns that hold a number of the provider, each with the field of its history that holds the same."""
    provided = {field.name for field in provider_fields(feed)}
    columns = []
    for table in contract.tables:
        if table.kind != "fact" or table.source != feed.table.name:
            continue
        for column in table.columns:
            rule = column.rule
            name = rule.history if isinstance(rule, TakeByKind) else getattr(rule, "field", "")
            if isinstance(rule, Take | TakeByKind) and name in provided and column.type.name in _NUMBERS:
                columns.append((table, column, name))
    return tuple(columns)

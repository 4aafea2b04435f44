"""Stand-ins for the sources of the project's examples: a sample database and a market, where a contract asks for them.

A contract asks by the name of its secret: ``sales-db`` for tables of the sample alone, ``finnhub-token`` for Finnhub.
Whoever gives a value for that secret has a source of his own, and nothing stands in for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from aws.account import secrets_without_value
from aws.deployment import Deployment
from aws.secrets import AwsSecretStore
from core.contract.model import Contract, Contracts, Database, Feed
from local.database import Database as DatabaseServer
from local.database.schema import TABLES
from local.market import MarketProcess

SAMPLE_SECRET = "sales-db"
MARKET_SECRET = "finnhub-token"


def wants_sample(contracts: Contracts, own: Iterable[str] = ()) -> bool:
    """Whether a contract's source is the sample database; ``own`` are the secrets whose values are given."""
    return SAMPLE_SECRET not in own and any(
        isinstance(contract.source, Database)
        and contract.source.secret == SAMPLE_SECRET
        and contract.source.engine == "postgresql"
        and {table.name for table in contract.source.tables} <= set(TABLES)
        for contract in contracts
    )


def market_feeds(contracts: Contracts, own: Iterable[str] = ()) -> tuple[str, ...]:
    """The datasets that ask the market, and ``<dataset>.history`` where the history is asked of it."""
    if MARKET_SECRET in own:
        return ()
    return tuple(dict.fromkeys(name for contract in contracts for name in _asked(contract)))


def _asked(contract: Contract) -> Iterator[str]:
    feed = contract.source
    if isinstance(feed, Feed) and feed.secret == MARKET_SECRET:
        if _is_market(feed.provider.kind, feed.provider.settings):
            yield contract.dataset
        if feed.history and _is_market(feed.history.kind, feed.history.settings):
            yield f"{contract.dataset}.history"


def _is_market(kind: str, settings: Mapping[str, object]) -> bool:
    return kind == "finnhub" and not settings.get("url") and settings.get("secret", MARKET_SECRET) == MARKET_SECRET


def values_of(database: DatabaseServer | None, market: MarketProcess | None) -> dict[str, str]:
    """The secrets of what stands in."""
    values = {SAMPLE_SECRET: json.dumps(database_secret(database))} if database else {}
    return values | ({MARKET_SECRET: market.token} if market else {})


def database_secret(database: DatabaseServer) -> dict[str, str]:
    """The secret that the extractor connects with; its role may read and nothing else."""
    return {
        "host": database.host,
        "port": str(database.port),
        "dbname": database.dbname,
        "username": database.extractor.user,
        "password": database.extractor.password,
        "sslmode": "verify-full",
        "sslrootcert": database.certificate.read_text(encoding="utf-8"),
    }


# ---------------------------------------------------------------- the deployment's secrets


def fill_secrets(deployment: Deployment, values: Mapping[str, str]) -> None:
    """Store those values whose secret a contract names, as ``starmend secret set`` does on AWS."""
    store = AwsSecretStore(deployment.clients("secretsmanager"))
    for name, full_name in deployment.secrets.items():
        if name in values:
            store.write(full_name, values[name])


def own_secrets(deployment: Deployment, standing_in: Mapping[str, str]) -> set[str]:
    """The secrets that somebody filled himself: their values are not those of what stands in."""
    store = AwsSecretStore(deployment.clients("secretsmanager"))
    filled = deployment.secrets.keys() - secrets_without_value(deployment.clients, deployment.secrets)
    return {name for name in filled if store.read(deployment.secrets[name]) != standing_in.get(name)}

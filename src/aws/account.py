"""The AWS account of the caller, and what a deployment in it still waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aws.clients import Clients
from aws.failures import reaching
from aws.secrets import AwsSecretStore
from core.errors import InvalidData


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account. ``partition`` is ``aws`` but for China and the government's regions."""

    id: str
    partition: str


def find_account(clients: Clients) -> Account:
    """Raises ``PipelineBug`` naming the remedy where there are no credentials, or none that AWS takes."""
    with reaching("find the account", "AWS"):
        identity = clients("sts").get_caller_identity()
    return Account(str(identity["Account"]), str(identity["Arn"]).split(":")[1])


def identity_of(clients: Clients) -> str:
    """Who the caller is, for whoever reads later what was done: the user, or the role and its session.

    Raises ``PipelineBug`` naming the remedy where there are no credentials, or none that AWS takes.
    """
    with reaching("find out who asks", "AWS"):
        arn = str(clients("sts").get_caller_identity()["Arn"])
    return arn.split(":", 5)[-1]


def secrets_without_value(clients: Clients, names: Mapping[str, str]) -> list[str]:
    """Those of the secrets (name in the contract -> full name) that nobody has filled yet."""
    store = AwsSecretStore(clients("secretsmanager"))
    return [name for name, full in sorted(names.items()) if not _has_value(store, full)]


def _has_value(store: AwsSecretStore, name: str) -> bool:
    try:
        store.read(name)
    except InvalidData:
        return False
    return True


def addresses(clients: Clients, topic: str) -> Iterator[tuple[str, bool]]:
    """The e-mail addresses of a topic, and whether each has confirmed that it wants to hear of alarms."""
    with reaching("list subscriptions", topic):
        for page in clients("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
            for subscription in page.get("Subscriptions", []):
                if subscription["Protocol"] == "email":
                    yield str(subscription["Endpoint"]), subscription["SubscriptionArn"].startswith("arn:")

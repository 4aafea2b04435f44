"""Build the client of a provider from its settings in the contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from core.contract import model
from core.errors import BadContract
from core.feeds.providers import FINNHUB_SPAN, NO_PROVIDER, check_provider
from core.feeds.rest.spec import read_spec
from core.ports import SecretStore
from ingestion.providers import finnhub
from ingestion.providers.answers import Provider
from ingestion.providers.nobody import Nobody
from ingestion.providers.rest.client import Rest
from ingestion.providers.transport.credential import Credential
from ingestion.providers.transport.web import Signing, Web


@dataclass(frozen=True, slots=True)
class Source:
    """A provider's client, and the limits of its calls.

    ``span``: the longest history of one call. ``delay``: how late it publishes history. ``entities_per_call``: of one
    live call.
    """

    provider: Provider
    span: timedelta
    credential: Credential | None
    delay: timedelta = timedelta()
    entities_per_call: int = 1


def build_source(
    spec: model.Provider,
    *,
    every: int,
    secret: str,
    secrets: SecretStore,
    url: str = "",
    connections: int = 16,
    taken: Collection[str] | None = None,
    attributes: Mapping[str, Mapping[str, str]] | None = None,
    step: int = 0,
    sleep: Callable[[float], None] = time.sleep,
) -> Source:
    """A provider's client. ``secret`` is the feed's, unless the settings name another; ``url`` replaces the base URL.

    ``taken`` are the fields that columns take (None: all); no other is looked at. ``attributes`` are those of each
    entity. ``step``: the seconds between points, where they lie further apart than the cadence. ``sleep`` waits before
    a call is tried again.

    Raises ``BadContract`` where the settings make no provider.
    """
    check_provider(spec, every=every)
    settings = dict(spec.settings)
    name = str(settings.get("secret", secret))
    credential = Credential(secrets, name) if name else None
    web_of = partial(Web, connections=connections, sleep=sleep)
    if spec.kind == "finnhub":
        return _finnhub(settings, credential, web_of, every=every, url=url, taken=taken)
    if spec.kind == "rest":
        rest = read_spec(settings)
        used = credential if rest.needs_secret else None
        headers = {header: value.text for header, value in rest.headers.items()}
        signing = Signing(headers, rest.auth.query, rest.auth.basic)
        web = web_of(url or rest.url, signing=signing, credential=used)
        return Source(
            provider=Rest(web, rest, every=every, taken=taken, attributes=attributes, step=step),
            span=rest.span,
            credential=used,
            delay=rest.delay,
            entities_per_call=rest.live.entities_per_call if rest.live else 1,
        )
    if spec.kind == NO_PROVIDER:
        return Source(Nobody(), FINNHUB_SPAN, None)
    raise BadContract("build a provider", spec.kind, "is no provider", "Use finnhub or rest")


def _finnhub(
    settings: Mapping[str, Any],
    credential: Credential | None,
    web_of: Callable[..., Web],
    *,
    every: int,
    url: str,
    taken: Collection[str] | None,
) -> Source:
    if credential is None:
        raise BadContract("build a provider", "finnhub", "has no secret", "Name the secret of its token")
    base = url or str(settings.get("url", finnhub.URL))
    signing = Signing({finnhub.TOKEN_HEADER: "{secret}"})
    web = web_of(base, signing=signing, credential=credential)
    provider = finnhub.Finnhub(web, every=every, taken=taken)
    return Source(provider, FINNHUB_SPAN, credential)

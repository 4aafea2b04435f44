"""Connections to one host, kept and shared by threads: directly, or by the proxy that the environment names for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import SplitResult, urlunsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import HTTPConnectionPool, PoolManager, ProxyManager
from urllib3.util import Timeout, make_headers, parse_url

from ingestion.providers.transport.deadline import bounded

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # where an environment names its own


def open_pool(base: SplitResult, connections: int, *, connect: float, read: float) -> HTTPConnectionPool:
    """The pool for a base URL, of so many kept ``connections``. Nothing is tried again; time-outs are in seconds."""
    proxy = _proxy(base)
    manager = PoolManager() if proxy is None else ProxyManager(proxy, proxy_headers=_login(proxy))
    manager.connection_pool_kw |= {
        "maxsize": connections,
        "retries": False,
        "timeout": Timeout(connect=connect, read=read),
        "ca_certs": next((os.environ[name] for name in _CERTIFICATES if name in os.environ), certifi.where()),
    }
    return bounded(manager).connection_from_url(urlunsplit((*base[:2], "", "", "")))


def _proxy(base: SplitResult) -> str | None:
    """None for loopback, whatever the environment says: nobody else can reach it."""
    if base.scheme == "http" or proxy_bypass(base.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _login(proxy: str) -> Mapping[str, str]:
    login = parse_url(proxy).auth
    return make_headers(proxy_basic_auth=login) if login else {}

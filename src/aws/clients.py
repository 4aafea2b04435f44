"""AWS clients, created on first use and kept for the life of a container.

botocore alone: boto3's resources would cost another 50 ms of every cold start and are not used.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import botocore.session
from botocore.config import Config

from aws.listing import read_listings_fast

# Retries are the SDK's ("standard": jittered, with a token bucket); a condition that fails is never retried by it.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "max_attempts": 5},
    max_pool_connections=32,
    tcp_keepalive=True,
)
# For the first question to a deployment: a command says within seconds that nobody answers.
_HURRIED = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
_ENDPOINT = "AWS_ENDPOINT_URL"
_PATH_STYLE = Config(s3={"addressing_style": "path"})
# An answer comes when the function is done, 15 minutes at most. A client that gave up before would ask again beside it.
_FUNCTION_SECONDS = 900
_PATIENT = Config(read_timeout=_FUNCTION_SECONDS + 30)


class Clients:
    """``clients("s3")``: one client per service; safe to share between threads. ``hurried`` ones give up early.

    All of them ask where the environment points when this is made, also where it points elsewhere once one is used.
    """

    def __init__(self, *, hurried: bool = False) -> None:
        self._config = _CONFIG.merge(_HURRIED) if hurried else _CONFIG
        self._endpoint = os.environ.get(_ENDPOINT)
        self._session = botocore.session.get_session()
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str) -> Any:
        """The client of a service, by botocore's name for it."""
        with self._lock:
            if service not in self._clients:
                config = self._config.merge(_PATIENT) if service == "lambda" else self._config
                if service == "s3" and self._endpoint:
                    config = self._config.merge(_PATH_STYLE)  # an emulator has no bucket host names
                # The SDK finds it in the environment, a service's own too, unless that was pointed elsewhere meanwhile.
                moved = os.environ.get(_ENDPOINT) != self._endpoint
                own = self._endpoint if moved else None
                client = self._clients[service] = self._session.create_client(service, config=config, endpoint_url=own)
                if service == "s3":
                    read_listings_fast(client)
            return self._clients[service]

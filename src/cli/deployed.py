"""Which deployment a command speaks to."""

from __future__ import annotations

import os
from pathlib import Path

from aws.deployment import Deployment

BUILD = Path("build")
DEFAULT = "local"


def deployment(environment: str) -> Deployment:
    """The deployment of that name, with this process's SDK pointed at it."""
    found = Deployment.load(BUILD, environment)
    found.enter()
    return found


def quiet_metrics() -> None:
    """Functions that run in this process print no metrics and no service name of a Lambda."""
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "command")

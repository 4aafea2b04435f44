"""The deployment that a command works with."""

from __future__ import annotations

import os

from aws.deployment import Deployment
from deploy.folders import BUILD

DEFAULT = "local"


def deployment(environment: str) -> Deployment:
    """The deployment of that name, with this process's SDK pointed at it."""
    deployed = Deployment.load(BUILD, environment)
    deployed.enter()
    return deployed


def quiet_metrics() -> None:
    """Functions that run in this process print no metrics and no service name of a Lambda."""
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "command")

"""The deployment that a command works with: found by its environment's name, described by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws.deployment import Deployment

DEFAULT = "local"
DEFAULT_FOLDER = Path("contracts")  # of the project


def deployment(environment: str) -> Deployment:
    """The deployment of that name, with this process's SDK pointed at it.

    ``local`` is the stack on this machine. Any other is a file of the project's ``environments/`` and whatever
    account the credentials are of; nothing need have been built here.
    """
    from aws.deployment import Deployment  # the SDK is slow to import, so that help does without
    from deploy.folders import build_folder
    from deploy.target import Target

    if environment == DEFAULT:
        return Deployment.attach(build_folder() / environment)
    return Target.named(environment).deployment()


def quiet_metrics() -> None:
    """Functions that run in this process print no metrics and no service name of a Lambda."""
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "command")

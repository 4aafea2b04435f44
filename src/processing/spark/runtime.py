"""The services of a Spark job: each of its processes finds the deployment by itself, and builds them once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from aws.clients import Clients
from aws.deployment import Deployment
from aws.settings import Settings
from processing.runtime import build_services
from processing.services import Services


@dataclass(frozen=True)
class DeployedServices:
    """Builds processing's services of a deployment, wherever it is sent. ``variables`` are the functions' own."""

    variables: tuple[tuple[str, str], ...]
    aws_environment: tuple[tuple[str, str], ...]
    contracts: bytes

    @classmethod
    def of(cls, deployment: Deployment) -> DeployedServices:
        """Those of a deployment that was found."""
        return cls(
            tuple(sorted(deployment.function_environment.items())),
            tuple(sorted(deployment.aws_environment.items())),
            deployment.contracts_text,
        )

    def __call__(self) -> Services:
        """The services, the same ones for every task of a process."""
        return _built(self)


@cache
def _built(recipe: DeployedServices) -> Services:
    os.environ.update(recipe.aws_environment)
    settings = Settings.from_environment(dict(recipe.variables))
    settings = replace(settings, contracts_text=recipe.contracts)
    services, _ = build_services(settings, Clients())
    return replace(services, threads=False)  # an executor has a task for each of its cores


def find_services(bucket: str, environment: str, aws_environment: Mapping[str, str]) -> DeployedServices:
    """The services of the deployment that describes itself in a code bucket.

    Raises ``NotDeployed`` where there is none, ``PipelineBug`` where it is of another release.
    """
    return DeployedServices.of(Deployment.find(bucket, environment, aws_environment))

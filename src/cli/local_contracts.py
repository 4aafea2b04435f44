"""Contract files on this machine, held to the deployed ones that a command goes by, and as they would be deployed.

Whoever has just mended a contract and gives a command that makes rows again expects the mended one to count. It does
not until it is deployed, so such commands refuse to begin where the two differ.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import DEFAULT
from core.errors import OtherContract
from core.landing.zone import landing_of

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from core.contract.model import Contracts


def as_deployed_to(environment: str, contracts: Contracts) -> Contracts:
    """Contracts of files as a deploy to this environment would have them.

    The stack on this machine adapts some settings (``local.provisioning``): what is compared with it, or asked of its
    sources, is adapted by the same function as what ``starmend up`` applies to it.
    """
    if environment != DEFAULT:
        return contracts
    from deploy.folders import build_folder
    from local.provisioning import Plan, adapted, as_adapted

    return adapted(contracts, as_adapted(Plan(), build_folder() / environment))


def refuse_other_contracts(
    deployed: Deployment, datasets: Iterable[str], *, operation: str, folder: Path | None = None
) -> None:
    """Raise ``OtherContract`` where a dataset's contract in the folder is not the deployed one; no folder, no check."""
    from deploy.folders import contracts_folder

    folder = folder or contracts_folder()
    if not folder.is_dir():
        return
    from core.authoring.load import examine  # reads YAML, so that help does without

    contracts, problems = examine(folder, today=dt.datetime.now(dt.UTC).date())
    here = {contract.dataset: contract.hash for contract in contracts}
    broken = sorted({problem.file for problem in problems if not problem.warning})
    for dataset in sorted(set(datasets)):
        deployed_hash = deployed.contracts.dataset(dataset).hash
        if not broken and here.get(dataset) == deployed_hash:
            continue
        stated = f"{here[dataset][:12]} here" if dataset in here else f"not in {folder}/"
        problem = f"{', '.join(broken)} cannot be kept" if broken else f"its contract is {stated}"
        raise OtherContract(
            operation,
            f"{dataset} in {deployed.environment}",
            f"{problem}, {deployed_hash[:12]} deployed, and the deployed one counts",
            f"Deploy first: {_way_to_deploy(deployed)}; or go by what is deployed: --as-deployed",
        )


def datasets_of_objects(keys: Iterable[str]) -> set[str]:
    """The datasets that ingest objects are of."""
    return {landing.dataset for key in keys if (landing := landing_of(key))}


def _way_to_deploy(deployed: Deployment) -> str:
    local = deployed.environment == DEFAULT
    return "starmend up" if local else f"starmend deploy apply --env {deployed.environment}"

"""``starmend process``: process the ingest objects that nobody has processed yet, in this process."""

from __future__ import annotations

from collections.abc import Iterator

from cli.auditing import datasets_of
from cli.commands import examples
from cli.deployed import deployment
from cli.local_contracts import refuse_other_contracts
from cli.operating import check_source, services_of
from cli.options import DEFAULT, AsDeployed, Dataset, Environment, Full, Json, Source
from cli.output import steps
from cli.replay import finish, process_again
from core.contract.model import Contracts
from core.landing.zone import landing_of, prefixes_of
from core.ports import ObjectReader


@examples("process", "process --dataset sales --table staff --full", "process --json")
def process(
    dataset: Dataset = "",
    table: Source = "",
    full: Full = False,
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Process what has come in and has no receipt yet.

    Processing follows an arrival by itself; this is for objects whose event was lost, before an audit finds them. With
    --full all objects once more. Exits with 1 where objects failed or were halted, or lines were refused.
    """
    deployed = deployment(environment)
    check_source(deployed.contracts, dataset, table)
    datasets = datasets_of(deployed, dataset, operation="process")
    if not as_deployed:
        refuse_other_contracts(deployed, datasets, operation="process")
    services = services_of(deployed)
    with steps() as progress:
        with progress.step("looking for objects without a receipt" if not full else "listing the objects"):
            keys = [
                key
                for name in datasets
                for key in _keys(deployed.contracts, services.ingest, name, table)
                if full or _is_unprocessed(services.records, key)
            ]
        outcome = process_again(services, keys, progress)
    finish(outcome, as_json=as_json)


def _keys(contracts: Contracts, ingest: ObjectReader, dataset: str, table: str) -> Iterator[str]:
    """The ingest objects of a dataset, or of one of its source tables."""
    source = contracts.dataset(dataset).source
    names = [table] if table else [each.name for each in source.tables] if source else []
    for name in names:
        for prefix in prefixes_of(contracts, dataset, name):
            yield from (info.key for info in ingest.list(prefix) if landing_of(info.key))


def _is_unprocessed(records: ObjectReader, key: str) -> bool:
    landing = landing_of(key)
    return landing is not None and records.stat(landing.receipt_key) is None

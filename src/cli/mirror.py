"""``starmend mirror``: the Iceberg tables over the star's objects: made, certified, looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.auditing import datasets_of
from cli.commands import examples, group
from cli.completion import complete_table
from cli.deployed import deployment
from cli.operating import table_of
from cli.options import DEFAULT, Dataset, Environment, Json
from cli.outcomes import Outcomes
from cli.output import FINDINGS, FINE, show, steps

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from core.contract.model import Table
    from mirror.certified.star import CertifiedStar
    from mirror.certified.step import Uncertified
    from mirror.commit import Mirrored, Waits
    from mirror.reading import MirrorServices

app = group("Keep Iceberg tables over the star's objects, for every engine.")

Tables = Annotated[
    list[str], typer.Argument(help="Only these tables; all where none is named.", autocompletion=complete_table)
]


@app.command("run")
@examples("mirror run", "mirror run fact_quote dim_symbol")
def run(tables: Tables = [], environment: Environment = DEFAULT, as_json: Json = False) -> None:  # noqa: B006 never changed
    """Bring the Iceberg tables up to what the pointers lead to: a snapshot for each table that changed.

    Exits with 1 where a table waits for older partitions to be made again, or a partition cannot be read, and with 3
    where a table failed. Its neighbours go on.
    """
    from mirror.commit import mirror_table

    deployed = deployment(environment)
    services = _services(deployed)
    outcomes = Outcomes()
    with steps() as progress:
        for table in _chosen(deployed, tables):
            with progress.step(f"mirroring {table.name}"), outcomes.of(table=table.name, version=0, changed=0):
                outcomes.rows.append(_row(mirror_table(table, services)))
    show("Mirrored", outcomes.rows, as_json=as_json)
    raise typer.Exit(outcomes.code)


@app.command("status")
@examples("mirror status", "mirror status fact_quote --json")
def status(tables: Tables = [], environment: Environment = DEFAULT, as_json: Json = False) -> None:  # noqa: B006 never changed
    """Show how far each mirror is: its last snapshot, partitions that changed since, and what is certified.

    ``location`` is what engines without a catalog open. Exits with 1 where partitions have changed since, and with 3
    where a mirror cannot be read. The others are shown.
    """
    from mirror.standing import Standing, standing_of

    deployed = deployment(environment)
    services = _services(deployed)
    outcomes = Outcomes()
    for table in _chosen(deployed, tables):
        with outcomes.of(**Standing(table.name).to_data()):
            outcomes.rows.append(standing_of(table, services).to_data() | {"problem": ""})
    show("Mirrors", outcomes.rows, as_json=as_json)
    raise typer.Exit(outcomes.code or (FINDINGS if any(row["behind"] for row in outcomes.rows) else FINE))


@app.command("certify")
@examples("mirror certify", "mirror certify --dataset quotes")
def certify(dataset: Dataset = "", environment: Environment = DEFAULT, as_json: Json = False) -> None:
    """Prove the certificates in the mirrors' last snapshots, and move the tag ``certified`` to them.

    All tables of a dataset go together. Exits with 1 where nothing of one can be certified, or a table could not follow
    the others, naming why, and with 3 where a dataset failed. The others go on.
    """
    from mirror.certified.step import certify_dataset

    deployed = deployment(environment)
    services = _services(deployed)
    outcomes = Outcomes()
    with steps() as progress:
        for name in datasets_of(deployed, dataset, operation="certify"):
            with progress.step(f"proving {name}"), outcomes.of(dataset=name, table="", snapshot=0, until=""):
                outcome = certify_dataset(deployed.contracts, name, services, again=True)
                outcomes.rows += _certified_rows(name, outcome)
    show("Certified", outcomes.rows, as_json=as_json)
    raise typer.Exit(outcomes.code)


def _certified_rows(dataset: str, star: CertifiedStar | Uncertified) -> list[dict[str, Any]]:
    """A row for each table: what its tag claims, and why it does not claim more."""
    from core.time import iso
    from mirror.certified.step import Uncertified

    if isinstance(star, Uncertified):
        return [{"dataset": dataset, "table": "", "snapshot": 0, "until": "", "problem": star.problem}]
    return [
        {
            "dataset": dataset,
            "table": name,
            "snapshot": star.tables[name].snapshot if name in star.tables else 0,
            "until": iso(star.tables[name].until) if name in star.tables else "",
            "problem": star.problems.get(name, ""),
        }
        for name in dict.fromkeys([*star.tables, *star.problems])
    ]


def _services(deployed: Deployment) -> MirrorServices:
    from mirror.runtime import build_services  # pyiceberg takes its time to import

    return build_services(deployed.clients, deployed.warehouse_bucket)


def _chosen(deployed: Deployment, names: list[str]) -> list[Table]:
    contracts = deployed.contracts
    return [table_of(contracts, name) for name in names] if names else list(contracts.tables())


def _row(outcome: Mirrored | Waits) -> dict[str, Any]:
    from mirror.commit import Waits

    problems = outcome.partitions if isinstance(outcome, Waits) else outcome.problems
    first = next((f"{path}: {problem}" for path, problem in problems.items()), "")
    return {
        "table": outcome.table,
        "version": outcome.version,
        "changed": 0 if isinstance(outcome, Waits) else outcome.changed,
        "problem": f"{first} (and {len(problems) - 1} more)" if len(problems) > 1 else first,
    }

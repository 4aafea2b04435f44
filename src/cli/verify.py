"""``starmend verify``: prove the certificates again from the objects alone; it only reads."""

from __future__ import annotations

from typing import Any

import typer

from auditor.prove import verify as prove
from aws.objects import S3ObjectStore
from aws.pointers import S3PartitionStore
from cli.auditing import Dataset, From, To, datasets_of, range_of
from cli.deployed import DEFAULT, deployment
from cli.output import FINDINGS, FINE, Environment, Json, print_json, show, steps


def verify(
    dataset: Dataset = "",
    start: From = "",
    end: To = "",
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Check the chain of certificates and the rows that they speak of. Exits 1, naming what does not hold."""
    deployed = deployment(environment)
    s3 = deployed.clients("s3")
    records = S3ObjectStore(s3, deployed.warehouse_bucket)
    partitions = S3PartitionStore(s3, deployed.warehouse_bucket)
    first, last = range_of(start, end)
    totals: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    with steps() as progress:
        for name in datasets_of(deployed, dataset):
            with progress.step(f"verifying {name}"):
                verified = prove(
                    deployed.contracts, name, records=records, partitions=partitions, start=first, end=last, workers=16
                )
            totals.append(
                {
                    "dataset": name,
                    "certificates": verified.certificates,
                    "windows": verified.windows,
                    "failures": len(verified.failures),
                }
            )
            failures += [
                {
                    "dataset": failure.dataset,
                    "certificate": failure.certificate,
                    "window": failure.window,
                    "partition": failure.partition,
                    "problem": failure.problem,
                }
                for failure in verified.failures
            ]
    if as_json:
        print_json({"verified": totals, "failures": failures})
    else:
        show("Verified", totals, as_json=False)
        if failures:
            show("Does not hold", failures, as_json=False)
    raise typer.Exit(FINDINGS if failures else FINE)

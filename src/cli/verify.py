"""``starmend verify``: prove the certificates again from the objects alone; it only reads."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from cli.auditing import datasets_of
from cli.commands import examples
from cli.deployed import deployment
from cli.options import DEFAULT, AtScale, Dataset, Environment, From, Json, Resume, To
from cli.output import FINDINGS, FINE, print_json, show, show_first, steps
from cli.proof import AnchorBucket, PublicKeys, prove_anchors, read_all_anchors
from cli.ranges import range_of
from core.errors import Misuse

if TYPE_CHECKING:
    from auditor.proof.links import Links


@examples(
    "verify",
    "verify --dataset quotes --from 2026-11-01 --to 2026-12-01",
    "verify --public-key starmend.pem",
    "verify --at-scale",
)
def verify(
    dataset: Dataset = "",
    start: From = "",
    end: To = "",
    public_key: PublicKeys = [],  # noqa: B006 never changed
    anchors: AnchorBucket = "",
    at_scale: AtScale = False,
    resume: Resume = "",
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Prove the certificates again from the objects alone.

    Checks the chain, and the rows that its certificates speak of; with a public key also what was signed outside the
    lake, so that nobody who can write it has rewritten its past. Exits with 1, naming what does not hold. Windows that
    were certified otherwise before, and rows that no certificate speaks of, are shown and are no failure. With
    --at-scale functions prove shares of the range side by side.
    """
    from auditor.prove import verify as prove
    from aws.objects import S3ObjectStore
    from aws.pointers import S3PartitionStore

    first, last = range_of(start, end, operation="verify")
    if anchors and not public_key:
        raise Misuse("verify", "--anchors", "proves nothing without a key", "Name one: --public-key FILE")
    deployed = deployment(environment)
    if at_scale or resume:
        if public_key:
            problem = "proves the chain, which is one and read here"
            raise Misuse("verify", "--public-key", problem, "Leave --at-scale out, or --public-key")
        from cli.at_scale.looks import verify_at_scale

        datasets = datasets_of(deployed, dataset, operation="verify")
        verify_at_scale(deployed, datasets, (first, last), resume=resume, as_json=as_json)
        return
    s3 = deployed.clients("s3")
    records = S3ObjectStore(s3, deployed.warehouse_bucket)
    partitions = S3PartitionStore(s3, deployed.warehouse_bucket)
    totals: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    restated: list[dict[str, Any]] = []
    uncertified: list[dict[str, Any]] = []
    chains: dict[str, Links] = {}
    datasets = datasets_of(deployed, dataset, operation="verify")
    signed = read_all_anchors(deployed, datasets, bucket=anchors) if public_key else None
    with steps() as progress:
        for name in datasets:
            with progress.step(f"verifying {name}"):
                verified = prove(
                    deployed.contracts, name, records=records, partitions=partitions, start=first, end=last, workers=16
                )
            totals.append(
                {
                    "dataset": name,
                    "certificates": verified.certificates,
                    "windows": verified.windows,
                    "restated": len(verified.restated),
                    "uncertified": len(verified.uncertified),
                    "failures": len(verified.failures),
                }
            )
            failures += map(asdict, verified.failures)
            restated += map(asdict, verified.restated)
            uncertified += ({"dataset": name, **asdict(each)} for each in verified.uncertified)
            chains[name] = verified.links
    proofs: list[dict[str, Any]] = []
    if public_key and signed:
        proofs, denied = prove_anchors(signed, chains, keys=public_key)
        failures += denied
    if as_json:
        said = {"verified": totals, "failures": failures, "restated": restated, "uncertified": uncertified}
        print_json(said | ({"proven": proofs} if proofs else {}))
    else:
        show("Verified", totals, as_json=False)
        if proofs:
            show("Proven by signature", proofs, as_json=False)
        if restated:
            of_concern = sorted(restated, key=lambda each: each["replaces"] - each["certificate"])
            show_first("Certified otherwise before", of_concern, total=f"{len(restated):,} windows")
        if uncertified:
            show_first("In no certificate", uncertified, total=f"{len(uncertified):,} partitions")
        if failures:
            show_first("Does not hold", failures, total=f"{len(failures):,} certificates or partitions do not hold")
    raise typer.Exit(FINDINGS if failures else FINE)

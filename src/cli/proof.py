"""``starmend proof``: the keys and anchors that prove, outside the lake, how far the certificates had gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.auditing import datasets_of
from cli.commands import examples, group
from cli.deployed import deployment
from cli.options import DEFAULT, Dataset, Environment, Json, Output
from cli.outcomes import Outcomes
from cli.output import FINDINGS, FINE, out, print_json, show, steps, write_file
from core.errors import Misuse

if TYPE_CHECKING:
    from auditor.proof.links import Links
    from aws.deployment import Deployment
    from notary.prove import AnchorsAsRead

app = group("Prove by signature that the past was not rewritten.")

NO_FILE = Path()
PublicKeys = Annotated[
    list[Path],
    typer.Option("--public-key", metavar="FILE", help="A key (PEM) to prove the anchors by; may be given again."),
]
ANCHORS = "The anchors' bucket, where it is not the deployment's."
AnchorBucket = Annotated[str, typer.Option("--anchors", metavar="BUCKET", help=ANCHORS)]


@app.command("key")
@examples("proof key", "proof key --output starmend.pem")
def key(environment: Environment = DEFAULT, output: Output = NO_FILE) -> None:
    """Print the newest public key (PEM), to be kept where nobody who runs the pipeline can change it."""
    from aws.signing import KmsSigner
    from cli.signatures import as_pem

    deployed = deployment(environment)
    _anchor_bucket(deployed, "")
    pem = as_pem(KmsSigner(deployed.clients("kms"), deployed.signing_keys[-1]).public_key())
    if output == NO_FILE:
        out.print(pem, end="")
    else:
        write_file(output, pem, operation="proof key")


@app.command("sign")
@examples("proof sign", "proof sign --dataset quotes")
def sign(dataset: Dataset = "", environment: Environment = DEFAULT, as_json: Json = False) -> None:
    """Let the notary sign now how far the certificates have gone.

    Exits with 3, naming the certificate, where it refuses: what was signed before is not there any more. Other datasets
    are signed all the same.
    """
    from aws.functions import invoke

    deployed = deployment(environment)
    _anchor_bucket(deployed, "")
    outcomes, notary = Outcomes(), deployed.functions["notary"]
    with steps() as progress:
        for name in datasets_of(deployed, dataset, operation="sign"):
            with progress.step(f"signing {name}"), outcomes.of(dataset=name, anchor=0, certificate=0):
                signed = invoke(deployed.clients("lambda"), notary, {"dataset": name})
                outcomes.rows.append(signed | {"problem": ""})
    show("Signed (0: nothing new)", outcomes.rows, as_json=as_json)
    raise typer.Exit(outcomes.code)


@app.command("anchors")
@examples("proof anchors", "proof anchors --dataset quotes --json")
def list_anchors(
    dataset: Dataset = "", anchors: AnchorBucket = "", environment: Environment = DEFAULT, as_json: Json = False
) -> None:
    """List the anchors: which certificate each names, when it was signed, and by which key.

    Proves nothing; that is what verify does. Exits with 1 where their chain is broken.
    """
    from aws.anchors import S3AnchorStore
    from notary.prove import read_anchors

    deployed = deployment(environment)
    store = S3AnchorStore(deployed.clients("s3"), _anchor_bucket(deployed, anchors))
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for name in datasets_of(deployed, dataset, operation="list anchors"):
        chain, broken = read_anchors(store, name)
        problems += broken
        rows += [
            {
                "dataset": name,
                "anchor": anchor.sequence,
                "certificate": anchor.number,
                "signed_at": anchor.signed_at,
                "key": anchor.key[:12],
                "introduces_key": bool(anchor.introduces),
            }
            for anchor in chain
        ]
    if as_json:
        print_json({"anchors": rows, "problems": problems})
    else:
        show("Anchors", rows, as_json=False)
        for problem in problems:
            out.print(problem)
    raise typer.Exit(FINDINGS if problems else FINE)


def read_all_anchors(deployed: Deployment, datasets: Sequence[str], *, bucket: str) -> AnchorsAsRead:
    """The anchors of these datasets as they are now: to be read before the chains that they speak of."""
    from aws.anchors import S3AnchorStore
    from notary.prove import AnchorsAsRead

    return AnchorsAsRead.of(S3AnchorStore(deployed.clients("s3"), _anchor_bucket(deployed, bucket)), datasets)


def prove_anchors(
    anchors: AnchorsAsRead, chains: Mapping[str, Links], *, keys: list[Path]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(how far each dataset's chain is proven, what denies it) by these public keys, as rows."""
    import datetime as dt

    from cli.signatures import holds, read_public_key
    from notary.prove import Chained, prove_chain

    trusted = [read_public_key(file) for file in keys]
    proofs, failures = [], []
    for name, links in chains.items():
        chained = Chained(links.hashes, links.head.number)
        proven = prove_chain(
            name, chained=chained, anchors=anchors, trusted=trusted, holds=holds, now=dt.datetime.now(dt.UTC)
        )
        proofs.append(
            {
                "dataset": name,
                "anchors": proven.anchors,
                "signed_since": proven.since,
                "signed_until": proven.number,
                "signed_at": proven.signed_at,
                "failures": len(proven.problems),
            }
        )
        failures += [
            {"dataset": name, "certificate": 0, "window": "", "partition": "", "problem": problem}
            for problem in proven.problems
        ]
    return proofs, failures


def _anchor_bucket(deployed: Deployment, given: str) -> str:
    """The bucket of anchors. Raises ``Misuse`` where the deployment signs nothing and none is named."""
    if bucket := given or deployed.anchors:
        return bucket
    problem = "its certificates are not signed"
    remedy = "Ask for it: proof = { enabled = true } in the environment's file, and deploy (docs/proof.md)"
    raise Misuse("prove", deployed.environment, problem, remedy)

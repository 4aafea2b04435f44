"""``starmend replay``: process ingest objects again, here or by the deployed function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.local_contracts import datasets_of_objects, refuse_other_contracts
from cli.operating import services_of
from cli.options import DEFAULT, AsDeployed, Environment, Json
from cli.output import FINDINGS, FINE, SHOWN, Steps, out, print_json, say, show, steps
from core.errors import Misuse, OutOfReach
from core.landing.zone import landing_of

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from processing.services import Services

KEYS_A_MESSAGE = 10


@dataclass
class Outcome:
    """Counts of the objects that were processed again, by their receipts' outcomes."""

    objects: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: int = 0
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_fine(self) -> bool:
        return not (self.errors or self.rejected or self.outcomes["halted"])

    def as_row(self) -> dict[str, Any]:
        return {
            "objects": self.objects,
            **{name: self.outcomes[name] for name in ("committed", "unchanged", "halted")},
            "failed": len(self.errors),
            "rows": self.rows,
            "rejected_lines": self.rejected,
        }


@examples("replay tables/sales/currency/000000000001.jsonl.gz", "replay feeds/quotes/2026/11/20/ --queue")
def replay(
    what: Annotated[
        str, typer.Argument(metavar="OBJECT|PREFIX", help="An ingest object's key, or what keys begin with.")
    ],
    queue: Annotated[bool, typer.Option("--queue", help="Let the deployed function do it; do not wait.")] = False,
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Process ingest objects again.

    What is in the warehouse stays; what a mended contract lets in comes in. Exits with 1 where objects failed or were
    halted, or lines were refused.
    """
    from processing.restating.replay import ingest_keys

    deployed = deployment(environment)
    services = services_of(deployed)
    keys = list(ingest_keys(services.ingest, _key(what, services.ingest_bucket)))
    if not keys:
        raise Misuse("replay", what, "no ingest object has such a key", "Keys begin with tables/, feeds/ or repair/")
    if not as_deployed:
        refuse_other_contracts(deployed, datasets_of_objects(keys), operation="replay")
    if queue:
        _send(deployed, keys)
        out.print(f"{len(keys)} objects are queued; see what becomes of them: starmend status")
        return
    with steps() as progress:
        outcome = process_again(services, keys, progress)
    finish(outcome, as_json=as_json)


def _key(what: str, bucket: str) -> str:
    """The key of a URL into the ingest bucket; a key stays as it is. Raises ``Misuse`` for another bucket."""
    if not what.startswith("s3://"):
        return what
    named, _, key = what.removeprefix("s3://").partition("/")
    if named != bucket:
        raise Misuse("replay", what, "is not in the ingest bucket", f"Its objects are s3://{bucket}/...")
    return key


def _send(deployed: Deployment, keys: Sequence[str]) -> None:
    messages = [{"objects": keys[first : first + KEYS_A_MESSAGE]} for first in range(0, len(keys), KEYS_A_MESSAGE)]
    url = deployed.queues["arrivals"]
    from aws.queue import SqsQueue

    if refused := SqsQueue(deployed.clients("sqs"), url).send(messages):
        raise OutOfReach("replay", url, f"{len(refused)} of {len(messages)} messages were not taken", "Run it again")


def process_again(services: Services, keys: Sequence[str], progress: Steps) -> Outcome:
    """Process the objects here, in batches, and read their receipts."""
    from processing.restating.replay import replay as processed_again

    outcome = Outcome()
    with progress.step(f"processing {len(keys)} objects again", total=len(keys)) as step:
        for batch in processed_again(services, keys):
            outcome.objects += len(batch.keys)
            outcome.errors |= {key: str(error) for key, error in batch.errors.items()}
            for key in batch.keys:
                _count(services, key, outcome)
            step.update(done=outcome.objects)
    return outcome


def _count(services: Services, key: str, outcome: Outcome) -> None:
    from processing.records.receipts import read_receipt

    landing = landing_of(key)
    if landing is None or key in outcome.errors:
        return
    if receipt := read_receipt(services.records, landing):
        outcome.outcomes[receipt["outcome"]] += 1
        outcome.rows += receipt["rows_out"]
        outcome.rejected += receipt["rejected"]


def finish(outcome: Outcome, *, as_json: bool) -> None:
    """Print the outcome and exit: with 1 where an object failed, was halted or has rejected lines."""
    if as_json:
        print_json(outcome.as_row() | {"errors": outcome.errors})
    else:
        show("Processed again", [outcome.as_row()], as_json=False)
        for key, error in list(outcome.errors.items())[:SHOWN]:
            say(f"{key}: {error}")
        if len(outcome.errors) > SHOWN:
            say(f"and {len(outcome.errors) - SHOWN:,} more that failed; all of them: --json")
    raise typer.Exit(FINE if outcome.is_fine else FINDINGS)

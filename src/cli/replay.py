"""``starmend replay``: process ingest objects again, here or by the deployed function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.local_contracts import datasets_of_objects, refuse_other_contracts
from cli.operating import services_of
from cli.options import DEFAULT, AsDeployed, AtScale, Environment, Json, Resume
from cli.output import FINDINGS, FINE, SHOWN, Steps, out, print_json, say, show, steps
from core.errors import Misuse, OutOfReach

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from processing.restating.replay import Replays
    from processing.services import Services


@examples(
    "replay tables/sales/currency/000000000001.jsonl.gz",
    "replay feeds/quotes/2026/11/20/ --queue",
    "replay feeds/quotes/ --at-scale",
)
def replay(
    what: Annotated[
        str, typer.Argument(metavar="OBJECT|PREFIX", help="An ingest object's key, or what keys begin with.")
    ],
    queue: Annotated[bool, typer.Option("--queue", help="Let the deployed function do it; do not wait.")] = False,
    at_scale: AtScale = False,
    resume: Resume = "",
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Process ingest objects again.

    What is in the warehouse stays; what a mended contract lets in comes in. With --at-scale functions do it side by
    side, no two of them objects of the same partition. Exits with 1 where objects failed or were halted, or lines were
    refused.
    """
    from processing.restating.replay import ingest_keys

    deployed = deployment(environment)
    services = services_of(deployed)
    keys = list(ingest_keys(services.ingest, _key(what, services.ingest_bucket)))
    if not keys:
        raise Misuse("replay", what, "no ingest object has such a key", "Keys begin with tables/, feeds/ or repair/")
    if not as_deployed:
        refuse_other_contracts(deployed, datasets_of_objects(keys), operation="replay")
    if at_scale or resume:
        if queue:
            raise Misuse("replay", what, "is it to be queued, or done at scale?", "Give --queue or --at-scale")
        from cli.at_scale.replay import replay_at_scale

        replay_at_scale(deployed, services, _key(what, services.ingest_bucket), resume=resume, as_json=as_json)
        return
    if queue:
        _send(deployed, keys)
        if as_json:
            print_json({"queued": len(keys)})
        else:
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
    from aws.queue import SqsQueue
    from core.rendering.trigger import OBJECTS_A_MESSAGE

    at_once = OBJECTS_A_MESSAGE
    messages = [{"objects": keys[first : first + at_once]} for first in range(0, len(keys), at_once)]
    url = deployed.queues["arrivals"]
    if refused := SqsQueue(deployed.clients("sqs"), url).send(messages):
        raise OutOfReach("replay", url, f"{len(refused)} of {len(messages)} messages were not taken", "Run it again")


def process_again(services: Services, keys: Sequence[str], progress: Steps) -> Replays:
    """Process the objects here, in batches, and read their receipts."""
    from processing.restating.replay import Replays, replay

    replays = Replays()
    with progress.step(f"processing {len(keys)} objects again", total=len(keys)) as step:
        for batch in replay(services, keys):
            replays.add(services, batch)
            step.update(done=replays.objects)
    return replays


def finish(outcome: Replays, *, as_json: bool) -> None:
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

"""``starmend replay --at-scale``: ingest objects processed again by functions, none of which meets another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.at_scale.following import run_of_functions, tell_left, tell_nothing
from cli.output import show

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from core.audit.at_scale.jobs import Work
    from processing.services import Services

COUNTED = ("objects", "committed", "unchanged", "halted", "failed", "rows", "rejected_lines")


def replay_at_scale(deployed: Deployment, services: Services, prefix: str, *, resume: str, as_json: bool) -> None:
    """Carry the replay out and print what came of it; exits with 1 where objects failed or jobs were left."""
    from core.landing.zone import landing_of
    from processing.restating.manifest import plan_replay

    def plan() -> list[Work]:
        return [*plan_replay(services, [info for info in services.ingest.list(prefix) if landing_of(info.key)])]

    name = prefix.strip("/").replace("/", "-") or "all"
    followed = run_of_functions(deployed, services.records, "replay", name, plan, resume=resume)
    if followed is None:
        nothing = {"processed": dict.fromkeys(COUNTED, 0)}
        tell_nothing("there is no ingest object; nothing was changed", as_json=as_json, more=nothing)
        return
    run, manifest = followed
    counts = {name: sum(share.counts.get(name, 0) for share in run.done()) for name in COUNTED}
    if not as_json:
        show("Processed again", [counts], as_json=False)
    tell_left(run, manifest, as_json=as_json, more={"processed": counts}, parts="objects")

"""``starmend rebuild --at-scale``: the jobs of a rebuild, started and followed, by functions or by Spark."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from cli.at_scale.following import follow, tell_left, tell_nothing
from cli.operating import services_of, table_of
from cli.output import say, steps
from core.errors import Misuse

if TYPE_CHECKING:
    from aws.deployment import Deployment


def rebuild_at_scale(
    deployed: Deployment, table: str, *, engine: str, allow_fewer: bool, resume: str, as_json: bool
) -> None:
    """Carry the rebuild out and print what came of it; exits with 1 where partitions were left."""
    from cli.at_scale.engines import machine_of, plan
    from cli.at_scale.run import RunAtScale, read_manifest, run_name

    services = services_of(deployed)
    if resume:
        begun = read_manifest(services.records, resume, "rebuild")
        if begun.table != table:
            raise Misuse("resume a run", resume, f"rebuilds {begun.table}", f"Name it: rebuild {begun.table}")
        run = RunAtScale(services.records, machine_of(deployed, begun.engine), resume)
        manifest = run.again()
    else:
        with steps() as progress, progress.step("looking up what each partition is made of"):
            planned = plan(deployed, services, table_of(services.contracts, table), engine, allow_fewer=allow_fewer)
        if not planned.jobs:
            tell_nothing("there is no partition; nothing was changed", as_json=as_json)
            return
        if planned.reason:
            say(f"by {planned.engine}: {planned.reason}")
        machine, name = machine_of(deployed, planned.engine), run_name(table, dt.datetime.now(dt.UTC))
        run = RunAtScale(services.records, machine, name)
        manifest = run.begin(table, planned.jobs, planned.engine)
    follow(run, manifest, f"rebuilding {table}")
    tell_left(run, manifest, as_json=as_json)

"""``starmend rebuild --at-scale``: the jobs of a rebuild, started, followed with their rate, and what they left."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

import typer

from cli.operating import services_of, table_of
from cli.output import FINDINGS, out, print_json, say, steps
from core.errors import Misuse

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from cli.at_scale.run import Manifest, RunAtScale

SHOWN = 20  # jobs that were left


def rebuild_at_scale(
    deployed: Deployment, table: str, *, engine: str, allow_fewer: bool, resume: str, as_json: bool
) -> None:
    """Carry the rebuild out and print what came of it; exits with 1 where partitions were left."""
    from cli.at_scale.engines import machine_of, plan
    from cli.at_scale.run import RunAtScale, read_manifest, run_name

    services = services_of(deployed)
    with steps() as progress:
        if resume:
            begun = read_manifest(services.records, resume)
            if begun.table != table:
                raise Misuse("resume a run", resume, f"rebuilds {begun.table}", f"Name it: rebuild {begun.table}")
            run = RunAtScale(services.records, machine_of(deployed, begun.engine), resume)
            manifest = run.again()
        else:
            with progress.step("looking up what each partition is made of"):
                planned = plan(deployed, services, table_of(services.contracts, table), engine, allow_fewer=allow_fewer)
            if not planned.jobs:
                out.print("there is no partition; nothing was changed")
                return
            if planned.reason:
                say(f"by {planned.engine}: {planned.reason}")
            machine, name = machine_of(deployed, planned.engine), run_name(table, dt.datetime.now(dt.UTC))
            run = RunAtScale(services.records, machine, name)
            manifest = run.begin(table, planned.jobs, planned.engine)
        say(f"run {run.run}: {manifest.jobs} jobs; if this is cut off: --resume {run.run}")
        with progress.step(f"rebuilding {table}", total=manifest.jobs) as step:
            began = time.monotonic()
            for done in run.follow(manifest):
                rate = done / max(time.monotonic() - began, 0.001) * 60
                step.update(done=done, title=f"rebuilding {table}: {done} of {manifest.jobs} jobs, {rate:.0f} a minute")
    _tell(run, manifest, as_json=as_json)


def _tell(run: RunAtScale, manifest: Manifest, *, as_json: bool) -> None:
    left = run.left(manifest)
    if as_json:
        rows = [{"partitions": list(job.partitions), "reason": job.reason} for job in left]
        print_json({"run": run.run, "attempt": manifest.attempt, "jobs": manifest.jobs, "left": rows})
    else:
        out.print(f"{manifest.jobs - len(left)} of {manifest.jobs} jobs are done", style="red" if left else "green")
        for job in left[:SHOWN]:
            say(f"{', '.join(job.partitions)}: {job.reason}")
        if left:
            say(f"take up what was left: --resume {run.run}")
    if left:
        raise typer.Exit(FINDINGS)

"""Runs at scale as commands show them: begun or taken up again, followed with their rate, and what they left."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from cli.output import FINDINGS, out, print_json, say, steps

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from cli.at_scale.run import Manifest, RunAtScale
    from core.audit.at_scale.jobs import Work
    from core.ports import ObjectStore

SHOWN = 20  # jobs that were left


def run_of_functions(
    deployed: Deployment,
    records: ObjectStore,
    command: str,
    subject: str,
    plan: Callable[[], Sequence[Work]],
    *,
    resume: str,
) -> tuple[RunAtScale, Manifest] | None:
    """The run to resume, or a new one of what is planned, followed to its end; None where there is nothing to do."""
    from cli.at_scale.engines import machine_of
    from cli.at_scale.run import RunAtScale, read_manifest, run_name

    if resume:
        read_manifest(records, resume, command)
    else:
        jobs = plan()
        if not jobs:
            return None
    machine = machine_of(deployed, "lambda")
    run = RunAtScale(records, machine, resume or run_name(subject, dt.datetime.now(dt.UTC), command))
    manifest = run.again() if resume else run.begin(subject, jobs, command=command)
    follow(run, manifest, f"{command} of {subject}")
    return run, manifest


def follow(run: RunAtScale, manifest: Manifest, title: str) -> None:
    """Follow a run to its end, with progress and rate."""
    say(f"run {run.run}: {manifest.jobs} jobs; if this is cut off: --resume {run.run}")
    with steps() as progress, progress.step(title, total=manifest.jobs) as step:
        began = time.monotonic()
        for done in run.follow(manifest):
            rate = done / max(time.monotonic() - began, 0.001) * 60
            step.update(done=done, title=f"{title}: {done} of {manifest.jobs} jobs, {rate:.0f} a minute")


def tell_nothing(text: str, *, as_json: bool, more: Mapping[str, Any] | None = None) -> None:
    """Print that there is nothing to do, in the form of a run that left nothing."""
    if as_json:
        print_json({"run": None, "attempt": 0, "jobs": 0, "left": [], **(more or {})})
    else:
        out.print(text)


def tell_left(
    run: RunAtScale, manifest: Manifest, *, as_json: bool, more: Mapping[str, Any] | None = None, parts: str = ""
) -> None:
    """Print what a run left, and why; exits with 1 where it left anything. ``parts`` names a job's share."""
    left = run.left(manifest)
    if as_json:
        rows = [{parts or "partitions": list(job.partitions), "reason": job.reason} for job in left]
        print_json({"run": run.run, "attempt": manifest.attempt, "jobs": manifest.jobs, "left": rows, **(more or {})})
    else:
        out.print(f"{manifest.jobs - len(left)} of {manifest.jobs} jobs are done", style="red" if left else "green")
        for job in left[:SHOWN]:
            say(f"{', '.join(job.partitions[:SHOWN])}: {job.reason}")
        if left:
            say(f"take up what was left: --resume {run.run}")
    if left:
        raise typer.Exit(FINDINGS)

"""A repair job for processing: partitions made again, each by the road that its kind of table has.

Facts whole from the ingest objects, rollups from facts and certificates, dimensions from the current state of their
sources, and what comes from the contract alone from the contract.
"""

from __future__ import annotations

import json
from typing import Any

from core.calendar import iso
from core.certificate import canonical_json
from core.contract.model import Table
from core.errors import InvalidData, PipelineBug, TransientFailure
from core.findings import Restate, repair_from_data
from processing.commit import Committed
from processing.rebuild import rebuild_table
from processing.rollup import derive_rollup
from processing.world import World


def restate_job(world: World, job: str) -> dict[str, Any]:
    """Carry out the job that lies under this key, leave word of the outcome beside it, and return the counts.

    Safe to do again. Raises ``InvalidData`` where there is no such job, ``TransientFailure`` where a store fails; then
    the job is not done, and the same call may be made again.
    """
    stored = world.records.read(job)
    repair = repair_from_data(json.loads(stored.body)["repair"]) if stored else None
    if not isinstance(repair, Restate):
        raise InvalidData("restate", job, "is no job to restate partitions", "Start the audit again")
    table = world.contracts.table(repair.table)
    changed, failed = 0, []
    for path in repair.partitions:
        try:
            changed += _restate(world, table, path)
        except (InvalidData, PipelineBug) as error:
            failed.append(f"{table.name}/{path}: {error}")
            world.log.error("partition not restated", table=table.name, partition=path, reason=str(error))
    outcome = {
        "result": "failed" if failed else "done",
        "reason": "; ".join(failed)[:1000],
        "finished_at": iso(int(world.now().timestamp())),
        "changed": changed,
    }
    key = job.replace("/jobs/", "/outcomes/")
    try:
        world.records.write(key, canonical_json(outcome), content_type="application/json")
    except TransientFailure as error:
        world.log.warning("no word was left", job=job, reason=str(error))
    return {"partitions": len(repair.partitions), "changed": changed, "failed": len(failed)}


def _restate(world: World, table: Table, path: str) -> int:
    """How many versions were made."""
    if table.kind == "rollup":
        outcome = derive_rollup(world, table, path)
        world.log.info("rollup restated", table=table.name, partition=path, version=outcome.version)
        return int(isinstance(outcome, Committed))
    made = list(rebuild_table(world, table.name, path if table.kind == "fact" else None))
    for one in made:
        world.log.info("partition restated", table=one.table, partition=one.partition, version=one.version)
    return sum(one.changed for one in made)

"""From ingest objects to the warehouse: many objects of a batch, one commit per partition, a receipt per object.

What a crash leaves behind, a redelivery completes: commits recognise what they hold, derived tables what they were made
of, and the receipt is written last. An object that fails does not fail its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from core.contract.model import Table
from core.errors import StarmendError, UnknownTable
from core.landing.zone import landing_of
from processing.derived.dimensions import derive_dimension, derive_static
from processing.events import Told, told
from processing.ingest import Ingest, commit_parts, derive_all, grouped
from processing.plan import plan_source, static_tables
from processing.records.quarantine import write_quarantine
from processing.records.receipts import Receipt, write_receipt
from processing.records.sequence import newest_known, out_of_sequence, receipt_exists, remember_newest
from processing.report import receipt_of, report, report_failure, report_gone
from processing.services import World

AT_ONCE = 64  # objects whose receipts wait for each other


def process_messages(bodies: Mapping[str, str], world: World) -> list[str]:
    """Process what the messages (id -> body) tell of; returns the ids of those that have to be delivered again."""
    objects: dict[str, list[Told]] = {}
    failed: set[str] = set()
    for message, body in bodies.items():
        try:
            objects[message] = list(told(body))
        except StarmendError as error:
            world.log.error("message not understood", message_id=message, reason=str(error))
            failed.add(message)
    errors = process_objects([one for some in objects.values() for one in some], world)
    failed |= {
        message for message, some in objects.items() if any(_ours(one, world) and one.key in errors for one in some)
    }
    return [message for message in bodies if message in failed]


def process_objects(objects: Iterable[Told], world: World) -> Mapping[str, Exception]:
    """Process ingest objects; returns those that failed (key -> error), which may be processed again at any time.

    Keys that are no ingest objects are passed over. An object that is gone is a warning, for no retry brings it back.
    """
    errors: dict[str, Exception] = {}
    wanted: dict[str, bool] = {}
    for one in objects:
        if _ours(one, world):
            wanted[one.key] = one.again or wanted.get(one.key, False)
        else:
            world.log.info("no ingest object, passed over", bucket=one.bucket, object=one.key)
    every = list(wanted.items())
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        batch = [found for key, again in some if (found := _admit(key, again, world, errors))]
        with ThreadPoolExecutor(world.workers) as pool:
            _process(batch, world, pool)
        errors |= {one.landing.key: one.error for one in batch if one.error}
    return errors


def _ours(one: Told, world: World) -> bool:
    return one.bucket in ("", world.ingest_bucket) and landing_of(one.key) is not None


def _admit(key: str, again: bool, world: World, errors: dict[str, Exception]) -> Ingest | None:
    """The object if a contract promises it; rows that no contract promises are for a human to see."""
    landing = landing_of(key)
    assert landing is not None
    try:
        plan = plan_source(world.contracts.dataset(landing.dataset), landing.table)
    except KeyError as error:
        remedy = "Add it to a contract and deploy, or move the object away"
        errors[key] = UnknownTable("process", key, str(error.args[0]), remedy)
        world.log.error("object failed", object=key, outcome="failed", reason=str(errors[key]))
        world.metrics(landing.dataset).add("ObjectsFailed", 1)
        return None
    return Ingest(landing, plan, again, world.timer())


def _process(batch: Sequence[Ingest], world: World, pool: Executor) -> None:
    ensured = [pool.submit(_ensure, world, table) for table in static_tables(world.contracts)]
    for group in grouped(batch, world, pool):
        commit_parts(group, world, pool)
    derive_all(batch, world, pool, _derive)
    for one_ensured in ensured:
        one_ensured.result()
    _put_in_sequence([one for one in batch if one.done], world)
    finished = [(one, pool.submit(_finish, world, one)) for one in batch if one.done]
    for one, future in finished:
        try:
            report(world, one, future.result())
        except StarmendError as error:
            one.error = error
    for one in batch:
        if one.error is not None:
            report_failure(world, one, one.error)
        elif one.taken is None:
            report_gone(world, one)


def _derive(world: World, table: Table) -> None:
    context = world.context_of(world.contracts.dataset(table.dataset))
    derive_dimension(world.partitions, table, world.contracts, context=context)


def _ensure(world: World, table: Table) -> None:
    """A table that comes from the contract alone, once per process. It fails no object: the next one tries again."""
    if table.name in world.ensured:
        return
    try:
        derive_static(world.partitions, table, world.contracts)
        world.ensured.add(table.name)
    except StarmendError as error:
        world.log.error("table not derived", table=table.name, reason=str(error))
        world.metrics(table.dataset).add("TablesFailed", 1)


def _put_in_sequence(objects: Sequence[Ingest], world: World) -> None:
    """Tell which objects are out of sequence, and remember the newest of each table."""
    tables: dict[tuple[str, str], dict[int, Ingest]] = {}
    for one in objects:
        if one.landing.number is not None:
            tables.setdefault((one.landing.dataset, one.landing.table), {})[one.landing.number] = one
    for table, newest in newest_known(world, tables).items():
        some = tables[table]
        for number, expected in out_of_sequence(some, newest, has_receipt=_asker(world, some)).items():
            some[number].expected = expected
        if max(some) > newest:
            remember_newest(world, *table, max(some))


def _asker(world: World, some: Mapping[int, Ingest]) -> Callable[[int], bool]:
    def asked(number: int) -> bool:
        return receipt_exists(world, some[number].landing)

    return asked


def _finish(world: World, one: Ingest) -> Receipt:
    """The rejected lines to quarantine, and then, last of all, the receipt."""
    assert one.taken is not None
    receipt = receipt_of(one, world)
    write_quarantine(
        world.records,
        one.landing,
        one.taken.rejected,
        halted=bool(one.taken.halted),
        replace=one.again,
        now=world.now(),
    )
    write_receipt(world.records, one.landing, receipt)
    return receipt

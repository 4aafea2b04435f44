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
from processing.events import ObjectEvent, object_events
from processing.ingest import Ingest, commit_parts, derive_all, grouped
from processing.plan import plan_source, static_tables
from processing.records.quarantine import write_quarantine
from processing.records.receipts import Receipt, write_receipt
from processing.records.sequence import newest_known, out_of_sequence, receipt_exists, remember_newest
from processing.report import receipt_of, report, report_failure, report_gone
from processing.services import Services

AT_ONCE = 64  # objects whose receipts wait for each other


def process_messages(bodies: Mapping[str, str], services: Services) -> list[str]:
    """Process what the messages (id -> body) tell of; returns the ids of those that have to be delivered again."""
    objects: dict[str, list[ObjectEvent]] = {}
    failed: set[str] = set()
    for message, body in bodies.items():
        try:
            objects[message] = list(object_events(body))
        except StarmendError as error:
            services.log.error("message not understood", message_id=message, reason=str(error))
            failed.add(message)
    errors = process_objects([one for some in objects.values() for one in some], services)
    failed |= {
        message for message, some in objects.items() if any(_ours(one, services) and one.key in errors for one in some)
    }
    return [message for message in bodies if message in failed]


def process_objects(objects: Iterable[ObjectEvent], services: Services) -> Mapping[str, Exception]:
    """Process ingest objects; returns those that failed (key -> error), which may be processed again at any time.

    Keys that are no ingest objects are passed over. An object that is gone is a warning, for no retry brings it back.
    """
    errors: dict[str, Exception] = {}
    wanted: dict[str, bool] = {}
    for one in objects:
        if _ours(one, services):
            wanted[one.key] = one.again or wanted.get(one.key, False)
        else:
            services.log.info("no ingest object, passed over", bucket=one.bucket, object=one.key)
    every = list(wanted.items())
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        batch = [found for key, again in some if (found := _admit(key, again, services, errors))]
        with ThreadPoolExecutor(services.workers) as pool:
            _process(batch, services, pool)
        errors |= {one.landing.key: one.error for one in batch if one.error}
    return errors


def _ours(one: ObjectEvent, services: Services) -> bool:
    return one.bucket in ("", services.ingest_bucket) and landing_of(one.key) is not None


def _admit(key: str, again: bool, services: Services, errors: dict[str, Exception]) -> Ingest | None:
    """The object if a contract promises it; rows that no contract promises are for a human to see."""
    landing = landing_of(key)
    assert landing is not None
    try:
        plan = plan_source(services.contracts.dataset(landing.dataset), landing.table)
    except KeyError as error:
        remedy = "Add it to a contract and deploy, or move the object away"
        errors[key] = UnknownTable("process", key, str(error.args[0]), remedy)
        services.log.error("object failed", object=key, outcome="failed", reason=str(errors[key]))
        services.metrics(landing.dataset).add("ObjectsFailed", 1)
        return None
    return Ingest(landing, plan, again, services.timer())


def _process(batch: Sequence[Ingest], services: Services, pool: Executor) -> None:
    ensured = [pool.submit(_ensure, services, table) for table in static_tables(services.contracts)]
    for group in grouped(batch, services, pool):
        commit_parts(group, services, pool)
    derive_all(batch, services, pool, _derive)
    for one_ensured in ensured:
        one_ensured.result()
    _put_in_sequence([one for one in batch if one.done], services)
    finished = [(one, pool.submit(_finish, services, one)) for one in batch if one.done]
    for one, future in finished:
        try:
            report(services, one, future.result())
        except StarmendError as error:
            one.error = error
    for one in batch:
        if one.error is not None:
            report_failure(services, one, one.error)
        elif one.parsed is None:
            report_gone(services, one)


def _derive(services: Services, table: Table) -> None:
    context = services.context_of(services.contracts.dataset(table.dataset))
    derive_dimension(services.partitions, table, services.contracts, context=context)


def _ensure(services: Services, table: Table) -> None:
    """A table that comes from the contract alone, once per process. It fails no object: the next one tries again."""
    if table.name in services.ensured:
        return
    try:
        derive_static(services.partitions, table, services.contracts)
        services.ensured.add(table.name)
    except StarmendError as error:
        services.log.error("table not derived", table=table.name, reason=str(error))
        services.metrics(table.dataset).add("TablesFailed", 1)


def _put_in_sequence(objects: Sequence[Ingest], services: Services) -> None:
    """Tell which objects are out of sequence, and remember the newest of each table."""
    tables: dict[tuple[str, str], dict[int, Ingest]] = {}
    for one in objects:
        if one.landing.number is not None:
            tables.setdefault((one.landing.dataset, one.landing.table), {})[one.landing.number] = one
    for table, newest in newest_known(services, tables).items():
        some = tables[table]
        for number, expected in out_of_sequence(some, newest, has_receipt=_asker(services, some)).items():
            some[number].expected = expected
        if max(some) > newest:
            remember_newest(services, *table, max(some))


def _asker(services: Services, some: Mapping[int, Ingest]) -> Callable[[int], bool]:
    def asked(number: int) -> bool:
        return receipt_exists(services, some[number].landing)

    return asked


def _finish(services: Services, ingest: Ingest) -> Receipt:
    """The rejected lines to quarantine, and then, last of all, the receipt."""
    assert ingest.parsed is not None
    receipt = receipt_of(ingest, services)
    write_quarantine(
        services.records,
        ingest.landing,
        ingest.parsed.rejected,
        halted=bool(ingest.parsed.halted),
        replace=ingest.again,
        now=services.now(),
    )
    write_receipt(services.records, ingest.landing, receipt)
    return receipt

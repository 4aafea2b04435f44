"""Processing of ingest objects: many of them in a batch, one commit per partition, a receipt per object.

A redelivery completes what a crash left undone: a commit recognises rows that it holds, a derived table the inputs that
it was made of, and the receipt is written last. An object that fails does not fail the others of its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from core.contract.model import Table
from core.errors import PipelineBug, StarmendError, UnknownTable
from core.landing.zone import landing_of
from core.metrics import OBJECTS_FAILED, TABLES_FAILED
from processing.derived.dimensions import derive_dimension, derive_static
from processing.events import ObjectEvent, object_events
from processing.ingest import REPORT, Ingest, commit_parts, derive_all, described, grouped
from processing.plan import plan_beside, plan_source, static_tables
from processing.records.quarantine import write_quarantine
from processing.records.receipts import Receipt, halted_before, note_halt, read_receipt, write_receipt
from processing.records.sequence import newest_known, out_of_sequence, receipt_exists, remember_newest
from processing.report import receipt_of, report, report_failure, report_gone
from processing.services import Services

AT_ONCE = 64  # objects whose receipts wait for each other


def process_messages(bodies: Mapping[str, str], services: Services) -> list[str]:
    """Process the objects that messages (id -> body) name; returns the ids of those that have to be delivered again."""
    objects: dict[str, list[ObjectEvent]] = {}
    failed: set[str] = set()
    for message, body in bodies.items():
        try:
            objects[message] = list(object_events(body))
        except StarmendError as error:
            services.log.error("message not understood", message_id=message, reason=str(error))
            failed.add(message)
    errors = process_objects([event for events in objects.values() for event in events], services)
    failed |= {
        message
        for message, events in objects.items()
        if any(_is_ingest(event, services) and event.key in errors for event in events)
    }
    return [message for message in bodies if message in failed]


def process_objects(objects: Iterable[ObjectEvent], services: Services) -> Mapping[str, Exception]:
    """Process ingest objects; returns those that failed (key -> error), which may be processed again at any time.

    Keys that are no ingest objects are passed over. An object that is gone is a warning, for no retry brings it back.
    """
    errors: dict[str, Exception] = {}
    wanted: dict[str, None] = {}
    for event in objects:
        if _is_ingest(event, services):
            wanted[event.key] = None
        else:
            services.log.info("no ingest object, passed over", bucket=event.bucket, object=event.key)
    every = list(wanted)
    for start in range(0, len(every), AT_ONCE):
        keys = every[start : start + AT_ONCE]
        batch = [ingest for key in keys if (ingest := _admit(key, services, errors))]
        with ThreadPoolExecutor(services.workers) as pool:
            _process(batch, services, pool)
        errors |= {ingest.landing.key: ingest.error for ingest in batch if ingest.error}
    return errors


def _is_ingest(event: ObjectEvent, services: Services) -> bool:
    return event.bucket in ("", services.ingest_bucket) and landing_of(event.key) is not None


def _admit(key: str, services: Services, errors: dict[str, Exception]) -> Ingest | None:
    """The object if a contract names its table; else it is an error that a human must see."""
    landing = landing_of(key)
    if landing is None:
        raise PipelineBug("process", key, "is no key of an ingest object", REPORT)
    try:
        contract = services.contracts.dataset(landing.dataset)
        plan = plan_source(contract, landing.table)
    except KeyError as error:
        remedy = "Add it to a contract and deploy, or move the object away"
        errors[key] = UnknownTable("process", key, str(error.args[0]), remedy)
        services.log.error("object failed", object=key, outcome="failed", reason=str(errors[key]))
        services.metrics(landing.dataset).add(OBJECTS_FAILED, 1)
        return None
    beside = plan_beside(contract, landing.table, now=int(services.now().timestamp()))
    return Ingest(landing, plan, services.timer(), beside)


def _process(batch: Sequence[Ingest], services: Services, pool: Executor) -> None:
    ensured = [pool.submit(_ensure, by, table) for by, table in _static_tables(services)]
    for group in grouped(batch, services, pool):
        commit_parts(group, services, pool)
    derive_all(batch, services, pool, _derive)
    for table in ensured:
        table.result()
    _check_sequence([ingest for ingest in batch if ingest.done], services)
    finished = [(ingest, pool.submit(_finish, services, ingest)) for ingest in batch if ingest.done]
    for ingest, receipt in finished:
        try:
            report(services, ingest, receipt.result())
        except Exception as error:  # noqa: BLE001 - whatever it is, the others have their receipts
            ingest.error = described(error, "write receipt", ingest.landing.key)
    for ingest in batch:
        if ingest.error is not None:
            report_failure(services, ingest, ingest.error)
        elif ingest.parsed is None:
            report_gone(services, ingest)


def _derive(services: Services, table: Table) -> None:
    context = services.context_of(services.contracts.dataset(table.dataset))
    derive_dimension(services.partitions, table, services.contracts, context=context)


def _static_tables(services: Services) -> Iterator[tuple[Services, Table]]:
    """The tables from the contracts alone, with the services by whose contracts they are made."""
    own = static_tables(services.contracts)
    yield from ((services, table) for table in own)
    folders = {table.folder for table in own}
    for contract in services.contracts:
        if by := services.beside(contract.dataset):
            yield from ((by, table) for table in static_tables(by.contracts) if table.folder not in folders)


def _ensure(services: Services, table: Table) -> None:
    """Make a table that comes from the contract alone, once per process. A failure fails no object."""
    if table.folder in services.ensured:
        return
    try:
        derive_static(
            services.partitions, table, services.promises(table.dataset), commit_context=services.commit_context
        )
        services.ensured.add(table.folder)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no object's
        services.log.error("table not derived", table=table.name, reason=str(described(error, "derive", table.name)))
        services.metrics(table.dataset).add(TABLES_FAILED, 1)


def _check_sequence(objects: Sequence[Ingest], services: Services) -> None:
    """Mark the objects that are out of sequence, and remember the newest of each table."""
    tables: dict[tuple[str, str], dict[int, Ingest]] = {}
    for ingest in objects:
        if ingest.landing.number is not None:
            tables.setdefault((ingest.landing.dataset, ingest.landing.table), {})[ingest.landing.number] = ingest
    for table, newest in newest_known(services, tables).items():
        by_number = tables[table]
        try:
            wrong = out_of_sequence(by_number, newest, has_receipt=_asker(services, by_number))
        except Exception as error:  # noqa: BLE001 - a warning is lost, no object
            services.log.warning("the sequence is not known", dataset=table[0], table=table[1], error=str(error))
            continue
        for number, expected in wrong.items():
            by_number[number].expected = expected
        if max(by_number) > newest:
            remember_newest(services, *table, max(by_number))


def _asker(services: Services, by_number: Mapping[int, Ingest]) -> Callable[[int], bool]:
    def has_receipt(number: int) -> bool:
        return receipt_exists(services, by_number[number].landing)

    return has_receipt


def _finish(services: Services, ingest: Ingest) -> Receipt:
    """Write the rejected lines to quarantine and then, last of all, the receipt.

    The quarantine is looked at where no line is bad, too: another object may have lain under this key, and its
    processing may have been cut between its bad lines and its receipt.
    """
    receipt, content = receipt_of(ingest, services), ingest.content
    if content.halted:
        receipt = halted_before(read_receipt(services.records, ingest.landing), receipt)
        note_halt(services.records, ingest.landing, now=services.now())
    write_quarantine(
        services.records, ingest.landing, content.rejected, halted=bool(content.halted), now=services.now()
    )
    write_receipt(services.records, ingest.landing, receipt)
    return receipt

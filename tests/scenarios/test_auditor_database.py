"""The auditor heals the tables of a database: harm of every kind is found, healed and certified by the same steps."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.chaos.mutations import contracts_in_parts, run_mutations
from tests.support.database_simulation import DATASET, DatabaseSimulation, database_simulation
from tests.support.sources import source
from tests.support.vandal import Vandal

from auditor.databases.memory import change_memory, memory_key
from auditor.databases.rows.targets import Slice, slices_of, targets_of
from auditor.evidence.completeness import COMPLETENESS, completeness_key
from auditor.evidence.results import AuditResult, WindowResult
from auditor.run_files import read_run_file
from auditor.standing.reading import read_standing
from auditor.standing.standing import DatasetStanding, Verdict, verdict
from auditor.state import state_key
from auditor.stories.story import Story
from auditor.stories.tell import tell
from core.audit.findings import DeletedRows, OrphanKeys
from core.audit.repair_jobs import FetchRows
from core.contract.model import HASH, HASH_LIST, Table
from core.errors import TransientFailure
from core.landing.ingest_objects import RepairObject
from core.landing.whereabouts import repair_name
from core.time import format_instant
from core.warehouse.pointer import pointer_key
from ingestion.engines.postgresql.table import PostgresTable
from processing.partitions.commit import CommitContext, restate
from processing.partitions.rollback import held_by, release, rollback

pytestmark = pytest.mark.database


def kinds(findings: list[Any]) -> set[str]:
    return {finding.kind for finding in findings}


def rows_of(simulation: DatabaseSimulation, table: str, key: str, number: int) -> list[dict[str, Any]]:
    return [row for row in simulation.lake.rows(table) if row[key] == number]


def test_mutations_of_every_kind_are_healed_and_none_is_invented_while_the_source_is_written_to() -> None:
    """``make chaos`` makes a thousand."""
    tally = run_mutations(batches=1, seed=20261121, per_batch=24, sales_orders=72)
    assert tally.faults == []
    assert not tally.missed
    assert (tally.made, tally.found, tally.healed, tally.invented) == (24, 24, 24, 0)


def test_a_pointer_lost_after_one_commit_costs_no_superseded_version_of_a_row() -> None:
    """A month has several partitions here: of the rows alone nothing tells which of them lost its pointer."""
    fact, key = "fact_sales_order", 7
    with source(sales_orders=20, seed=7) as database:
        simulation = DatabaseSimulation(database, contracts=contracts_in_parts(3), seed=7)
        try:
            simulation.extract(process=False)
            simulation.run(
                "update sales_order set last_updated = timezone('UTC', now()) where sales_order_id = %s", key
            )
            simulation.extract(process=False)
            simulation.deliver()
            simulation.heal()
            [path] = {
                path
                for path in simulation.lake.paths(fact)
                if key in simulation.lake.snapshot(fact, path).table.column("sales_order_id").to_pylist()
            }
            before = simulation.lake.snapshot(fact, path)
            versions = rows_of(simulation, fact, "sales_order_id", key)
            assert (before.version, len(versions)) == (1, 2)
            simulation.lake.partitions.delete([pointer_key(f"{fact}/{path}")])
            simulation.heal(run="lost")
            assert [each.partition for each in simulation.findings("lost") if each.kind == "broken_object"] == [path]
            assert simulation.lake.snapshot(fact, path).table.equals(before.table)
            assert simulation.agree() == []
        finally:
            simulation.close()


def test_a_row_dropped_while_its_own_object_is_in_doubt_comes_back_with_the_object() -> None:
    """Found by a seed: the audit then looks at no version of that object's, and names the object alone."""
    with database_simulation(sales_orders=20) as simulation:
        assert simulation.heal()["audit"]["healthy"]
        vandal = Vandal(simulation, seed=0)
        simulation.run("update sales_order set last_updated = timezone('UTC', now()) where sales_order_id = 7")
        simulation.extract()
        newest = max(simulation.ingest_keys("tables/sales/sales_order/"))
        (row,) = [row for row in rows_of(simulation, "fact_sales_order", "sales_order_id", 7) if row["is_latest"]]
        path = f"month={row['created_at']:%Y-%m}"
        dropped = vandal.drop_row("fact_sales_order", path, 7)
        vandal.forget_receipt(newest)
        simulation.heal(run="first")
        first = simulation.findings("first")
        assert "unprocessed_object" in kinds(first)
        assert not kinds(first) & {"missing_row", "stale_row"}
        assert any(dropped.named(finding) for finding in first)
        assert [row for row in rows_of(simulation, "fact_sales_order", "sales_order_id", 7) if row["is_latest"]] == [
            row
        ]
        assert simulation.agree() == []
        assert simulation.audited() == []


def test_a_clean_run_writes_no_fact_no_version_no_object_and_no_mail() -> None:
    with database_simulation() as simulation:
        first = simulation.heal()
        assert first["audit"]["healthy"]
        assert first["certify"]["certificates"] > 0
        versions, objects = simulation.lake.versions(), simulation.ingest_keys("")
        again = simulation.heal()
        assert again["certify"]["certificates"] == 0
        assert "plan" not in again
        assert simulation.lake.versions() == versions
        assert simulation.ingest_keys("") == objects
        assert simulation.mail.sent == []


def test_a_row_that_the_source_deleted_is_marked_and_kept_and_one_that_comes_back_outranks_the_mark() -> None:
    with database_simulation() as simulation:
        (number, *others) = simulation.changes.delete_rows("payment", 1)["payment"]
        assert others == []
        (before,) = rows_of(simulation, "fact_payment", "payment_id", number)
        simulation.heal(run="first")
        (finding,) = simulation.findings("first")
        assert isinstance(finding, DeletedRows)
        assert finding.keys == ((number,),)
        (marked,) = rows_of(simulation, "fact_payment", "payment_id", number)
        assert marked["deleted_at"] is not None
        assert marked["deleted_at"] == marked["checked_at"]
        assert not marked["is_latest"]
        added = {"deleted_at", "checked_at", "is_latest"}
        assert {name: version for name, version in marked.items() if name not in added} == {
            name: version for name, version in before.items() if name not in added
        }
        assert simulation.audited() == []
        simulation.run(
            "insert into payment (payment_id, created_at, last_updated, transaction_id, counterparty_id,"
            " payment_amount, currency_id, payment_type_id, paid, payment_date, company_ac_number,"
            " counterparty_ac_number) select %s, created_at, last_updated, transaction_id, counterparty_id,"
            " payment_amount, currency_id, payment_type_id, paid, payment_date, company_ac_number,"
            " counterparty_ac_number from payment order by payment_id limit 1",
            number,
        )
        simulation.heal(run="second")
        assert "missing_row" in kinds(simulation.findings("second"))
        assert simulation.agree() == []
        assert simulation.audited() == []


def test_a_deleted_dimension_row_leaves_the_dimension_and_stays_in_the_current_state() -> None:
    with database_simulation() as simulation:
        used = simulation.run("select distinct design_id from sales_order")
        (number,) = simulation.run(
            "insert into design (design_name, file_location, file_name, created_at, last_updated)"
            " values ('Spare', '/srv', 'spare.json', timezone('UTC', now()), timezone('UTC', now()))"
            " returning design_id"
        )[0]
        assert [number] not in used
        simulation.extract()
        assert rows_of(simulation, "dim_design", "design_id", number)
        simulation.run("delete from design where design_id = %s", number)
        simulation.heal()
        assert not rows_of(simulation, "dim_design", "design_id", number)
        (kept,) = [
            row
            for name, rows in simulation.all_current("design")
            for row in rows
            if name == "_current/design" and row["design_id"] == number
        ]
        assert kept["design_name"] == "Spare"
        assert kept["deleted_at"] is not None
        assert simulation.audited() == []


def test_a_row_that_was_set_back_is_the_current_one_until_it_is_written_again() -> None:
    with database_simulation() as simulation:
        ((number, was),) = simulation.run("select sales_order_id, last_updated from sales_order order by 1 limit 1")
        simulation.run(
            "update sales_order set units_sold = 7777, last_updated = last_updated - interval '3 days'"
            " where sales_order_id = %s",
            number,
        )
        simulation.heal()
        (latest,) = [
            row for row in rows_of(simulation, "fact_sales_order", "sales_order_id", number) if row["is_latest"]
        ]
        assert (latest["units_sold"], latest["last_updated"]) == (7777, was - timedelta(days=3))
        simulation.run(
            "update sales_order set units_sold = 8888, last_updated = timezone('UTC', now()) where sales_order_id = %s",
            number,
        )
        simulation.extract()
        (latest,) = [
            row for row in rows_of(simulation, "fact_sales_order", "sales_order_id", number) if row["is_latest"]
        ]
        assert latest["units_sold"] == 8888
        assert simulation.audited() == []


def test_a_late_commit_below_the_watermark_is_found_as_missing_and_fetched_outside_the_sequence() -> None:
    with database_simulation() as simulation:
        simulation.changes.insert_orders(1)
        simulation.extract()
        sequence = simulation.ingest_keys()
        old = datetime.now().astimezone() - timedelta(days=1)
        touched = simulation.changes.insert_orders(2, at=old)  # an application that writes old times
        simulation.extract()
        assert simulation.ingest_keys() == sequence
        answers = simulation.heal(run="late")
        assert answers["audit"]["missing"] == 6
        assert answers["verify"]["healthy"]
        for table, rows in touched.items():
            assert any(
                isinstance(job, FetchRows) and job.table == table and {key for (key,) in job.keys} == set(rows)
                for job in simulation.jobs("late")
            )
        assert simulation.ingest_keys() == sequence
        assert simulation.ingest_keys("repair/")
        assert simulation.agree() == []


def test_a_hole_that_s3_cannot_fill_is_extracted_again_and_not_found_twice() -> None:
    with database_simulation() as simulation:
        simulation.changes.insert_orders(3)
        simulation.extract()
        simulation.changes.insert_orders(3)
        simulation.loses_event = lambda key: key == "tables/sales/sales_order/000000000003.jsonl.gz"
        simulation.extract()
        simulation.changes.insert_orders(1)
        simulation.extract()
        simulation.deleted_objects.delete("tables/sales/sales_order/000000000003.jsonl.gz", for_good=True)
        assert len(simulation.agree()) == 3
        answers = simulation.heal(run="hole")
        assert [finding.number for finding in simulation.findings("hole") if finding.kind == "missing_object"] == [3]
        assert answers["verify"]["healthy"]
        assert simulation.agree() == []
        assert simulation.mail.sent == []
        assert simulation.audited() == []


def test_a_deleted_row_is_marked_although_a_broken_line_lies_beside_it() -> None:
    with database_simulation() as simulation:
        key = "tables/sales/sales_order/000000000001.jsonl.gz"
        stored = simulation.lake.ingest.read(key)
        assert stored is not None
        row = json.loads(gzip.decompress(stored.body).splitlines()[0])
        seen = datetime.now().astimezone()
        line = json.dumps({**row, "sales_order_id": 900_001, "checked_at": format_instant(seen)}).encode()
        name = RepairObject("sales", "sales_order", repair_name(seen, "two-lines")).key
        simulation.lake.ingest.write(name, gzip.compress(b'{"sales_order_id": \n' + line + b"\n"))
        simulation.deliver()
        assert rows_of(simulation, "fact_sales_order", "sales_order_id", 900_001)
        simulation.heal()
        (marked,) = rows_of(simulation, "fact_sales_order", "sales_order_id", 900_001)
        assert marked["deleted_at"] is not None
        assert simulation.agree() == []


@pytest.mark.parametrize("is_heard", [True, False])
def test_other_bytes_in_the_place_of_a_processed_object_are_found_until_the_version_that_was_taken_is_back(
    is_heard: bool,
) -> None:
    with database_simulation(sales_orders=20) as simulation:
        assert simulation.heal()["audit"]["healthy"]
        key = min(simulation.ingest_keys("tables/sales/sales_order/"))
        taken = simulation.lake.ingest.read(key)
        assert taken is not None
        simulation.ahead = timedelta(days=40)
        simulation.loses_event = lambda _: not is_heard
        simulation.lake.ingest.write(key, b"not what it was", metadata=taken.stat.metadata)
        simulation.deliver()
        simulation.heal(run="altered")  # what nobody heard of is processed again first, and halts then
        simulation.heal(run="after")
        for run, attempt in (("altered", 0 if is_heard else 1), ("after", 0)):
            halts = [each for each in simulation.findings(run, attempt) if each.kind == "halted_object"]
            assert [halt.key for halt in halts] == [key]
            assert "changed since" in halts[0].reason
        assert [subject for subject, _ in simulation.mail.sent if "stand halted" in subject] == [
            subject for subject, _ in simulation.mail.sent
        ]
        assert len(simulation.mail.sent) == 1
        assert simulation.agree() == []
        simulation.lake.ingest.write(key, taken.body, metadata=taken.stat.metadata)
        simulation.deliver()
        if is_heard:
            assert simulation.audited() == []
        simulation.heal()
        assert simulation.audited() == []


def test_parameters_are_not_judged_while_the_newest_object_is_lost() -> None:
    with database_simulation() as simulation:
        simulation.heal()
        before = dict(simulation.lake.parameters.values)
        simulation.deleted_objects.delete("tables/sales/currency/000000000001.jsonl.gz")
        simulation.heal(run="lost")
        assert kinds(simulation.findings("lost")) == {"lost_object"}
        assert simulation.findings("lost", 1) == []
        assert simulation.lake.parameters.values == before


def test_a_lost_event_is_heard_of_again_and_a_dead_letter_has_one_more_chance() -> None:
    with database_simulation() as simulation:
        lost = "tables/sales/design/000000000002.jsonl.gz"
        simulation.loses_event = lambda key: key == lost
        simulation.changes.insert_orders_with_new_parents(1)
        simulation.extract()
        simulation.dead_letters.messages["abc"] = '{"objects": ["tables/sales/design/000000000002.jsonl.gz"]}'
        answers = simulation.heal(run="letters")
        assert {"unprocessed_object", "dead_letter"} <= kinds(simulation.findings("letters"))
        assert answers["verify"]["healthy"]
        assert simulation.dead_letters.messages == {}
        assert simulation.agree() == []
        simulation.dead_letters.messages["abc"] = '{"objects": ["tables/sales/design/000000000002.jsonl.gz"]}'
        assert simulation.audited() == []
        assert simulation.dead_letters.messages


def test_an_orphan_waits_for_its_parent_and_the_admins_hear_once_that_the_source_has_none() -> None:
    with database_simulation(settings={"complete_within": 0}) as simulation:
        simulation.changes.insert_orphans(2)
        simulation.extract()
        simulation.heal(run="first")
        (finding,) = simulation.findings("first", 1)
        assert isinstance(finding, OrphanKeys)
        assert (finding.column, finding.rows) == ("design_id", 2)
        simulation.heal()
        (mail,) = simulation.mail.sent
        assert "sales" in mail[0]
        assert finding.keys[0] in mail[1]
        simulation.changes.adopt()
        simulation.extract()
        answers = simulation.heal()
        assert answers["audit"]["healthy"]
        assert answers["conclude"]["recovered"] == ["orphan_key"]


def fact_windows(simulation: DatabaseSimulation, run: str) -> list[WindowResult]:
    """The windows that have orders, as the run's first scan saw them."""
    result = AuditResult.from_data(read_run_file(simulation.lake.records, run, "audit-0"))
    return [window for window in result.windows if window.subject == "fact_sales_order" and window.counts["expected"]]


def test_no_window_is_certified_while_nobody_knows_the_parents_of_its_rows() -> None:
    """An orphan was passed over while its dimension was broken, and its month certified for good."""
    with database_simulation(settings={"complete_within": 0}) as simulation:
        assert simulation.heal()["audit"]["healthy"]
        orphan = Vandal(simulation, seed=0).orphan()
        assert orphan
        simulation.lake.partitions.delete([pointer_key("dim_design")])
        assert "orphan_key" not in kinds(simulation.audited(run="broken"))
        windows = fact_windows(simulation, "broken")
        assert windows
        assert all("unknown_parent" in window.touched_by and not window.whole for window in windows)
        simulation.heal(run="mended")
        assert any(orphan.named(finding) for look in (0, 1) for finding in simulation.findings("mended", look))


def test_a_row_whose_parent_may_be_on_its_way_is_no_orphan_and_its_window_is_not_certified_yet() -> None:
    with database_simulation(settings={"complete_within": 86_400}) as simulation:
        assert simulation.heal()["audit"]["healthy"]
        simulation.changes.insert_orphans(1)
        simulation.extract()
        assert simulation.audited(run="awaited") == []
        *older, newest = fact_windows(simulation, "awaited")
        assert newest.touched_by == ("awaited_parent",)
        assert all(window.whole for window in older)
        simulation.changes.adopt()
        simulation.extract()
        assert simulation.audited(run="come") == []
        assert not any(window.touched_by for window in fact_windows(simulation, "come"))


def test_a_parent_that_only_the_source_has_is_fetched_by_its_key() -> None:
    with database_simulation(settings={"complete_within": 0}) as simulation:
        simulation.changes.insert_orphans(1)
        simulation.changes.adopt(at=datetime.now().astimezone() - timedelta(days=2))  # below the watermark of designs
        simulation.extract()
        answers = simulation.heal(run="parent")
        assert answers["verify"]["healthy"]
        assert simulation.agree() == []
        assert simulation.mail.sent == []


def _standing(simulation: DatabaseSimulation) -> tuple[DatasetStanding, Verdict]:
    now = int(simulation.now().timestamp())
    standing = read_standing(simulation.lake.records, simulation.contract, now=now)
    return standing, verdict([standing])


def _row_of(simulation: DatabaseSimulation, part: Slice) -> dict[str, Any]:
    prefix = completeness_key(DATASET, part.start, subject=part.table).removesuffix(".json")
    (key,) = [info.key for info in simulation.lake.records.list(COMPLETENESS) if info.key.startswith(prefix)]
    stored = simulation.lake.records.read(key)
    assert stored
    return json.loads(stored.body)  # type: ignore[no-any-return]


def test_a_partition_that_is_held_is_neither_complete_nor_certified_until_it_is_released() -> None:
    """It was left out of the comparison, and so its month stood complete and certified as it was before."""
    with database_simulation(settings={"complete_within": 0}) as simulation:
        simulation.heal()
        simulation.changes.update_orders(20)
        simulation.changes.insert_orders(5)
        simulation.extract()
        simulation.heal()
        assert _standing(simulation)[1].complete
        table = simulation.contracts.table("fact_sales_order")
        (target,) = [each for each in targets_of(simulation.contract) if each.table.name == table.name]
        path = min(path for path in simulation.lake.paths(table.name) if _version(simulation, table.name, path) > 1)
        (part,) = slices_of(target, path)
        assert _row_of(simulation, part)["status"] == "certified"
        partitions, context = simulation.lake.partitions, CommitContext("test")
        hold = held_by("under review", by="user/ann", since="2026-11-30T12:00:00Z")
        rollback(partitions, table, path, to=1, hold=hold, context=context)
        versions = simulation.lake.versions()
        answers = simulation.heal(run="held")
        assert kinds(simulation.findings("held")) == {"held_partition"}
        assert answers["audit"]["healthy"]
        assert simulation.lake.versions() == versions
        assert simulation.mail.sent == []
        row = _row_of(simulation, part)
        text = f"fact_sales_order/{path} is held: under review (by user/ann, since 2026-11-30T12:00:00Z)"
        assert (row["status"], row["reason"], row["certificate"]) == ("held", text, None)
        assert row["missing"] > 0
        standing, said = _standing(simulation)
        assert not said.complete
        assert text in said.text
        (orders,) = [each for each in standing.tables if each.table == "sales_order"]
        assert orders.held == (text,)
        assert (orders.complete_until or 0) <= part.start
        story = _story_of_a_row(simulation, table, path)
        assert text in story.sentence
        assert "certified" not in story.sentence
        assert story.next[0].endswith(f"until: starmend rollback fact_sales_order {path} --release")
        release(partitions, table, path, context=context)
        simulation.heal()
        simulation.heal()
        assert simulation.agree() == []
        assert _row_of(simulation, part)["status"] == "certified"
        assert _standing(simulation)[1].complete
        assert simulation.verified() == []


def test_a_partition_that_is_broken_and_cannot_be_made_again_is_not_certified_as_it_was() -> None:
    with database_simulation(settings={"complete_within": 0}) as simulation:
        simulation.changes.insert_orders(1)
        simulation.extract()
        simulation.heal()
        (target,) = [each for each in targets_of(simulation.contract) if each.table.name == "fact_sales_order"]
        path = min(simulation.lake.paths("fact_sales_order"))
        (part,) = slices_of(target, path)
        assert _row_of(simulation, part)["status"] == "certified"
        for key in sorted(simulation.ingest_keys("tables/sales/sales_order/"))[:-1]:
            simulation.deleted_objects.delete(key, for_good=True)
        simulation.lake.partitions.delete([pointer_key(f"fact_sales_order/{path}")])
        simulation.heal(run="broken", start="2015-01-01T00:00:00Z", end="2027-01-01T00:00:00Z")
        assert "broken_object" in kinds(simulation.findings("broken"))
        row = _row_of(simulation, part)
        assert (row["status"], row["certificate"], row["present"]) == ("alarmed", None, 0)
        assert row["missing"] == row["expected"] > 0
        standing, said = _standing(simulation)
        assert not said.complete
        (orders,) = [each for each in standing.tables if each.table == "sales_order"]
        assert (orders.complete_until or 0) <= part.start


def test_a_month_that_commits_touched_is_compared_by_the_next_audit_and_not_when_the_sweep_comes_by() -> None:
    """Its certificate stood, and its rows were others: ``verify`` failed for days."""
    with database_simulation(settings={"complete_within": 0, "sweep": 10**9}) as simulation:
        simulation.heal(start="2015-01-01T00:00:00Z", end="2027-01-01T00:00:00Z")
        simulation.heal()
        assert simulation.verified() == []
        simulation.changes.update_orders(40)
        simulation.extract()
        assert simulation.verified() != []
        simulation.heal()
        assert simulation.verified() == []
        table = simulation.contracts.table("fact_sales_order")
        path = min(path for path in simulation.lake.paths(table.name) if _version(simulation, table.name, path) > 1)
        rollback(simulation.lake.partitions, table, path, to=1, hold="why", context=CommitContext("test"))
        simulation.heal(run="held")
        assert kinds(simulation.findings("held")) == {"held_partition"}


def test_a_broken_pointer_is_found_though_nothing_of_its_table_is_known_to_be_processed() -> None:
    """The object waited for the pointer, and the pointer for the object: no audit of either was over."""
    with database_simulation(settings={"complete_within": 0}) as simulation:
        simulation.heal()
        path = simulation.lake.paths("fact_sales_order")[0]
        records, parameters = simulation.lake.records, simulation.lake.parameters
        receipts = [info.key for info in records.list("receipts/dataset=sales/source_table=sales_order")]
        records.delete([*receipts, memory_key(DATASET), state_key(DATASET)])
        for table in simulation.tables:
            del parameters.values[simulation.names.timestamp(table)]
            del parameters.values[simulation.names.sequential_id(table)]
        simulation.lake.partitions.objects[pointer_key(f"fact_sales_order/{path}")] = b"garbage"
        answers = simulation.heal()
        assert answers["audit"]["kinds"].keys() >= {"broken_object", "unprocessed_object", "wrong_parameter"}
        assert answers["verify"]["healthy"]
        assert simulation.mail.sent == []
        assert simulation.agree() == []


def test_a_database_that_is_down_is_no_success_although_nothing_was_extracted_of_it_yet() -> None:
    with source(sales_orders=4, seed=7) as database:
        simulation = DatabaseSimulation(database, seed=7)
        try:
            assert simulation.heal()["audit"]["windows"] == 0

            def down(_: Mapping[str, Any]) -> Mapping[str, Any]:
                raise TransientFailure("connect", "sales-db", "it does not answer")

            simulation._ask = down  # type: ignore[method-assign]
            with pytest.raises(TransientFailure, match="does not answer"):
                simulation.heal()
        finally:
            simulation.close()


def test_a_month_whose_pointer_is_gone_is_made_again_by_the_next_audit_and_not_when_the_sweep_comes_by() -> None:
    """Readers took it for a month without rows, while every row of ``completeness`` said certified."""
    with database_simulation(settings={"complete_within": 0, "sweep": 10**9}) as simulation:
        simulation.heal(start="2015-01-01T00:00:00Z", end="2027-01-01T00:00:00Z")
        simulation.heal()
        partitions = simulation.lake.partitions
        for path in sorted(simulation.lake.paths("fact_sales_order"))[:2]:
            partitions.delete([pointer_key(f"fact_sales_order/{path}")])
        assert simulation.agree() != []
        simulation.heal(run="gone")
        assert simulation.findings("gone") != []
        assert simulation.agree() == []
        assert simulation.verified() == []


def test_a_row_of_next_month_that_the_source_deletes_is_seen_by_the_next_audit_and_not_next_month() -> None:
    """A booking: readers counted it, no window held it, and nothing but a commit to its month had it compared."""
    with database_simulation(settings={"complete_within": 0}) as simulation:
        simulation.run(
            "insert into sales_order select (jsonb_populate_record(known, jsonb_build_object('sales_order_id', 900000,"
            " 'created_at', date_trunc('month', timezone('UTC', now())) + interval '1 month 3 days',"
            " 'last_updated', timezone('UTC', now())))).* from sales_order as known where sales_order_id = 7"
        )
        simulation.extract()
        simulation.heal()
        simulation.heal()
        (row,) = rows_of(simulation, "fact_sales_order", "sales_order_id", 900000)
        assert row["is_latest"]
        _pass_over_what_was_touched(simulation)
        simulation.run("delete from sales_order where sales_order_id = 900000")
        simulation.heal(run="deleted")
        assert "deleted_row" in kinds(simulation.findings("deleted"))
        assert simulation.agree() == []


def _pass_over_what_was_touched(simulation: DatabaseSimulation) -> None:
    """Let audits remember that they have just looked: no commit came since, however close together the test runs."""
    records = simulation.lake.records
    change_memory(records, DATASET, lambda memory: replace(memory, swept_at=memory.swept_at + 3600))


def test_a_dimension_that_is_held_stays_as_it_is_and_its_rows_are_not_certified() -> None:
    with database_simulation(settings={"complete_within": 0}) as simulation:
        simulation.heal()
        simulation.run("update staff set last_name = last_name || 'x'")
        simulation.extract()
        simulation.heal()
        partitions, context = simulation.lake.partitions, CommitContext("test")
        table = simulation.contracts.table("dim_staff")
        rollback(partitions, table, "", to=1, hold="under review", context=context)
        simulation.run("update staff set last_name = last_name || 'y'")
        simulation.extract()
        simulation.heal(run="held")
        assert simulation.lake.snapshot("dim_staff", "").footer.hold == "under review"
        _, said = _standing(simulation)
        assert not said.complete
        assert "dim_staff is held: under review" in said.text
        release(partitions, table, "", context=context)
        simulation.heal()
        simulation.heal()
        assert simulation.agree() == []
        assert _standing(simulation)[1].complete


def _story_of_a_row(simulation: DatabaseSimulation, table: Table, path: str) -> Story:
    row = simulation.lake.snapshot(table.name, path).table.to_pylist()[0]
    return tell(simulation.services(), table, {"sales_order_id": str(row["sales_order_id"])})


def _version(simulation: DatabaseSimulation, table: str, path: str) -> int:
    return simulation.lake.snapshot(table, path).version


def test_certificates_of_tables_are_proven_from_the_objects_alone() -> None:
    with database_simulation() as simulation:
        simulation.heal()
        assert simulation.verified() == []
        table = simulation.contracts.table("fact_payment")
        path = simulation.lake.paths(table.name)[0]
        key = simulation.lake.snapshot(table.name, path).key
        simulation.lake.partitions.objects[key] = simulation.lake.partitions.objects[key][:-9]
        assert any(problem.startswith(f"fact_payment/{path}") for problem in simulation.verified())
        simulation.heal()
        assert simulation.verified() == []


def test_the_sweep_goes_on_where_it_stopped_until_all_history_came_round() -> None:
    with database_simulation(settings={"sweep": 5 * 300}) as simulation:  # five runs' worth
        seen: list[set[tuple[str, str]]] = []
        for number in range(7):
            simulation.asked.clear()
            simulation.heal(now=(simulation.now() + timedelta(minutes=5 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"))
            seen.append(
                {
                    (question["table"], span.get("start", ""))
                    for question in simulation.asked
                    for span in question.get("spans", ())
                }
            )
        slices = {(table, start) for spans in seen for table, start in spans if start}
        assert len(slices) > 3 * 24
        assert max(len(spans) for spans in seen) < len(slices) / 2


def test_a_row_that_the_contract_refuses_is_fetched_once_and_again_only_when_it_changes() -> None:
    with database_simulation(sales_orders=10, seed=8) as simulation:
        simulation.run("update sales_order set units_sold = 0 where sales_order_id = 3")
        first = simulation.heal(run="first")
        assert kinds(simulation.findings("first")) == {"changed_row"}
        assert first["verify"]["kinds"] == {"refused_row": 1}
        (refused,) = [finding for finding in simulation.findings("first", 1) if finding.kind == "refused_row"]
        assert refused.keys == ((3,),)
        assert "units_sold" in refused.reasons[0]
        fetched = len(simulation.ingest_keys("repair/"))
        again = simulation.heal(run="again")
        assert again["audit"]["kinds"] == {"refused_row": 1}
        assert len(simulation.ingest_keys("repair/")) == fetched
        assert simulation.jobs("again") == []
        assert sum("the contract refuses rows" in text for text in simulation.mail.texts) == 1
        simulation.run("update sales_order set units_sold = 9 where sales_order_id = 3")
        healed = simulation.heal(run="healed")
        assert healed["audit"]["kinds"] == {"changed_row": 1}
        assert healed["verify"]["healthy"]
        assert simulation.agree() == []


def test_each_row_is_compared_under_the_list_that_it_was_hashed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = PostgresTable.hash_list.fget  # type: ignore[attr-defined]
    with database_simulation(sales_orders=10, seed=9) as simulation:
        forget_hashes(simulation, "fact_sales_order")  # as an earlier release left them
        unhashed = simulation.audited()
        assert {finding.kind for finding in unhashed} == {"unhashed_row"}
        assert sum(finding.rows for finding in unhashed) == 10
        assert simulation.heal()["verify"]["idle"]
        assert (simulation.audited(), simulation.mail.sent) == ([], [])

        change = "update payment set payment_amount = payment_amount + 1 where payment_id in (5, 6)"
        with monkeypatch.context() as another_server:
            another_server.setattr(
                PostgresTable, "hash_list", property(lambda table: replace(whole(table), server="postgresql 99"))
            )
            simulation.run(change)
            (finding,) = simulation.audited()
            assert (finding.kind, finding.keys, finding.rows) == ("unhashed_row", ((5,), (6,)), 2)
            simulation.heal()

        shorter = property(lambda table: replace(whole(table), columns=whole(table).columns[:-1]))
        monkeypatch.setattr(PostgresTable, "hash_list", shorter)
        simulation.run(change)
        assert {finding.kind for finding in simulation.audited()} == {"unhashed_row"}, "under another server's list"
        simulation.heal()
        simulation.run(change.replace("5, 6", "6, 7"))
        assert {(finding.kind, finding.keys) for finding in simulation.audited()} == {("changed_row", ((6,), (7,)))}
        simulation.heal()
        assert (simulation.audited(), simulation.agree(), simulation.mail.sent) == ([], [], [])


def forget_hashes(simulation: DatabaseSimulation, name: str) -> None:
    """As an earlier release left the table: rows without the hash of their content."""
    table = simulation.contracts.table(name)
    for path in simulation.lake.paths(name):
        rows = simulation.lake.snapshot(name, path).table
        bare = rows.select([field for field in rows.schema.names if field not in (HASH, HASH_LIST)])
        restate(simulation.lake.partitions, table, path, lambda bare=bare: (bare, ()), context=CommitContext("old"))

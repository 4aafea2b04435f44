"""The auditor heals the tables of a database: harm of every kind is found, healed and certified by the same steps."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.chaos.mutations import run_mutations
from tests.support.shop import Shop, shop

from core.audit.findings import DeletedRows, OrphanKeys
from core.audit.repair_jobs import FetchRows
from core.landing.ingest_objects import RepairObject
from core.time import format_instant
from ingestion.check.last_seen import repair_name

pytestmark = pytest.mark.database


def kinds(findings: list[Any]) -> set[str]:
    return {finding.kind for finding in findings}


def rows_of(place: Shop, table: str, key: str, number: int) -> list[dict[str, Any]]:
    return [row for row in place.memory.rows(table) if row[key] == number]


def test_fifty_mutations_are_found_and_healed_and_none_is_invented_while_the_source_is_written_to() -> None:
    tally = run_mutations(batches=5, seed=20261120)
    assert tally.faults == []
    assert tally.figures == {"made": 50, "found": 50, "healed": 50, "invented": 0}


def test_a_clean_run_writes_no_fact_no_version_no_object_and_no_mail() -> None:
    with shop() as place:
        first = place.heal()
        assert first["audit"]["healthy"]
        assert first["certify"]["certificates"] > 0
        versions, objects = place.memory.versions(), place.ingest_keys("")
        again = place.heal()
        assert again["certify"]["certificates"] == 0
        assert "plan" not in again
        assert place.memory.versions() == versions
        assert place.ingest_keys("") == objects
        assert place.mail.sent == []


def test_a_row_that_the_source_deleted_is_marked_and_kept_and_one_that_comes_back_outranks_the_mark() -> None:
    with shop() as place:
        (number, *others) = place.changes.delete_rows("payment", 1)["payment"]
        assert others == []
        (before,) = rows_of(place, "fact_payment", "payment_id", number)
        place.heal(run="first")
        (finding,) = place.findings("first")
        assert isinstance(finding, DeletedRows)
        assert finding.keys == ((number,),)
        (marked,) = rows_of(place, "fact_payment", "payment_id", number)
        assert marked["deleted_at"] is not None
        assert marked["deleted_at"] == marked["checked_at"]
        assert not marked["is_latest"]
        added = {"deleted_at", "checked_at", "is_latest"}
        assert {name: one for name, one in marked.items() if name not in added} == {
            name: one for name, one in before.items() if name not in added
        }
        assert place.audited() == []
        place.run(
            "insert into payment (payment_id, created_at, last_updated, transaction_id, counterparty_id,"
            " payment_amount, currency_id, payment_type_id, paid, payment_date, company_ac_number,"
            " counterparty_ac_number) select %s, created_at, last_updated, transaction_id, counterparty_id,"
            " payment_amount, currency_id, payment_type_id, paid, payment_date, company_ac_number,"
            " counterparty_ac_number from payment order by payment_id limit 1",
            number,
        )
        place.heal(run="second")
        assert "missing_row" in kinds(place.findings("second"))
        assert place.agree() == []
        assert place.audited() == []


def test_a_deleted_dimension_row_leaves_the_dimension_and_stays_in_the_current_state() -> None:
    with shop() as place:
        used = place.run("select distinct design_id from sales_order")
        (number,) = place.run(
            "insert into design (design_name, file_location, file_name, created_at, last_updated)"
            " values ('Spare', '/srv', 'spare.json', timezone('UTC', now()), timezone('UTC', now()))"
            " returning design_id"
        )[0]
        assert [number] not in used
        place.extract()
        assert rows_of(place, "dim_design", "design_id", number)
        place.run("delete from design where design_id = %s", number)
        place.heal()
        assert not rows_of(place, "dim_design", "design_id", number)
        (kept,) = [
            row
            for name, rows in place.all_current("design")
            for row in rows
            if name == "_current/design" and row["design_id"] == number
        ]
        assert kept["design_name"] == "Spare"
        assert kept["deleted_at"] is not None
        assert place.audited() == []


def test_a_row_that_was_set_back_is_the_current_one_until_it_is_written_again() -> None:
    with shop() as place:
        ((number, was),) = place.run("select sales_order_id, last_updated from sales_order order by 1 limit 1")
        place.run(
            "update sales_order set units_sold = 7777, last_updated = last_updated - interval '3 days'"
            " where sales_order_id = %s",
            number,
        )
        place.heal()
        (latest,) = [row for row in rows_of(place, "fact_sales_order", "sales_order_id", number) if row["is_latest"]]
        assert (latest["units_sold"], latest["last_updated"]) == (7777, was - timedelta(days=3))
        place.run(
            "update sales_order set units_sold = 8888, last_updated = timezone('UTC', now()) where sales_order_id = %s",
            number,
        )
        place.extract()
        (latest,) = [row for row in rows_of(place, "fact_sales_order", "sales_order_id", number) if row["is_latest"]]
        assert latest["units_sold"] == 8888
        assert place.audited() == []


def test_a_late_commit_below_the_watermark_is_found_as_missing_and_fetched_outside_the_sequence() -> None:
    with shop() as place:
        place.changes.insert_orders(1)
        place.extract()
        sequence = place.ingest_keys()
        old = datetime.now().astimezone() - timedelta(days=1)
        touched = place.changes.insert_orders(2, at=old)  # an application that writes old times
        place.extract()
        assert place.ingest_keys() == sequence
        told = place.heal(run="late")
        assert told["audit"]["missing"] == 6
        assert told["verify"]["healthy"]
        for table, rows in touched.items():
            assert any(
                isinstance(job, FetchRows) and job.table == table and {key for (key,) in job.keys} == set(rows)
                for job in place.jobs("late")
            )
        assert place.ingest_keys() == sequence
        assert place.ingest_keys("repair/")
        assert place.agree() == []


def test_a_hole_that_s3_cannot_fill_is_extracted_again_and_not_found_twice() -> None:
    with shop() as place:
        place.changes.insert_orders(3)
        place.extract()
        place.changes.insert_orders(3)
        place.loses_event = lambda key: key == "tables/sales/sales_order/000000000003.jsonl.gz"
        place.extract()
        place.changes.insert_orders(1)
        place.extract()
        place.graveyard.bury("tables/sales/sales_order/000000000003.jsonl.gz", for_good=True)
        assert len(place.agree()) == 3
        told = place.heal(run="hole")
        assert [finding.number for finding in place.findings("hole") if finding.kind == "missing_object"] == [3]
        assert told["verify"]["healthy"]
        assert place.agree() == []
        assert place.mail.sent == []
        assert place.audited() == []


def test_a_deleted_row_is_marked_although_a_broken_line_lies_beside_it() -> None:
    with shop() as place:
        key = "tables/sales/sales_order/000000000001.jsonl.gz"
        stored = place.memory.ingest.read(key)
        assert stored is not None
        row = json.loads(gzip.decompress(stored.body).splitlines()[0])
        seen = datetime.now().astimezone()
        line = json.dumps({**row, "sales_order_id": 900_001, "checked_at": format_instant(seen)}).encode()
        name = RepairObject("sales", "sales_order", repair_name(seen, "two-lines")).key
        place.memory.ingest.write(name, gzip.compress(b'{"sales_order_id": \n' + line + b"\n"))
        place.deliver()
        assert rows_of(place, "fact_sales_order", "sales_order_id", 900_001)
        place.heal()
        (marked,) = rows_of(place, "fact_sales_order", "sales_order_id", 900_001)
        assert marked["deleted_at"] is not None
        assert place.agree() == []


def test_parameters_are_not_judged_while_the_newest_object_is_lost() -> None:
    with shop() as place:
        place.heal()
        before = dict(place.memory.parameters.values)
        place.graveyard.bury("tables/sales/currency/000000000001.jsonl.gz")
        place.heal(run="lost")
        assert kinds(place.findings("lost")) == {"lost_object"}
        assert place.findings("lost", 1) == []
        assert place.memory.parameters.values == before


def test_a_lost_event_is_heard_of_again_and_a_dead_letter_has_one_more_chance() -> None:
    with shop() as place:
        lost = "tables/sales/design/000000000002.jsonl.gz"
        place.loses_event = lambda key: key == lost
        place.changes.insert_orders_with_new_parents(1)
        place.extract()
        place.dead_letters.messages["abc"] = '{"objects": ["tables/sales/design/000000000002.jsonl.gz"]}'
        told = place.heal(run="letters")
        assert {"unprocessed_object", "dead_letter"} <= kinds(place.findings("letters"))
        assert told["verify"]["healthy"]
        assert place.dead_letters.messages == {}
        assert place.agree() == []
        place.dead_letters.messages["abc"] = '{"objects": ["tables/sales/design/000000000002.jsonl.gz"]}'
        assert place.audited() == []
        assert place.dead_letters.messages


def test_an_orphan_waits_for_its_parent_and_the_admins_hear_once_that_the_source_has_none() -> None:
    with shop(settings={"complete_within": 0}) as place:
        place.changes.insert_orphans(2)
        place.extract()
        place.heal(run="first")
        (finding,) = place.findings("first", 1)
        assert isinstance(finding, OrphanKeys)
        assert (finding.column, finding.rows) == ("design_id", 2)
        place.heal()
        (mail,) = place.mail.sent
        assert "sales" in mail[0]
        assert finding.keys[0] in mail[1]
        place.changes.adopt()
        place.extract()
        told = place.heal()
        assert told["audit"]["healthy"]
        assert told["conclude"]["recovered"] == ["orphan_key"]


def test_a_parent_that_only_the_source_has_is_fetched_by_its_key() -> None:
    with shop(settings={"complete_within": 0}) as place:
        place.changes.insert_orphans(1)
        place.changes.adopt(at=datetime.now().astimezone() - timedelta(days=2))  # below the watermark of designs
        place.extract()
        told = place.heal(run="parent")
        assert told["verify"]["healthy"]
        assert place.agree() == []
        assert place.mail.sent == []


def test_a_rollback_with_a_hold_is_shown_and_left_alone() -> None:
    from processing.partitions.commit import CommitContext
    from processing.partitions.rollback import release, rollback

    with shop() as place:
        place.changes.update_orders(20)
        place.extract()
        table = place.contracts.table("fact_sales_order")
        path = next(
            path for path in place.memory.paths(table.name) if place.memory.snapshot(table.name, path).version > 1
        )
        partitions, context = place.memory.partitions, CommitContext("test")
        rollback(partitions, table, path, to=1, hold="under review", context=context)
        versions = place.memory.versions()
        told = place.heal(run="held")
        assert kinds(place.findings("held")) == {"held_partition"}
        assert told["audit"]["healthy"]
        assert place.memory.versions() == versions
        release(partitions, table, path, context=context)
        place.heal()
        assert place.agree() == []


def test_certificates_of_tables_are_proven_from_the_objects_alone() -> None:
    with shop() as place:
        place.heal()
        assert place.verified() == []
        table = place.contracts.table("fact_payment")
        path = place.memory.paths(table.name)[0]
        key = place.memory.snapshot(table.name, path).key
        place.memory.partitions.objects[key] = place.memory.partitions.objects[key][:-9]
        assert any(one.startswith(f"fact_payment/{path}") for one in place.verified())
        place.heal()
        assert place.verified() == []


def test_the_sweep_goes_on_where_it_stopped_until_all_history_came_round() -> None:
    with shop(settings={"sweep": 5 * 300}) as place:  # five runs' worth
        seen: list[set[tuple[str, str]]] = []
        for number in range(7):
            place.asked.clear()
            place.heal(now=(place.now() + timedelta(minutes=5 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"))
            seen.append({(one["table"], span.get("start", "")) for one in place.asked for span in one["spans"]})
        slices = {(table, start) for some in seen for table, start in some if start}
        assert len(slices) > 3 * 24
        assert max(len(some) for some in seen) < len(slices) / 2

"""The story of a row of a database is what happened to it: extracted, repaired, deleted, quarantined, missing."""

from __future__ import annotations

import pytest
from tests.support.database_simulation import DatabaseSimulation, database_simulation

from auditor.stories.story import Story
from auditor.stories.tell import tell
from core.errors import Misuse, OutOfReach

COPIED = (
    "created_at, last_updated, transaction_id, counterparty_id, payment_amount, currency_id, payment_type_id, paid,"
    " payment_date, company_ac_number, counterparty_ac_number"
)


def story(simulation: DatabaseSimulation, table: str, **where: object) -> Story:
    texts = {name: str(value) for name, value in where.items()}
    return tell(simulation.services(), simulation.contracts.table(table), texts)


def words(told: Story) -> list[str]:
    return [event.what for event in told.events]


def test_each_row_s_story_is_what_was_done_to_it() -> None:
    with database_simulation(sales_orders=40) as simulation:
        first, gone, again = (row[0] for row in simulation.run("select payment_id from payment limit 3"))
        late = 900_000
        simulation.run("delete from payment where payment_id = %s", gone)
        change = "update payment set paid = not paid where payment_id = %s"  # which no clock tells
        simulation.run(change, again)
        simulation.run(
            "update sales_order set units_sold = 0, last_updated = timezone('UTC', now()) where sales_order_id = 3"
        )
        copied = f"insert into payment (payment_id, {COPIED}) select %s, {COPIED} from payment where payment_id = %s"
        simulation.run(copied, late, first)
        simulation.extract()

        missing = story(simulation, "fact_payment", payment_id=late)
        assert (missing.verdict, missing.is_fine) == ("missing", False)
        assert missing.next == ("No audit has looked yet. Now: starmend heal --dataset sales",)
        assert "the source no longer has it" in story(simulation, "fact_payment", payment_id=gone).sentence

        simulation.heal(run="healing")
        extracted = story(simulation, "fact_payment", payment_id=first)
        assert extracted.verdict == "extracted"
        assert sorted(words(extracted)) == ["arrived", "audited", "certified", "changed", "processed", "stored"]
        assert next(event.object for event in extracted.events if event.what == "arrived") == (
            "tables/sales/payment/000000000001.jsonl.gz"
        )
        for number in (late, again):
            repaired = story(simulation, "fact_payment", payment_id=number)
            assert repaired.verdict == "repaired", repaired
            arrived = [event.object for event in repaired.events if event.what == "arrived"]
            assert arrived[-1].startswith("repair/sales/payment/")
            assert {"asked", "found", "tried", "processed", "stored"} <= set(words(repaired))
        deleted = story(simulation, "fact_payment", payment_id=gone)
        assert deleted.verdict == "deleted"
        assert {"found", "tried", "deleted"} <= set(words(deleted))
        quarantined = story(simulation, "fact_sales_order", sales_order_id=3)
        assert quarantined.verdict == "quarantined"
        assert "an older version is in the warehouse" in quarantined.sentence
        assert any(step.endswith("starmend quarantine retry") for step in quarantined.next)


def test_what_nobody_has_and_what_cannot_be_meant() -> None:
    with database_simulation(sales_orders=8) as simulation:
        unknown = story(simulation, "fact_payment", payment_id=123_456)
        assert unknown.sentence == "payment_id=123456 is neither in the warehouse nor in the source"
        assert story(simulation, "dim_currency", currency_id=1).verdict == "extracted"
        assert story(simulation, "dim_date", date_id="2026-11-20").verdict == "derived"
        for where, problem in (
            ({"payment_id": "seven"}, "is no int"),
            ({"paid": "true"}, "needs the whole key"),
            ({"payment": "1"}, "has no column 'payment'"),
        ):
            with pytest.raises(Misuse, match=problem):
                story(simulation, "fact_payment", **where)


def test_a_source_that_nobody_can_ask_is_said_and_what_is_stored_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: object, _question: object) -> None:
        raise OutOfReach("ask the source", "check", "does not answer")

    with database_simulation(sales_orders=8) as simulation:
        monkeypatch.setattr(DatabaseSimulation, "_ask", refuse)
        known = story(simulation, "fact_payment", payment_id=1)
        assert known.verdict == "extracted"
        unknown = story(simulation, "fact_payment", payment_id=123_456)
        assert (unknown.verdict, "does not answer" in unknown.sentence) == ("unknown", True)

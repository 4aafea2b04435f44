"""The resolved contract answers by name, or says what there is not."""

from __future__ import annotations

import pytest
from tests.support.lake import shipped_contracts

CONTRACTS = shipped_contracts()


def test_everything_is_found_by_its_name() -> None:
    assert CONTRACTS.dataset("sales").source_table("staff").field("staff_id").required
    assert CONTRACTS.feed("quotes").tables == (CONTRACTS.feed("quotes").table,)
    assert CONTRACTS.table("dim_staff").column("location").name == "location"
    assert "GBP" in CONTRACTS.lookup("currencies").columns["currency_code"]
    assert CONTRACTS.calendar("XNYS").name == "XNYS"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: CONTRACTS.dataset("nothing"),
        lambda: CONTRACTS.feed("sales"),
        lambda: CONTRACTS.table("nothing"),
        lambda: CONTRACTS.lookup("nothing"),
        lambda: CONTRACTS.calendar("nothing"),
        lambda: CONTRACTS.dataset("sales").source_table("nothing"),
        lambda: CONTRACTS.table("dim_staff").column("nothing"),
        lambda: CONTRACTS.dataset("sales").source_table("staff").field("nothing"),
    ],
)
def test_what_is_not_there_is_a_key_error(ask: object) -> None:
    with pytest.raises(KeyError):
        ask()  # type: ignore[operator]


def test_a_table_that_contracts_share_is_listed_once() -> None:
    names = [table.name for table in CONTRACTS.tables()]
    assert len(names) == len(set(names))
    assert "dim_date" in names


def test_a_value_that_lies_in_the_path_is_not_stored() -> None:
    quote = CONTRACTS.table("fact_quote")
    assert "symbol" not in [column.name for column in quote.stored_columns]
    assert quote.stored_key == ("minute",)

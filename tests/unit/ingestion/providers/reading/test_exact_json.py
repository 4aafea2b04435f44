"""JSON whose numbers keep the digits that a provider wrote."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ingestion.providers.reading.exact_json import is_number, read_exact


def test_a_fraction_keeps_its_digits() -> None:
    assert str(read_exact(b"[1.10, 0.1000000000000000055]")) == "[Decimal('1.10'), Decimal('0.1000000000000000055')]"
    assert read_exact(b'{"a": 1, "b": null}') == {"a": 1, "b": None}


@pytest.mark.parametrize("body", [b"", b"<html>", b"nan", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_exact(body)


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-1E+99999999999999999999", "9" * 5_000])
def test_a_number_that_no_decimal_holds_stays_text_and_spoils_nothing_beside_it(number: str) -> None:
    assert read_exact(f'{{"a": {number}, "b": 1.5}}'.encode()) == {"a": number, "b": Decimal("1.5")}


def test_nan_and_infinities_are_no_numbers_and_spoil_nothing_beside_them() -> None:
    assert [is_number(value) for value in read_exact(b"[NaN, Infinity, -Infinity, 1.5]")] == [False, False, False, True]  # type: ignore[attr-defined]


@pytest.mark.parametrize("pair", ['"a": 1, "a": 2', '"a": 1, "a": true', '"a": 1, "b": 0, "a": 1.0'])
def test_two_values_of_one_name_are_none(pair: str) -> None:
    """The last one would be taken, as if nobody had said the other."""
    with pytest.raises(ValueError, match="two values of 'a'"):
        read_exact(f'[{{"x": {{{pair}}}}}]'.encode())
    assert read_exact(b'{"a": NaN, "a": NaN, "b": 1, "b": 1}')["b"] == 1  # type: ignore[index]


def test_a_boolean_is_no_number() -> None:
    assert [is_number(value) for value in (1, Decimal("1.5"), True, "1", None)] == [True, True, False, False, False]

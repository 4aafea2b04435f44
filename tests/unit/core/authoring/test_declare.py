"""The spelling of a contract: short forms and long ones mean the same."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from core.authoring.declare import (
    Cadence,
    ColumnShape,
    Duration,
    EntityShape,
    FieldShape,
    Names,
    ProviderShape,
    Rate,
    Share,
)
from core.contract.types import ColumnType


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Duration, "5 minutes", 300), (Duration, "1 day", 86_400), (Duration, "0 seconds", 0),
        (Cadence, "1 minute", 60), (Rate, "60 / minute", 60), (Share, "0.5 %", "0.005"), (Share, "100%", "1"),
        (Names, "a", ["a"]), (Names, ["bucket(a, 4)", "b"], ["bucket(a, 4)", "b"]),
    ],
)  # fmt: skip
def test_a_value_is_read_in_the_units_of_the_model(kind: object, text: object, value: object) -> None:
    assert TypeAdapter(kind).validate_python(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Duration, "5 min"), (Duration, "-1 minutes"), (Duration, "3661 days"), (Cadence, "90 seconds"), (Rate, "60"),
        (Share, "101 %"), (Share, "5"), (Names, []), (Names, ["bucket(a", "4)"]),
    ],
)  # fmt: skip
def test_another_spelling_is_refused(kind: object, text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


def test_a_bare_text_is_a_type_and_a_question_mark_allows_null() -> None:
    assert FieldShape.model_validate("int?") == FieldShape(type=ColumnType("int"), nullable=True)
    assert ColumnShape.model_validate("int") == ColumnShape(type=ColumnType("int"))


def test_a_provider_is_a_name_or_a_name_with_settings() -> None:
    assert ProviderShape.model_validate("finnhub") == ProviderShape(kind="finnhub")
    assert ProviderShape.model_validate({"rest": {"url": "u"}}) == ProviderShape(kind="rest", settings={"url": "u"})


@pytest.mark.parametrize("moment", [2026, 1.5, True])
def test_a_number_is_no_instant(moment: object) -> None:
    with pytest.raises(ValidationError, match="is no date"):
        EntityShape(valid_from=moment)

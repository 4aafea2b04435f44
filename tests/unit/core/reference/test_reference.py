"""The contract reference: complete, the same as stored, and a schema that agrees with the contract's own shapes."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from tests.support.contracts import GOOD, changed
from tests.support.generated_contracts import good_contract, written_contract
from tests.unit.core.authoring.test_a_bad_contract_is_refused import REFUSED

from core.authoring import declare
from core.reference.meanings import ABOUT, MEANINGS
from core.reference.page import contract_page
from core.reference.schema import contract_schema

REPOSITORY = Path(__file__).parents[4]
DOCS = REPOSITORY / "docs"
VALIDATOR = Draft202012Validator(contract_schema())
FIRST_LINE = "# yaml-language-server: $schema="


def shapes() -> Iterator[type[declare.Shape]]:
    """All shapes of a contract."""
    waiting = [declare.Shape]
    while waiting:
        for shape in waiting.pop().__subclasses__():
            waiting.append(shape)
            yield shape


def keys_of(shape: type[declare.Shape]) -> set[str]:
    return {field.alias or name for name, field in shape.model_fields.items()}


def as_editors_read(data: Any) -> Any:
    """YAML as its core schema has it: a date is a text."""
    if isinstance(data, dict):
        return {key: as_editors_read(value) for key, value in data.items()}
    if isinstance(data, list):
        return [as_editors_read(value) for value in data]
    return data.isoformat() if isinstance(data, dt.date) else data


def problems(contract: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(as_editors_read(contract))]


def test_every_key_of_every_shape_has_a_meaning_and_nothing_else_has() -> None:
    assert {shape.__name__: keys_of(shape) for shape in shapes()} == {
        name: set(meanings) for name, meanings in MEANINGS.items()
    }
    assert set(ABOUT) == set(MEANINGS)


def test_page_and_schema_are_the_stored_ones() -> None:
    assert contract_page() == (DOCS / "contract.md").read_text(encoding="utf-8"), (
        "starmend contract docs --output docs/contract.md"
    )
    stored = json.loads((DOCS / "contract.schema.json").read_text(encoding="utf-8"))
    assert contract_schema() == stored, "starmend contract docs --schema --output docs/contract.schema.json"


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(contract_schema())


CONTRACTS = [*REPOSITORY.glob("contracts/**/*.yaml"), *REPOSITORY.glob("tests/**/*.yaml")]


@pytest.mark.parametrize("file", CONTRACTS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_contract_of_the_repository_fits(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    if not isinstance(document, dict) or "warehouse" not in document:
        pytest.skip("is no contract")
    assert problems(document) == []
    if file.is_relative_to(REPOSITORY / "contracts") and text.startswith(FIRST_LINE):
        schema = text.partition("\n")[0].removeprefix(FIRST_LINE)
        assert (file.parent / schema).resolve() == DOCS / "contract.schema.json"


def test_the_contracts_that_are_deployed_name_their_schema() -> None:
    for file in (REPOSITORY / "contracts").glob("*.yaml"):
        assert file.read_text(encoding="utf-8").startswith(FIRST_LINE), file


@pytest.mark.parametrize(("what", "path", "value", "_problem", "_remedy"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_contract_that_its_shape_refuses_is_refused_by_the_schema(
    what: str, path: str, value: Any, _problem: str, _remedy: str
) -> None:
    agrees(changed(path, value), what)


def agrees(contract: Any, what: object) -> bool:
    """Hold the schema to the shapes: it refuses nothing that they take, and takes nothing that they refuse.

    But for what is wrong within a text: a scale above its precision, a name that YAML has cut, a duration of years.
    Returns whether it refuses.
    """
    refused = problems(contract)
    try:
        declare.ContractShape.model_validate(contract)
        assert not refused, (what, refused)
    except ValidationError as error:
        details = [str(detail["msg"]) for detail in error.errors()]
        beyond = ("precision is", "is cut at a comma", "longer than ten years", "whole number of minutes")
        assert refused or all(any(word in text for word in beyond) for text in details), (what, details)
    return bool(refused)


def test_generated_contracts_fit_as_far_as_their_shape_does() -> None:
    refused = 0
    for seed in range(150):
        draw = random.Random(seed)
        good = good_contract(draw)
        agrees(good, seed)
        refused += agrees(written_contract(draw), seed)
    assert refused > 2
    assert problems(GOOD) == []


def test_a_misspelt_key_or_a_wrong_form_is_named_at_its_place() -> None:
    contract = yaml.safe_load((REPOSITORY / "contracts/quotes.yaml").read_text(encoding="utf-8"))
    contract["source"]["evry"] = contract["source"].pop("every")
    contract["source"]["settle"] = 180
    found = problems(contract)  # each at its own place
    assert any(problem.startswith("$.source: ") and "'evry' was unexpected" in problem for problem in found), found
    assert "$.source.settle: 180 is not of type 'string'" in found
    assert "$.source: 'every' is a required property" in found

"""docs/apis.md against the settings that it describes."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from tests.support.feeds import ROOT

from core.feeds.rest.settings import doc_of
from core.feeds.rest.spec import read_spec

PAGE = (ROOT / "docs/apis.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def options() -> ModuleType:
    spec = importlib.util.spec_from_file_location("options", ROOT / "docs/apis/options.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_every_setting_in_its_own_words(options: ModuleType) -> None:
    assert options.written(PAGE) == PAGE, "run: python docs/apis/options.py"
    for kind, _ in options.TABLES.values():
        assert all(doc_of(setting) for setting in dataclasses.fields(kind))


def test_the_pages_example_is_a_good_one() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    spec = read_spec(yaml.safe_load(shown)["source"]["history"]["rest"])
    assert spec.attributes == {"lat"}


def test_every_example_of_a_contract_is_named() -> None:
    words = re.sub(r"[^a-z]", "", PAGE.lower())
    names = [file.stem.replace("_", "") for file in Path(ROOT / "contracts/examples").glob("*.yaml")]
    assert [name for name in names if name not in words] == []

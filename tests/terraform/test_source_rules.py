"""House rules that Terraform does not know, held against the source."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from tests.terraform.conftest import MODULE, ROOT

from core.authoring.load import load
from core.rendering.catalog import catalog_tables
from core.rendering.views import catalog_views

SOURCES = sorted([*MODULE.glob("*.tf"), *MODULE.glob("modules/*/*.tf")])
ALL = sorted(path for kind in ("tf", "hcl", "tfvars", "sql") for path in MODULE.rglob(f"[!.]*.{kind}"))
WIDTH = 140
QUERIES = sorted(MODULE.glob("queries/*.sql"))
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def policy_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Number, line and the line before, of every line inside a policy document."""
    depth, before = 0, ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith('data "aws_iam_policy_document"'):
            depth = 1
        elif depth and line == "}":
            depth = 0
        if depth:
            yield number, line, before
        before = line


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(MODULE)))
def test_every_wildcard_in_a_policy_has_its_reason_beside_it(path: Path) -> None:
    bare = [
        f"{path.name}:{number}: {line.strip()}"
        for number, line, before in policy_lines(path)
        if re.search(r'\*"|\*/', line.split("#")[0]) and "wildcard:" not in line and "wildcard:" not in before
    ]
    assert bare == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(MODULE)))
def test_every_variable_and_output_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for kind, name, body in re.findall(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', text, re.DOTALL | re.MULTILINE):
        assert "description =" in re.sub(r" +", " ", body), f"{kind} {name} has no description"
        assert kind == "output" or "type =" in re.sub(r" +", " ", body), f"{kind} {name} has no type"


def test_every_alarm_over_others_is_replaced_when_what_it_watches_changes() -> None:
    """CloudWatch refuses to delete what a rule names; Terraform deletes before it updates, and replaces in the order
    of dependencies (hashicorp/terraform-provider-aws#34807)."""
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    bodies = re.findall(
        r'^resource "aws_cloudwatch_composite_alarm" "(\w+)" \{\n(.*?)^\}', "".join(texts), re.DOTALL | re.MULTILINE
    )
    assert len(bodies) == 3
    assert [name for name, body in bodies if "replace_triggered_by = [terraform_data." not in body] == []


def test_every_kind_of_alarm_has_its_section_in_the_runbook_and_no_section_is_left_over() -> None:
    text = (MODULE / "alarms.tf").read_text(encoding="utf-8")
    found = re.search(r"alarm_kinds = \[(.*?)\]", text, re.DOTALL)
    assert found
    kinds = set(re.findall(r'"([a-z-]+)"', found[1]))
    assert kinds == set(re.findall(r"^## ([a-z-]+)$", RUNBOOK, re.MULTILINE))
    assert len(kinds) > 10


@pytest.mark.parametrize("kind", re.findall(r"^## ([a-z-]+)$", RUNBOOK, re.MULTILINE))
def test_every_section_says_what_it_means_what_to_do_and_when_it_is_over(kind: str) -> None:
    section = RUNBOOK.split(f"## {kind}\n")[1].split("\n## ")[0]
    assert [word for word in ("**Means.**", "**Do.**", "**Over when**") if word not in section] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(MODULE)))
def test_no_word_that_aws_replaces_goes_through_jsonencode(path: Path) -> None:
    """It writes < and > as \\u003c and \\u003e; the Scheduler replaces its words only where they stand literally."""
    encoded = re.findall(r"jsonencode\((?:[^()]|\([^()]*\))*\)", path.read_text(encoding="utf-8"))
    assert [text for text in encoded if re.search(r"<aws\.[a-z.-]+>", text)] == []


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(MODULE)))
def test_no_line_is_longer_than_a_screen_is_wide(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > WIDTH] == []


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(MODULE)))
def test_a_comprehension_names_what_it_goes_through(path: Path) -> None:
    nameless = re.findall(r"\bfor (?:\w+, )?(one|some|found|told|made) in\b", path.read_text(encoding="utf-8"))
    assert nameless == []


def test_everything_gets_the_companys_tags_and_ours() -> None:
    text = (MODULE / "versions.tf").read_text(encoding="utf-8")
    assert re.search(r"default_tags \{\n\s+tags = local\.default_tags\n", text)


# Names of the commercial partition: in China and for governments they are others. Hosts of service principals are the
# same everywhere, and validations know every partition (arn:aws[a-z-]*:).
_ONE_PARTITION = re.compile(r"arn:aws:|com\.amazonaws\.(?!com)")
CODE = [*SOURCES, *sorted(path for path in (ROOT / "src").rglob("*.py") if "emulator" not in path.parts)]


def test_nothing_that_runs_on_aws_names_one_partition() -> None:
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in CODE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _ONE_PARTITION.search(line.split("#")[0]) and "error_message" not in line
    ]
    assert named == []


def test_every_module_asks_for_the_same_versions() -> None:
    root = (MODULE / "versions.tf").read_text(encoding="utf-8")
    wanted = re.findall(r'version\s*= "([^"]+)"', root)
    for path in MODULE.glob("modules/*/versions.tf"):
        assert re.findall(r'version\s*= "([^"]+)"', path.read_text(encoding="utf-8")) == wanted


@pytest.fixture(scope="module")
def catalog() -> dict[str, dict[str, str]]:
    """Tables and views of the project's own contracts: column name to type, partition keys among them."""
    contracts = load(ROOT / "contracts", today=dt.date(2026, 11, 20))
    return {
        name: {column["name"]: column["type"] for column in [*one["columns"], *one.get("partition_keys", ())]}
        for name, one in {**catalog_tables(contracts), **catalog_views(contracts)}.items()
    }


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_every_saved_query_names_tables_and_columns_that_exist(path: Path, catalog: dict[str, dict[str, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    query = sqlglot.parse_one(text, read="athena")
    own = {one.alias for one in query.find_all(exp.CTE)}
    assert {table.name for table in query.find_all(exp.Table)} - own <= set(catalog)
    qualify(query, schema=catalog, dialect="athena", validate_qualify_columns=True)

"""dbt reads the generated sources: builds models on them, finds what breaks them, and asks how fresh they are."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml
from tests.standards.conftest import DbtProject, project_of, write_project
from tests.support.exported import generated, written_by_hand
from tests.support.star_views import view_stars

from cli.exports import export_dbt

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

MODELS = {
    "books": """select publisher_name, sum(copies) as total from {{ source('starmend', 'fact_book_order_now') }}
        left join {{ source('starmend', 'dim_book') }} using (book_id) group by publisher_name""",
    "prices": """select venue, count(*) as total from {{ source('starmend', 'fact_price') }}
        join {{ source('starmend', 'dim_symbol') }} using (symbol) group by venue""",
}
# Statements on a copy of the fact, and the test of the sources that has to notice.
BREAKS = {
    "books": {
        "insert into fact_book_order select * from fact_book_order limit 1": "fact_book_order_key",
        "update fact_book_order set copies = -1": "fact_book_order_copies_check",
        "update fact_book_order set created_at = null": "source_not_null_starmend_fact_book_order__created_at_",
        "update fact_book_order set book_id = 777": "source_relationships_starmend_fact_book_order__book_id_",
    },
    "prices": {
        "insert into fact_price select * from fact_price limit 1": "fact_price_key",
        "update fact_price set price = 0": "fact_price_price_check",
        "update fact_price set trade_date = '1999-01-01'": "relationships_starmend_fact_price__trade_date",
        "update fact_price set provenance = 'guessed'": "accepted_values_starmend_fact_price__provenance",
        "update fact_price set symbol = 'DDD'": "accepted_values_starmend_fact_price__symbol",
    },
}
# By subject of an audit, the tables that rest on it.
RESTS = {
    "books": {"fact_book_order": {"fact_book_order", "fact_book_order_now"}, "_current/publisher": {"dim_book"}},
    "prices": {"prices": {"fact_price", "fact_price_hourly", "fact_price_hourly_complete"}},
}


def test_a_model_is_built_on_the_sources_and_their_tests_hold(project: DbtProject) -> None:
    (project.folder / "models/totals.sql").write_text(MODELS[project.dataset])
    done = project.dbt("build")
    assert done.code == 0, done.said
    assert set(done.status.values()) == {"pass", "success"}
    assert len(done.status) > 10
    asked = "select sum(copies) from fact_book_order where is_latest"
    asked = asked if project.dataset == "books" else "select count(*) from fact_price"
    other = project.folder.parent / "views.duckdb"  # what the pointers name, without the reader
    view_stars(other, project.contracts, project.warehouse)
    with duckdb.connect(str(other)) as views, duckdb.connect(str(project.folder / "lake.duckdb")) as built:
        whole = views.execute(asked).fetchone()
        assert whole is not None
        assert whole[0] > 0
        assert built.execute("select sum(total) from totals").fetchone() == whole
        tables = built.execute("select table_name from duckdb_tables()").fetchall()
    assert tables == [("totals",)], "of the sources nothing was copied"


def test_the_same_sources_serve_a_catalog_s_tables(viewed: DbtProject) -> None:
    (viewed.folder / "models/totals.sql").write_text(MODELS[viewed.dataset])
    done = viewed.dbt("build")
    assert (done.code, set(done.status.values())) == (0, {"pass", "success"}), done.said


def test_a_source_whose_meta_names_a_time_is_read_as_of_it_or_not_at_all(reader: str, tmp_path: Path) -> None:
    project = project_of("books", tmp_path, reader)
    (project.folder / "models/counted.sql").write_text(
        "select count(*) as n from {{ source('starmend', 'fact_book_order') }}"
    )
    sources = project.folder / "models/sources.yml"
    document = yaml.safe_load(sources.read_text())
    [entry] = [table for table in document["sources"][0]["tables"] if table["name"] == "fact_book_order"]
    entry["config"]["meta"] = {"as_of": "2001-01-01"}
    sources.write_text(yaml.safe_dump(document))
    done = project.dbt("run")
    assert (done.code, done.status) == (1, {"counted": "error"})
    assert "read as of: fact_book_order/month=2026-11 at 2001-01-01T00:00:00Z" in done.said


def test_data_that_breaks_the_contract_fails_the_tests_of_its_rules(viewed: DbtProject) -> None:
    fact = "fact_book_order" if viewed.dataset == "books" else "fact_price"
    with duckdb.connect(str(viewed.folder / "lake.duckdb")) as connection:
        connection.execute(f"create table copied as select * from {fact}")
        connection.execute(f"drop view {fact}")
        connection.execute(f"alter table copied rename to {fact}")
        for statement in BREAKS[viewed.dataset]:
            connection.execute(statement)
    done = viewed.dbt("test")
    failed = {name for name, status in done.status.items() if status == "fail"}
    assert done.code == 1
    for statement, noticing in BREAKS[viewed.dataset].items():
        assert any(noticing in test for test in failed), (statement, failed)


def test_freshness_fails_for_just_what_completeness_says_is_incomplete(project: DbtProject) -> None:
    done = project.dbt("source", "freshness")
    assert (done.code, set(done.status.values())) == (0, {"pass"}), done.said
    for subject, tables in RESTS[project.dataset].items():
        for says in ({"missing": 1, "status": "open"}, {"status": "alarmed"}):
            project.audited_now(subject, **says)
            done = project.dbt("source", "freshness")
            stale = {name.rpartition(".")[2] for name, status in done.status.items() if status == "error"}
            assert (done.code, stale) == (1, tables), (subject, says, done.said)
        project.audited_now(subject, missing=0, status="certified")
    assert project.dbt("source", "freshness").code == 0


def test_what_no_audit_looked_at_lately_is_not_fresh(project: DbtProject) -> None:
    project.audited_now(ago=4 * 3600)  # two hours are promised at most, an audit comes every hour
    assert set(project.dbt("source", "freshness").status.values()) == {"error"}
    for file in project.warehouse.glob("completeness/*/*/*.json"):
        file.write_text(file.read_text().replace('"subject": "', '"subject": "not_'))
    project.view()
    assert set(project.dbt("source", "freshness").status.values()) == {"error"}


@pytest.mark.parametrize("name", ["own", "examples", "stored"])
def test_athenas_adapter_parses_the_sources(name: str, tmp_path: Path) -> None:
    write_project(tmp_path)
    export_dbt(written_by_hand()[name], tmp_path / "models/sources.yml", schema="starmend_dev")
    done = DbtProject(tmp_path, tmp_path, written_by_hand()[name]).dbt("parse", target="athena")
    assert (done.code, "deprecat" in done.said.lower()) == (0, False), done.said


def test_sources_of_generated_contracts_are_parsed(tmp_path: Path) -> None:
    """All in one project, under names of their own."""
    project = tmp_path / "dbt"
    write_project(project)
    for name, contracts in generated(20261130, 60, tmp_path / "contracts"):
        number = name.rpartition("/")[2]
        file = project / f"models/sources_{number}.yml"
        export_dbt(contracts, file, schema="main")
        text = file.read_text().replace("name: starmend\n", f"name: starmend_{number}\n", 1)
        file.write_text(text.replace("source('starmend',", f"source('starmend_{number}',"))
    done = DbtProject(project, tmp_path, written_by_hand()["own"]).dbt("parse", target="athena")
    assert done.code == 0, done.said

"""What every MirrorCatalog promises: the one in memory, and the one over Glue, as the emulator has it and as moto does.

moto passes over the version that an update names, so it is no judge of races.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.catalog import MemoryCatalog
from tests.support.emulated_glue import emulated_glue
from tests.support.glue import database_with
from tests.support.simulated_aws import ClientOf

from aws.glue_catalog import GlueMirrorCatalog
from core.errors import NotGranted, OutOfReach, PipelineBug
from core.mirroring.catalog import CatalogColumn, CatalogTarget, MirrorCatalog

TABLE = "fact_sale"
FOLDER = f"s3://warehouse/warehouse/_iceberg/{TABLE}"
COLUMNS = (CatalogColumn("sale_id", "bigint", 1, "its number"), CatalogColumn("price", "decimal(10,2)", 2))


def target(version: int) -> CatalogTarget:
    return CatalogTarget(f"{FOLDER}/metadata/v{version}.metadata.json", "an-identity", FOLDER, COLUMNS)


@pytest.fixture(params=["memory", "emulator", "moto"])
def opened(request: pytest.FixtureRequest) -> MirrorCatalog:
    if request.param == "memory":
        return MemoryCatalog([TABLE])
    if request.param == "emulator":
        client = emulated_glue()
        return GlueMirrorCatalog(client, database_with(client, TABLE))
    client_of: ClientOf = request.getfixturevalue("client_of")
    return GlueMirrorCatalog(client_of("glue"), database_with(client_of("glue"), TABLE))


def test_an_entry_leads_nowhere_at_first_and_then_to_what_it_was_moved_to(opened: MirrorCatalog) -> None:
    first = opened.read(TABLE)
    assert first is not None
    assert (first.location, first.identity) == ("", "")
    assert opened.move(TABLE, first, target(1))
    moved = opened.read(TABLE)
    assert moved is not None
    assert (moved.location, moved.identity) == (target(1).location, "an-identity")
    assert moved.token != first.token
    assert opened.move(TABLE, moved, target(2))


def test_a_table_that_nobody_deployed_has_no_entry(opened: MirrorCatalog) -> None:
    assert opened.read("fact_of_nobody") is None


Reads, Moves = st.tuples(st.just("read"), st.integers(0, 2)), st.tuples(st.just("move"), st.integers(0, 2))


@pytest.mark.parametrize("make", [lambda: MemoryCatalog([TABLE]), lambda: _emulated()], ids=["memory", "emulator"])
@given(steps=st.lists(Reads | Moves, max_size=12))
def test_of_committers_who_read_the_same_entry_one_wins(
    make: Callable[[], MirrorCatalog], steps: list[tuple[str, int]]
) -> None:
    """Three committers in any order: whoever moves an entry that another moved since it read it, changes nothing."""
    catalog = make()
    entries: dict[int, Any] = {}
    changes, seen, location = 0, {}, ""
    for version, (step, who) in enumerate(steps, 1):
        if step == "read" or who not in entries:
            entries[who], seen[who] = catalog.read(TABLE), changes
            continue
        won = catalog.move(TABLE, entries[who], target(version))
        assert won == (seen[who] == changes)
        if won:
            changes, location = changes + 1, target(version).location
        now = catalog.read(TABLE)
        assert now is not None
        assert now.location == location


def _emulated() -> GlueMirrorCatalog:
    client = _CLIENTS[0] if _CLIENTS else emulated_glue()
    _CLIENTS[:] = [client]
    return GlueMirrorCatalog(client, database_with(client, TABLE))


_CLIENTS: list[Any] = []


def test_what_terraform_says_of_a_table_stays_and_no_archive_is_kept() -> None:
    client = emulated_glue()
    database = database_with(client, TABLE)
    sent: list[Any] = []
    client.meta.events.register("provide-client-params.glue.UpdateTable", lambda params, **_: sent.append(params))
    catalog = GlueMirrorCatalog(client, database)
    for version in (1, 2):
        entry = catalog.read(TABLE)
        assert entry is not None
        assert catalog.move(TABLE, entry, target(version))
    assert all(params["SkipArchive"] is True and params["VersionId"] for params in sent)
    table = client.get_table(DatabaseName=database, Name=TABLE)["Table"]
    assert (table["Description"], table["TableType"]) == (f"about {TABLE}", "EXTERNAL_TABLE")
    assert table["Parameters"]["table_type"] == "ICEBERG"
    assert table["Parameters"]["previous_metadata_location"] == target(1).location
    assert [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]] == [
        ("sale_id", "bigint"),
        ("price", "decimal(10,2)"),
    ]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDeniedException", 400, NotGranted),
        ("InternalServiceException", 500, OutOfReach),
        ("ThrottlingException", 400, OutOfReach),
    ],
)
def test_a_catalog_that_fails_says_how(code: str, status: int, error: type[Exception]) -> None:
    client = botocore.session.get_session().create_client(
        "glue", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stub:
        stub.add_client_error("get_table", code, "no", http_status_code=status)
        with pytest.raises(error, match="read the catalog"):
            GlueMirrorCatalog(client, "star_iceberg").read(TABLE)


def test_an_answer_without_a_version_is_none_to_build_upon() -> None:
    class Glue:
        def get_table(self, **_: str) -> dict[str, Any]:
            return {"Table": {"Name": TABLE}}

    with pytest.raises(PipelineBug, match="names no version"):
        GlueMirrorCatalog(Glue(), "star_iceberg").read(TABLE)


def test_glue_s_model_has_the_error_of_a_lost_race_and_both_members() -> None:
    """The names that the adapter rests on, as AWS describes the operation."""
    model = botocore.session.get_session().get_service_model("glue").operation_model("UpdateTable")
    assert {"SkipArchive", "VersionId"} <= set(model.input_shape.members)
    assert "ConcurrentModificationException" in {shape.name for shape in model.error_shapes}

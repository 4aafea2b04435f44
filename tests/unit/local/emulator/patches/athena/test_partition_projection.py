"""Partitions of tables, projected and registered."""

from __future__ import annotations

from typing import Any

import pytest

from local.emulator.patches.athena.partition_projection import locate


def table(keys: tuple[str, ...], **parameters: str) -> dict[str, Any]:
    dotted = {name.replace("__", "."): value for name, value in parameters.items()}
    return {
        "StorageDescriptor": {"Location": "s3://lake/t"},
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
        "Parameters": dotted,
    }


def test_a_table_without_keys_has_one_location() -> None:
    ((location, values),) = locate(table(()), [])
    assert (location, values("s3://lake/t/a")) == ("s3://lake/t/", ())


def test_only_what_the_projection_lists_is_in_the_table() -> None:
    projected = table(
        ("symbol", "n"), projection__enabled="true", projection__symbol__type="enum",
        projection__symbol__values="AAPL, MSFT", projection__n__type="integer", projection__n__range="1,3",
    )  # fmt: skip
    ((location, values),) = locate(projected, [])
    assert location == "s3://lake/t/symbol="
    assert values("s3://lake/t/symbol=AAPL/n=3/file") == ("AAPL", "3")
    assert values("s3://lake/t/symbol=AAPL/n=4/file") is None
    assert values("s3://lake/t/symbol=IBM/n=1/file") is None


def test_a_date_may_lie_in_several_folders_and_end_now() -> None:
    hourly = table(
        ("hour",), projection__enabled="true", projection__hour__type="date",
        projection__hour__format="yyyy/MM/dd/HH", projection__hour__range="2026/01/01/00,NOW+1DAYS",
        storage__location__template="s3://lake/t/${hour}",
    )  # fmt: skip
    ((_, values),) = locate(hourly, [])
    assert values("s3://lake/t/2026/02/03/04/file") == ("2026/02/03/04",)
    assert values("s3://lake/t/2025/12/31/23/file") is None
    assert values("s3://lake/t/9999/01/01/00/file") is None


def test_without_projection_the_partitions_are_those_of_the_catalog() -> None:
    descriptor = {"Location": "s3://elsewhere/p"}
    registered = [{"Values": ["__HIVE_DEFAULT_PARTITION__"], "StorageDescriptor": descriptor}]
    ((location, values),) = locate(table(("k",)), registered)
    assert (location, values("any")) == ("s3://elsewhere/p/", (None,))


def test_a_projection_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="INVALID_TABLE_PROPERTY"):
        locate(table(("k",), projection__enabled="true", projection__k__type="guess"), [])

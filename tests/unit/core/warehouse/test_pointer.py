"""Names of pointers and objects, and pointers that say something else than they should."""

from __future__ import annotations

import pytest

from core.errors import BrokenPointer, PipelineBug
from core.warehouse.pointer import (
    lost_pointer,
    object_key,
    object_name,
    parse_object,
    parse_pointer,
    partition_of,
    pointer_body,
    remedy_of,
    version_of,
)

UNIQUE = "0123456789abcdef" * 2
PARTITION = partition_of("fact_quote", "symbol=AAPL/month=2026-11")
KEY = object_key(PARTITION, object_name(42, UNIQUE))


def test_a_key_is_read_back() -> None:
    name = parse_object(KEY)
    assert name is not None
    assert (name.partition, name.version, name.unique) == (PARTITION, 42, UNIQUE)
    assert version_of(KEY) == 42
    assert parse_object(f"warehouse/{PARTITION}/symlink.txt") is None


@pytest.mark.parametrize(("version", "unique"), [(0, UNIQUE), (10**12, UNIQUE), (1, UNIQUE.upper()), (1, "abc")])
def test_a_name_that_could_not_be_read_back_is_not_given(version: int, unique: str) -> None:
    with pytest.raises(PipelineBug):
        object_name(version, unique)


def test_a_pointer_names_an_object_of_its_own_bucket_and_partition() -> None:
    body = pointer_body("lake", KEY)
    assert parse_pointer(body, bucket="lake", place="p", partition=PARTITION) == KEY
    for bad, bucket, partition in [
        (body, "other", PARTITION),
        (body, "lake", "fact_quote/symbol=MSFT/month=2026-11"),
        (body + body, "lake", PARTITION),
        (b"\xff\x00", "lake", PARTITION),
        (b"s3://lake/warehouse/_data/x.parquet\n", "lake", PARTITION),
    ]:
        with pytest.raises(BrokenPointer) as broken:
            parse_pointer(bad, bucket=bucket, place="p", partition=partition, etag="e")
        assert broken.value.etag == "e"


def test_objects_above_the_first_prove_that_a_pointer_was_lost() -> None:
    first, second = (object_key(PARTITION, object_name(version, UNIQUE)) for version in (1, 2))
    assert lost_pointer(PARTITION, []) is None
    assert lost_pointer(PARTITION, [first]) is None
    assert "up to version 2" in str(lost_pointer(PARTITION, [first, second]))


def test_a_remedy_names_the_command_that_makes_the_partition_again() -> None:
    assert remedy_of(PARTITION) == "Rebuild it: starmend rebuild fact_quote --partition symbol=AAPL/month=2026-11"
    assert remedy_of("dim_staff") == "Rebuild it: starmend rebuild dim_staff"

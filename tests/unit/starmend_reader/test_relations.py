"""Types of the catalog, read back from their texts."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tests.support.feeds import contracts_in

from starmend_reader.relations import relations_of, type_named

PLAIN = {"string": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "boolean": pa.bool_(), "double": pa.float64()}
NAMES = st.sampled_from(["a", "rows", "int", "array", "struct", "table_1"])
Named = tuple[str, pa.DataType]


def struct_of(fields: list[tuple[str, Named]]) -> Named:
    inner = dict(fields)
    text = ",".join(f"{name}:{kind[0]}" for name, kind in inner.items())
    return f"struct<{text}>", pa.struct([pa.field(name, kind[1]) for name, kind in inner.items()])


TYPES: st.SearchStrategy[Named] = st.recursive(
    st.sampled_from(sorted(PLAIN)).map(lambda name: (name, PLAIN[name])),
    lambda inner: (
        inner.map(lambda kind: (f"array<{kind[0]}>", pa.list_(kind[1])))
        | st.lists(st.tuples(NAMES, inner), min_size=1, max_size=3).map(struct_of)
    ),
    max_leaves=6,
)


@given(TYPES)
def test_a_type_is_read_as_the_catalog_writes_it(named: Named) -> None:
    text, kind = named
    assert type_named(text) == kind


def test_a_relation_has_the_columns_of_its_catalog_table_in_athenas_order() -> None:
    relations = relations_of(contracts_in())
    assert relations["fact_quote"].columns.names[-2:] == ["symbol", "month"]
    assert "is_latest" not in relations["fact_sales_order_now"].columns.names
    assert relations["completeness"].keys == ("dataset", "day")
    assert not {"quarantine", "raw_staff", "current_staff"} & relations.keys()

"""Athena's SQL translated, without a query."""

from __future__ import annotations

import pytest

from local.emulator.patches.athena.dialect import name_outputs, parse, tables_of, translate

COLUMNS = {("lake", "t"): {"a": "INTEGER", "d": "DATE", "p": "DECIMAL(18,6)"}}


def translated(sql: str) -> str:
    tree = parse(sql)
    tables_of(tree, "lake")
    return next(translate(tree, COLUMNS))


def test_tables_are_named_with_their_database_and_without_a_catalog() -> None:
    tree = parse("with c as (select 1) select * from c, t, awsdatacatalog.other.u")
    assert tables_of(tree, "lake") == {("lake", "t"), ("other", "u")}
    assert "awsdatacatalog" not in tree.sql()


def test_integers_divide_to_integers_and_decimals_keep_their_scale() -> None:
    assert "//" in translated("select a / 2 as half from t")
    assert "DECIMAL(38, 6)" in translated("select p / a as share from t")


def test_columns_without_a_name_are_numbered() -> None:
    tree = parse("select a, a + 1, count(*) from t")
    name_outputs(tree)
    assert [column.alias_or_name for column in tree.selects] == ["a", "_col1", "_col2"]


def test_text_is_not_compared_with_a_date_and_nonsense_is_a_syntax_error() -> None:
    with pytest.raises(ValueError, match="TYPE_MISMATCH"):
        translated("select * from t where d = '2026-11-20'")
    with pytest.raises(ValueError, match="SYNTAX_ERROR"):
        parse("select from where")

import json

import pytest
from bench.record import Record, read_file, write_file
from bench.report import table

FORM = {"name", "unit", "ours", "peers", "floor", "ratio_best_peer", "ratio_floor", "peak_mb", "details"}


def test_ratios_of_times_are_ours_over_the_fastest_peer_and_the_floor():
    record = Record.of_times("merge", 120.0, peers={"slow": 400.0, "fast": 100.0}, floor=80.0)

    assert (record.ratio_best_peer, record.ratio_floor) == (1.2, 1.5)


def test_ratios_of_rates_are_the_best_peer_over_ours_so_that_less_is_better_there_too():
    record = Record.of_rates("commits", 80.0, unit="commits/s", peers={"a": 5.0, "b": 10.0})

    assert record.ratio_best_peer == 0.125
    assert record.ratio_floor is None


def test_a_measure_without_peers_and_floor_has_no_ratios():
    record = Record.of_times("import", 300.0)

    assert (record.peers, record.floor, record.ratio_best_peer, record.ratio_floor) == ({}, None, None, None)


def test_a_record_in_the_file_has_the_promised_form(tmp_path):
    file = tmp_path / "build" / "bench.json"

    write_file(file, [Record.of_times("merge", 123.456, peers={"polars": 99.0}, floor=50.0, peak_mb=12.34)])

    (entry,) = json.loads(file.read_text())
    assert set(entry) == FORM
    assert (entry["name"], entry["unit"], entry["ours"], entry["peak_mb"]) == ("merge", "ms", 123.5, 12.34)


def test_the_file_keeps_entries_of_other_names_and_replaces_those_of_its_own(tmp_path):
    file = tmp_path / "bench.json"
    write_file(file, [Record.of_times("one", 1.0), Record.of_times("two", 2.0)])

    write_file(file, [Record.of_times("one", 10.0), Record.of_times("three", 3.0)])

    assert {record.name: record.ours for record in read_file(file)} == {"one": 10.0, "two": 2.0, "three": 3.0}


def test_the_table_shows_every_figure_and_both_ratios():
    record = Record.of_times("merge", 120.0, peers={"polars": 100.0}, floor=80.0, peak_mb=64.0)

    shown = table([record])

    for text in (
        "merge (ms)",
        "ours",
        "polars",
        "floor",
        "120",
        "100",
        "80",
        "64 MB",
        "1.2 x the best",
        "1.5 x the fl",
    ):
        assert text in shown


@pytest.mark.parametrize("figure", [0.000123456, 1.23456, 123_456.0])
def test_figures_keep_four_digits(figure):
    assert Record.of_times("any", figure).ours == pytest.approx(figure, rel=1e-3)

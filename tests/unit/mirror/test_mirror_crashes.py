"""A mirror that is killed before or after any of its effects: the next run goes on, and readers see whole snapshots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.mirrored import Shop, rows_of

from core.errors import PipelineBug
from core.mirroring.held import held_objects
from core.mirroring.names import hint_key, metadata_prefix, version_of_metadata
from mirror.commit import mirror_table
from mirror.iceberg.table import METADATA_KEPT
from mirror.reading import read_mirror

SALES = "fact_sale"
EFFECTS = ("write", "delete", "move")


class Killed(BaseException):
    """The process is gone: nothing that it would have caught was raised."""


def prepared(folder: Path) -> Shop:
    """A mirror of two snapshots, of which the first has expired by now, and of a partition that changed since."""
    shop = Shop(folder)
    shop.sell(3, created="2026-10-01T00:00:00")
    shop.mirror(SALES)
    shop.now += timedelta(hours=7)
    shop.sell(3, created="2026-11-01T00:00:00")
    shop.mirror(SALES)
    shop.sell(3, created="2026-10-02T00:00:00")
    return shop


def moments(folder: Path) -> Iterator[tuple[str, int]]:
    """Before and after every effect of a run."""
    shop = prepared(folder)
    effects: list[str] = []
    shop.objects.before = lambda effect, _key: effects.append(effect) if effect in EFFECTS else None
    mirror_table(shop.table(SALES), shop.services)
    assert set(effects) == set(EFFECTS)
    yield from ((when, number) for number in range(len(effects)) for when in ("before", "after"))


def catalogued(shop: Shop) -> int | None:
    """The version that the catalog leads to."""
    return version_of_metadata(shop.catalog.target(SALES).location)


def test_killed_at_any_effect_the_mirror_converges_and_was_whole_all_the_time(tmp_path: Path) -> None:
    for number, (when, place) in enumerate(moments(tmp_path / "counted")):
        shop = prepared(tmp_path / str(number))
        before = rows_of(shop.opened(SALES).scan().to_arrow())
        left = [place]

        def kill(effect: str, _key: str, left: list[int] = left) -> None:
            if effect in EFFECTS:
                left[0] -= 1
                if left[0] == -1:
                    raise Killed

        setattr(shop.objects, when, kill)
        with pytest.raises(Killed):
            mirror_table(shop.table(SALES), shop.services)
        setattr(shop.objects, when, lambda _effect, _key: None)
        wanted = shop.rows_by_pointers(SALES)
        assert rows_of(shop.opened(SALES).scan().to_arrow()) in (before, wanted), (when, place)
        shop.mirror(SALES)
        assert catalogued(shop) == read_mirror(SALES, shop.objects).version, (when, place)
        shop.sell(1, created="2026-11-03T00:00:00")
        shop.mirror(SALES)
        assert rows_of(shop.opened(SALES).scan().to_arrow()) == shop.rows_by_pointers(SALES), (when, place)
        keys = [info.key for info in shop.objects.list(metadata_prefix(SALES))]
        last = read_mirror(SALES, shop.objects).version
        assert last == catalogued(shop) == max(version_of_metadata(key) or 0 for key in keys)


def test_of_two_runs_at_once_one_commits_and_the_other_goes_on_from_there(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sell(3, created="2026-10-01T00:00:00")
    others = [1]

    def other(effect: str, key: str) -> None:
        if others and effect == "write" and version_of_metadata(key):
            others.clear()
            shop.sell(1, created="2026-10-02T00:00:00")  # the run that is about to commit has not seen it
            mirror_table(shop.table(SALES), shop.services)

    shop.objects.before = other
    outcome = mirror_table(shop.table(SALES), shop.services)
    assert not others
    assert (outcome.version, rows_of(shop.opened(SALES).scan().to_arrow())) == (1, shop.rows_by_pointers(SALES))


def test_a_run_that_slept_after_its_commit_leads_nobody_back_when_it_wakes(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sell(1, created="2026-10-01T00:00:00")
    awake = [1]

    def sleep(effect: str, key: str) -> None:
        if awake and effect == "write" and key == hint_key(SALES):
            awake.clear()
            for day in range(1, METADATA_KEPT + 4):
                shop.sell(1, created=f"2026-11-{day:02d}T00:00:00")
                mirror_table(shop.table(SALES), shop.services)

    shop.objects.before = sleep
    mirror_table(shop.table(SALES), shop.services)
    assert not awake
    shop.sell(1, created="2026-10-02T00:00:00")
    assert catalogued(shop) == METADATA_KEPT + 4
    assert shop.mirror(SALES).version == METADATA_KEPT + 5
    assert rows_of(shop.opened(SALES).scan().to_arrow()) == shop.rows_by_pointers(SALES)


def test_a_hint_that_names_no_version_is_told_by_its_key(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sell(1, created="2026-10-01T00:00:00")
    shop.mirror(SALES)
    shop.objects.write(hint_key(SALES), b"v1")
    for read in (read_mirror, lambda table, objects: held_objects(objects, table)):
        with pytest.raises(PipelineBug, match=re.escape(hint_key(SALES))):
            read(SALES, shop.objects)


def test_what_killed_runs_left_goes_and_what_an_engine_finds_named_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = prepared(tmp_path)
    for place in range(3):
        left = [place]

        def kill(effect: str, _key: str, left: list[int] = left) -> None:
            left[0] -= effect == "write"
            if left[0] == -1:
                raise Killed

        shop.objects.after = kill
        with pytest.raises(Killed):
            mirror_table(shop.table(SALES), shop.services)
    shop.objects.after = lambda _effect, _key: None
    shop.now += timedelta(days=2)
    monkeypatch.setattr("mirror.commit.SWEEP_EVERY", 1)
    for day in (4, 5, 6):
        shop.sell(1, created=f"2026-11-{day:02d}T00:00:00")
        shop.mirror(SALES)
    opened, io = shop.opened(SALES), shop.opened(SALES).io
    named = {snapshot.manifest_list for snapshot in opened.metadata.snapshots}
    named |= {each.manifest_path for snapshot in opened.metadata.snapshots for each in snapshot.manifests(io)}
    stored = {f"{shop.services.root}{info.key}" for info in shop.objects.list(metadata_prefix(SALES))}
    late = {held.key for held in read_mirror(SALES, shop.objects).state.superseded}  # goes with the next version
    late |= {read_mirror(SALES, shop.objects).state_key}
    assert named <= stored
    assert {key for key in stored - named if not key.endswith((".json", ".text"))} <= {
        f"{shop.services.root}{key}" for key in late
    }

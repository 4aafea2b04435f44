"""The history of a dataset's contracts: appended to, never rewritten, and read as it was written."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.feeds import contracts_in

from core.contract.model import Contracts, Feed
from core.errors import InvalidData
from core.evolution.deployments import (
    ContractForm,
    deployment_key,
    deployments_prefix,
    form_key,
    read_deployments,
    read_history,
    record_deployment,
    switched_on,
)
from core.ports import StoredObject
from core.time import epoch

NOON = epoch("2026-11-20T12:00:00Z")


def every(seconds: int) -> Contracts:
    """The shipped contracts with another cadence of quotes."""
    contracts = contracts_in()
    quotes = contracts.dataset("quotes")
    assert isinstance(quotes.source, Feed)
    changed = replace(quotes, source=replace(quotes.source, every=seconds), hash=f"every {seconds}")
    return replace(contracts, contracts=tuple(changed if each is quotes else each for each in contracts))


@pytest.mark.parametrize("dataset", ["quotes", "sales"])
def test_a_contract_is_read_as_it_was_deployed(dataset: str) -> None:
    form = ContractForm.of(contracts_in(), dataset)
    assert ContractForm.from_json(form.to_json(), key="k") == form
    assert (form.calendar is not None) == (dataset == "quotes")
    assert form.contract.hash == contracts_in().dataset(dataset).hash


def test_a_history_grows_only_where_the_contract_is_another() -> None:
    store = MemoryObjects()
    first = record_deployment(store, every(60), "quotes", now=NOON)
    assert record_deployment(store, every(60), "quotes", now=NOON + 60) == first
    second = record_deployment(store, every(300), "quotes", now=NOON + 120)
    back = record_deployment(store, every(60), "quotes", now=NOON + 180)
    assert [each.number for each in (first, second, back)] == [1, 2, 3]
    assert (first.form, first.since) == (back.form, NOON)
    assert [recorded.deployment for recorded in read_history(store, "quotes")] == [first, second, back]
    assert [recorded.form.contract.hash for recorded in read_history(store, "quotes")] == [
        "every 60",
        "every 300",
        "every 60",
    ]
    assert len([info for info in store.list("") if "/forms/" in info.key]) == 2


def test_nothing_that_was_recorded_is_written_again() -> None:
    store = MemoryObjects()
    record_deployment(store, every(60), "quotes", now=NOON)
    before = {info.key: store.read(info.key) for info in store.list("")}
    record_deployment(store, every(300), "quotes", now=NOON + 60)
    assert {key: store.read(key) for key in before} == before


def test_an_object_that_stands_for_the_folder_changes_nothing() -> None:
    """Consoles and file systems over S3 put one, with the folder's own key."""
    store = MemoryObjects()
    first = record_deployment(store, every(60), "quotes", now=NOON)
    store.write(deployments_prefix("quotes"), b"")
    second = record_deployment(store, every(300), "quotes", now=NOON + 60)
    assert read_deployments(store, "quotes", thoroughly=True) == [first, second]


def test_a_clock_that_went_back_does_not_turn_the_order_round() -> None:
    store = MemoryObjects()
    record_deployment(store, every(60), "quotes", now=NOON)
    assert record_deployment(store, every(300), "quotes", now=NOON - 60).since == NOON


def test_a_feed_owes_from_when_its_schedules_were_first_on() -> None:
    store = MemoryObjects()
    assert switched_on(read_deployments(store, "quotes")) is None
    record_deployment(store, every(60), "quotes", now=NOON, collecting=False)
    assert switched_on(read_deployments(store, "quotes")) is None
    record_deployment(store, every(60), "quotes", now=NOON + 30)  # by an audit, which does not know
    assert switched_on(read_deployments(store, "quotes")) is None
    record_deployment(store, every(60), "quotes", now=NOON + 60, collecting=True)
    record_deployment(store, every(300), "quotes", now=NOON + 120, collecting=False)
    deployments = read_deployments(store, "quotes")
    assert switched_on(deployments) == NOON + 60
    assert [each.collecting for each in deployments] == [False, True, True]


def test_a_contract_that_is_gone_or_altered_is_told_and_not_guessed() -> None:
    store = MemoryObjects()
    deployment = record_deployment(store, every(60), "quotes", now=NOON)
    key = form_key("quotes", deployment.form)
    store.write(key, b"{}")
    with pytest.raises(InvalidData, match="was altered"):
        read_history(store, "quotes", thoroughly=True)
    store.delete([key])
    with pytest.raises(InvalidData, match="is missing"):
        read_history(store, "quotes", thoroughly=True)
    store.write(deployment_key("quotes", 1), b"[]")
    with pytest.raises(InvalidData, match="is no deployment"):
        read_deployments(store, "quotes")


class Counting(MemoryObjects):
    """Objects that say how many of them were read."""

    reads = 0

    def read(self, key: str) -> StoredObject | None:
        self.reads += 1
        return super().read(key)


def of_an_earlier_release(store: MemoryObjects, number: int) -> None:
    """The deployment's object as it was written before one repeated those before it."""
    key = deployment_key("quotes", number)
    stored = store.read(key)
    assert stored is not None
    data = json.loads(stored.body)
    del data["before"]
    store.write(key, json.dumps(data).encode())


def test_the_last_object_tells_a_history_however_long_it_is() -> None:
    store = Counting()
    recorded = [record_deployment(store, every(60 + number), "quotes", now=NOON + number) for number in range(40)]
    store.reads = 0
    assert read_deployments(store, "quotes") == recorded
    assert store.reads == 1
    assert read_deployments(store, "quotes", thoroughly=True) == recorded
    assert store.reads == 41


@pytest.mark.parametrize("seed", range(5))
def test_whatever_release_wrote_each_deployment_the_history_is_the_same(seed: int) -> None:
    draw, store = random.Random(seed), MemoryObjects()
    recorded = []
    for number in range(1, 9):
        recorded.append(record_deployment(store, every(60 + number), "quotes", now=NOON + number))
        if draw.random() < 0.5:
            of_an_earlier_release(store, number)
        assert read_deployments(store, "quotes") == recorded
        assert read_deployments(store, "quotes", thoroughly=True) == recorded


@pytest.mark.parametrize("harm", ["altered", "gone", "forged"])
def test_who_proves_something_finds_deployments_that_disagree(harm: str) -> None:
    """Whoever may add a deployment could else make the past another one."""
    store = MemoryObjects()
    first, *_, last = [record_deployment(store, every(60 + number), "quotes", now=NOON + number) for number in range(3)]
    if harm == "altered":
        store.write(deployment_key("quotes", 1), replace(first, since=0).to_json())
    elif harm == "gone":
        store.delete([deployment_key("quotes", 2)])
    else:
        added = replace(last, number=4)
        store.write(deployment_key("quotes", 4), added.to_json([replace(first, since=0), last, last]))
    with pytest.raises(InvalidData, match="disagrees with those before it"):
        read_history(store, "quotes", thoroughly=True)


def test_a_contract_that_this_process_knows_is_not_read_again_but_by_whoever_proves_something() -> None:
    store = Counting()
    deployment = record_deployment(store, every(77), "quotes", now=NOON)
    before = read_history(store, "quotes")
    store.delete([form_key("quotes", deployment.form)])
    assert read_history(store, "quotes") == before
    with pytest.raises(InvalidData, match="is missing"):
        read_history(store, "quotes", thoroughly=True)

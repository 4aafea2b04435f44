"""Random changes of generated contracts against the lake: the class of a change is what the lake then needs.

Objects are processed under the contract before, then under the one after. Where all changes are additive, what is
there is read and merged onto without a word; where some want a restate, partitions can be made again in their
place. After that, the lake holds what an empty one holds into which the same objects were played.
"""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from tests.support.fitting_lines import lines_of
from tests.support.generated_contracts import LOOKUPS, TODAY, ZONES, changed, good_contract
from tests.support.lake import MemoryLake

from auditor.warehouse.partitions import read_partition
from core.authoring.declare import ContractShape
from core.authoring.load import examine, examine_shapes
from core.authoring.lookups import read_lookups
from core.authoring.problems import Problems
from core.contract.model import Contracts, Feed, Lookup, Table
from core.errors import StarmendError
from core.evolution.changes import Change, gravest
from core.evolution.compare import compare_contracts
from processing.restating.rebuild import rebuild_table


def written_pair(draw: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """A contract as its author wrote it, and as he wrote it after a change or two."""
    before = good_contract(draw)
    after = copy.deepcopy(before)
    for _ in range(draw.choice((1, 1, 1, 2))):
        changed(after, draw)
    if after["source"]["kind"] == "database" and draw.random() < 0.1:
        after["source"]["timezone"] = draw.choice(ZONES)
    return before, after


def accepted(contract: dict[str, Any], folder: Path) -> Contracts | None:
    """Like ``loaded``, of a contract that nobody writes down: half of what it costs is to write and to read YAML."""
    try:
        shape = ContractShape.model_validate(contract)
    except ValidationError:
        return None
    contracts, problems = examine_shapes([(Problems("shop.yaml"), shape)], _lookups(folder), today=TODAY)
    return None if any(not problem.warning for problem in problems) else contracts


def loaded(contract: dict[str, Any], folder: Path) -> Contracts | None:
    """The contracts as they were resolved; None where the check refuses them."""
    _lookups(folder)
    (folder / "shop.yaml").write_text(yaml.dump(contract, Dumper=yaml.CSafeDumper, sort_keys=False))
    contracts, problems = examine(folder, today=TODAY)
    return None if any(not problem.warning for problem in problems) else contracts


@functools.cache
def _lookups(folder: Path) -> tuple[Lookup, ...]:
    """Written into a folder and read there once."""
    (folder / "lookups").mkdir(exist_ok=True)
    for name, text in LOOKUPS.items():
        (folder / "lookups" / f"{name}.csv").write_text(text)
    return read_lookups(folder / "lookups")[0]


def misjudgement(before: Contracts, after: Contracts) -> str:
    """What the lake shows that the classes of the changes do not say; empty where they are right."""
    changes = compare_contracts(before, after)
    if bool(changes) != ([each.hash for each in before] != [each.hash for each in after]):
        return f"{len(changes)} changes between contracts of {'other' if not changes else 'the same'} hashes"
    if gravest(changes) in (None, "rebuild", "refused"):
        return ""
    lake = MemoryLake(before)
    keys = _put(lake, before, first=1)
    if lake.process(*keys) or any(lake.receipt(key)["rejected"] for key in keys):
        return ""  # a contract that cannot be kept is another test's
    lake.deployed(after)
    if gravest(changes) == "additive" and (problem := _problem(lake, after, changes)):
        return f"additive, but {problem}"
    more = _put(lake, after, first=3)
    errors = lake.process(*more)
    if gravest(changes) == "additive" and errors:
        return f"additive, but {next(iter(errors.values()))}"
    return _difference(lake, after, [*keys, *more])


def _put(lake: MemoryLake, contracts: Contracts, *, first: int) -> list[str]:
    keys = []
    for contract in contracts:
        for source in contract.source.tables if contract.source else ():
            lines = lines_of(contract, contracts, source)
            if isinstance(contract.source, Feed):
                keys.append(lake.put(f"feeds/{contract.dataset}/2026/11/20/14/part-{first}.gz", lines))
            else:
                keys.append(lake.put_table(contract.dataset, source.name, first, lines[:-1]))
                keys.append(lake.put_table(contract.dataset, source.name, first + 1, lines[-1:]))
    return keys


def _facts(contracts: Contracts) -> list[Table]:
    return [table for table in contracts.tables() if table.kind == "fact"]


def _problem(lake: MemoryLake, after: Contracts, changes: Sequence[Change]) -> str:
    new = {change.place for change in changes if not change.was}
    for table in _facts(after):
        if f"warehouse.{table.name}" in new:
            continue
        for path in lake.paths(table.name):
            if problem := read_partition(lake.partitions, table, path).problem:
                return problem
    return ""


def _difference(lake: MemoryLake, after: Contracts, keys: Sequence[str]) -> str:
    """What differs from an empty lake, after every fact was made again where it is.

    Nothing is compared where the contract after it rejects lines that were taken: those rows stay, and are reported.
    """
    empty = MemoryLake(after)
    for key in keys:
        stored = lake.ingest.read(key)
        assert stored is not None
        empty.ingest.write(key, stored.body)
    if empty.process(*keys) or any(empty.receipt(key)["rejected"] for key in keys):
        return ""
    for table in _facts(after):
        try:
            list(rebuild_table(lake.services, table.name))
        except StarmendError as error:
            return f"{table.name} cannot be made again: {error}"
        if lake.rows(table.name) != empty.rows(table.name):
            return f"{table.name} is not what an empty lake would hold"
    return ""

"""Generations of tables: how a deployment goes from one key, partitioning or type to another while all go on. Pure.

A table whose rows come under another key, into other partitions or into narrower types gets a new *generation*, a
folder of its own beside the old one. The deployment then has two steps:

1. What is deployed stays, and the wanted contract is put ``beside`` it: every ingest object is processed by both, into
   the old generations and the new ones. Readers, audits and certificates know of the old ones only. Now the new ones
   are built from the ingest objects that were there before, and compared.
2. The two contracts change places: the catalog tables name the new folders. The old ones are written for a grace period
   more, so that going back is the same step in the other direction, with nothing to build but the rollups: audits make
   those, of what readers see.

A generation is named by a hash of what it was made from and of what it is, so that no name comes twice and a step that
is tried again comes to the same.

A table that is new, of a source that is not, goes the same way: it is built before the catalog knows of it, so that no
reader finds it empty. One that was taken out once and comes back takes up its last generation where its rows fit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from core.contract.codec import content_hash
from core.contract.model import Beside, Contract, Contracts, Database, SourceTable, Table
from core.evolution.compare import as_written
from core.evolution.compare_sources import compare_sources
from core.evolution.compare_tables import compare_tables
from core.evolution.deployments import ContractForm, Recorded
from core.time import epoch, iso
from core.warehouse.current_state import current_table, inputs_of, is_written_beside
from core.warehouse.vacuum import GRACE, SHORTEST_GRACE

History = Callable[[str], Sequence[Recorded]]  # the deployments of a dataset, in order

DIGITS = 8
_MARGIN = int(SHORTEST_GRACE.total_seconds())  # writers that began within the grace period have ended by then


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """A table that is built beside the one that readers see, by their folders; ``beside`` is empty where none is."""

    dataset: str
    table: str
    folder: str
    beside: str


@dataclass(frozen=True, slots=True)
class Transition:
    """A deployment's steps. ``first`` is applied at once; where ``building`` is empty, that is all.

    Else ``building`` are the generations to fill before ``last``, which has the wanted contracts.
    """

    first: Contracts
    wanted: Contracts
    building: tuple[NewGeneration, ...] = ()

    def last(self, now: int) -> Contracts:
        """The wanted contracts, with what readers saw before beside them until the grace period from ``now`` ends."""
        served = {contract.dataset: contract for contract in self.first}
        built = {each.dataset for each in self.building}
        contracts = (
            _beside(contract, served[contract.dataset], self.first, until=_grace(now))
            if contract.dataset in built and folders_of(served[contract.dataset]) - folders_of(contract)
            else replace(contract, beside=_kept(served.get(contract.dataset), contract, now))
            for contract in self.wanted
        )
        return replace(self.wanted, contracts=tuple(contracts))


def plan_transition(
    deployed: Contracts | None, wanted: Contracts, *, now: int, history: History = lambda _dataset: ()
) -> Transition:
    """The steps from what is deployed (None: nothing) to the wanted contracts, at ``now`` (epoch seconds).

    Where nothing but what is deployed is wanted, ``first`` is that, byte by byte. A generation that is beside already
    is taken as it is: one that readers saw is whole, but for its rollups, so that going back builds no more than those.
    ``history`` is asked for a dataset's deployments where the wanted contract has a table that the deployed one has
    not, where a generation is new, and where its first step was taken already.
    """
    if deployed is None:
        return Transition(wanted, wanted)
    before = {contract.dataset: contract for contract in deployed}
    contracts = [
        _in_generations(before[contract.dataset], contract, now, history)
        if contract.dataset in before
        else _brought_back(contract, history)
        for contract in wanted
    ]
    placed = replace(wanted, contracts=tuple(contracts))
    building = tuple(
        each
        for contract in contracts
        if contract.dataset in before
        for each in _to_build(before[contract.dataset], contract, deployed, now, history)
    )
    if not building:
        first = [_at_once(before.get(contract.dataset), contract, deployed, now) for contract in contracts]
        return Transition(replace(placed, contracts=tuple(first)), placed)
    built = {each.dataset for each in building}
    new = {contract.dataset: contract for contract in contracts}
    held = [
        _beside(contract, new[contract.dataset], placed, until="") if contract.dataset in built else contract
        for contract in deployed
    ]
    return Transition(replace(deployed, contracts=tuple(held)), placed, building)


def is_still_due(planned: Transition, again: Transition, *, now: int) -> bool:
    """Whether a transition that was planned earlier may be taken at ``now``; ``again`` is the one of now.

    Not where a generation that was written then is not any more, nor where less than an hour is left of the grace
    period that it gives to what readers see until then.
    """
    if planned.building != again.building:
        return False
    steps = ((contract.beside, other.beside) for contract, other in zip(planned.first, again.first, strict=True))
    given = [then.until for then, present in steps if then and present and then.until != present.until]
    return all(now <= epoch(until) - _MARGIN for until in given)


def folders_of(contract: Contract) -> set[str]:
    """The folders of a contract's tables."""
    return {table.folder for table in contract.tables}


def retired_folders(history: Sequence[Recorded], contracts: Contracts, *, now: int) -> dict[str, int]:
    """The folders of generations that others took the place of and nobody reads or writes at ``now``; since when.

    Those of current states too. ``history`` is the dataset's. Since an hour at least where their grace period ended,
    else for as long as that since they were named last. A table that the contract has no more keeps what readers saw
    last, and so does one that another dataset has too.
    """
    live = {folder for contract in contracts for folder in _live(contract, now)}
    seen: dict[str, str] = {}  # the folder that a table had last
    gone: dict[str, int] = {}
    for recorded, following in zip_longest(history, history[1:]):
        deployed = recorded.form.contract
        since = following.deployment.since if following else now
        for folder, name in _stored(deployed).items():
            seen[name] = folder
            gone[folder] = since + int(GRACE.total_seconds())
        for folder in _stored(deployed.beside.contract) if deployed.beside else ():
            until = deployed.beside.until if deployed.beside else ""
            gone[folder] = epoch(until) + _MARGIN if until else since + int(GRACE.total_seconds())
    kept = live | set(seen.values())
    return {folder: since for folder, since in gone.items() if folder not in kept and since <= now}


def _live(contract: Contract, now: int) -> set[str]:
    """The folders that are read or written for a dataset, or may be by writers that have not ended yet."""
    beside = contract.beside
    is_written = beside is not None and now < epoch(beside.until or iso(now + 1)) + _MARGIN
    return {*_stored(contract), *(_stored(beside.contract) if beside is not None and is_written else ())}


def _stored(contract: Contract) -> dict[str, str]:
    """The names of a contract's tables, and of the current states of its sources, by their folders."""
    sources = contract.source.tables if isinstance(contract.source, Database) else ()
    states = (current_table(contract, each) for each in sources)
    return {table.folder: table.name for table in (*contract.tables, *states)}


# ---------------------------------------------------------------- one dataset


def _in_generations(before: Contract, wanted: Contract, now: int, history: History) -> Contract:
    """The wanted contract with each of its tables in the generation that its rows fit, or in a new one."""
    known = [before]
    past = _Past(wanted, history)
    if before.beside is not None and before.beside.is_live(now):
        known.append(before.beside.contract)
    strangers = [affected(each, wanted) for each in known]
    tables = []
    for table in wanted.tables:
        home = next(
            (
                each
                for each, others in zip(known, strangers, strict=True)
                if table.name not in others and _has(each, table) and _is_its_own(each, before, table.name)
            ),
            None,
        )
        old = _named(before.tables, table.name)
        generation = _named(home.tables, table.name).generation if home else ""  # type: ignore[union-attr]
        if home is None:
            generation = past.name_after(before, old, table) if old is not None else past.generation_of(table)
        tables.append(replace(table, generation=generation))
    source = wanted.source
    if isinstance(source, Database):
        placed = (_source_in_generation(known, wanted, each, past) for each in source.tables)
        source = replace(source, tables=tuple(placed))
    return replace(wanted, tables=tuple(tables), source=source)


def _brought_back(wanted: Contract, history: History) -> Contract:
    """A dataset that is not deployed, in the generations that it had last where it was taken out once."""
    past = _Past(wanted, history)
    tables = tuple(replace(table, generation=past.generation_of(table)) for table in wanted.tables)
    source = wanted.source
    if isinstance(source, Database):
        states = (replace(each, generation=past.state_of(each)) for each in source.tables)
        source = replace(source, tables=tuple(states))
    return replace(wanted, tables=tables, source=source)


def _source_in_generation(
    known: Collection[Contract], wanted: Contract, source: SourceTable, past: _Past
) -> SourceTable:
    """The source table with the generation of its current state."""
    deployed = next(iter(known))
    was = _source_of(deployed, source.name)
    for contract in known:
        there = _source_of(contract, source.name)
        is_its_own = contract is deployed or there is None or was is None or there.generation != was.generation
        if there is not None and is_its_own and source.name not in _states_affected(contract, wanted):
            return replace(source, generation=there.generation)
    if was is None:
        return replace(source, generation=past.state_of(source))
    return replace(source, generation=past.state_name_after(was, source))


def _state_name(was: SourceTable, wanted: Contract, source: SourceTable) -> str:
    """The name of a current state's new generation: of its source, and of the dimensions that refuse rows of it."""
    dimensions = [table for table in wanted.tables if table.kind == "dimension" and table.source == source.name]
    return content_hash((was, source, [replace(table, generation="") for table in dimensions]))[:DIGITS]


class _Past:
    """What the history says of tables and current states that the deployed contract of a dataset has not.

    It is read where somebody asks, for most contracts have no such table.
    """

    def __init__(self, wanted: Contract, history: History) -> None:
        self._wanted = wanted
        self._history = history

    def generation_of(self, table: Table) -> str:
        """The generation that the table had last where its rows fit, else one after it; empty where it never was."""
        for contract in self._newest_first():
            last = _named(contract.tables, table.name)
            if last is not None:
                fits = table.name not in affected(contract, self._wanted)
                return last.generation if fits else self.name_after(contract, last, table)
        return ""

    def name_after(self, before: Contract, old: Table, new: Table) -> str:
        """The name of the generation that comes after ``old``: one that no generation of the table ever had."""
        return self._unused(_name(before, self._wanted, old, new), lambda contract: _named(contract.tables, new.name))

    def state_name_after(self, was: SourceTable, source: SourceTable) -> str:
        """The same for the current state of a source table."""
        return self._unused(_state_name(was, self._wanted, source), lambda contract: _source_of(contract, source.name))

    def _unused(self, name: str, named: Callable[[Contract], Table | SourceTable | None]) -> str:
        """The name, or one made from it where the history has it: what was retired is never written again."""
        known = {each.generation for contract in self._written() if (each := named(contract)) is not None}
        while name in known:
            name = content_hash(name)[:DIGITS]
        return name

    def _written(self) -> Iterator[Contract]:
        for contract in self._newest_first():
            yield contract
            if contract.beside is not None:
                yield contract.beside.contract

    def state_of(self, source: SourceTable) -> str:
        """The same for the current state of a source table."""
        for contract in self._newest_first():
            last = _source_of(contract, source.name)
            if last is not None:
                fits = source.name not in _states_affected(contract, self._wanted)
                return last.generation if fits else self.state_name_after(last, source)
        return ""

    def _newest_first(self) -> Iterator[Contract]:
        return (recorded.form.contract for recorded in reversed(self._history(self._wanted.dataset)))


def affected(before: Contract, after: Contract) -> set[str]:
    """The tables whose rows of before do not fit: those of a change of class rebuild, and what is derived from them."""
    sources = _sources_affected(before, after)
    names = _rebuilt(before, after)
    for table in after.tables:
        if (table.kind == "fact" and table.source in sources) or sources & {*inputs_of(table)}:
            names.add(table.name)
    return names | {table.name for table in after.tables if table.kind == "rollup" and table.source in names}


def _rebuilt(before: Contract, after: Contract) -> set[str]:
    """The tables that have a change of class rebuild themselves."""
    changes = compare_tables(as_written(before), as_written(after))
    return {change.place.split(".")[1] for change in changes if change.grade == "rebuild"}


def _states_affected(before: Contract, after: Contract) -> set[str]:
    """The source tables whose current state has rows that do not fit, or that a dimension of them now refuses."""
    names = _rebuilt(before, after)
    refused = {table.source for table in after.tables if table.kind == "dimension" and table.name in names}
    return _sources_affected(before, after) | refused


def _sources_affected(before: Contract, after: Contract) -> set[str]:
    """The source tables whose rows are told apart, placed or taken in another way."""
    names: set[str] = set()
    for change in compare_sources(as_written(before), as_written(after)):
        if change.grade == "rebuild":
            _, part, *rest = change.place.split(".")
            everything = {table.name for table in after.source.tables} if after.source else set()
            names |= {rest[0]} if part == "tables" and rest else everything
    return names


def _to_build(
    before: Contract, wanted: Contract, deployed: Contracts, now: int, history: History
) -> Iterator[NewGeneration]:
    """The generations that are not whole: those that are new, or whose building has begun.

    Tables whose source is new too have nothing that they could be built from, and what another dataset has is there.
    """
    whole = {folder for contract in deployed for folder in folders_of(contract)}
    if before.beside is not None and before.beside.is_live(now):
        written = _made_alike(before, wanted)
        whole |= written if before.beside.until else _readers_saw(written - whole, wanted, history(before.dataset), now)
    for table in wanted.tables:
        old = _named(before.tables, table.name)
        if table.folder not in whole and (old is not None or _has_rows(before, wanted, table)):
            yield NewGeneration(wanted.dataset, table.name, table.folder, old.folder if old else "")


def _made_alike(served: Contract, wanted: Contract) -> set[str]:
    """The folders into which all that came was put by the contract beside, as the wanted one would have put it.

    Lines that the contract beside rejected are in none: a column has another name since, or a check was loosened. So
    the rows of a table are taken as they are only where it and its source are what they were, and are made otherwise.
    Nobody brought the rollups there up to date.
    """
    if served.beside is None:
        return set()
    before, after = as_written(served.beside.contract), as_written(wanted)
    if (before.quarantine_share, before.quarantine_minimum) != (after.quarantine_share, after.quarantine_minimum):
        return set()  # an object that the one of them halts gave nothing
    names = {name for change in compare_tables(before, after) for name in change.place.split(".")[1:2]}
    sources: set[str] = set()
    for change in compare_sources(before, after):
        _, part, *rest = change.place.split(".")
        everything = {each.name for each in before.source.tables} if before.source else set()
        sources |= {rest[0]} if part == "tables" and rest else everything
    facts = {table.name for table in before.tables if table.kind == "fact" and table.source in sources}
    return {
        table.folder
        for table in served.beside.contract.tables
        if table.kind != "rollup"
        and table.name not in names | facts
        and not {*inputs_of(table)} & sources
        and is_written_beside(served, table)
    }


def _readers_saw(folders: Collection[str], wanted: Contract, history: Sequence[Recorded], now: int) -> set[str]:
    """Those of the folders that readers saw once and that have been written without a break since, all by rules alike.

    One step of a deployment may begin with a generation that was kept for its grace period and others that are new; the
    contract beside says of both alike that they are written.
    """
    seen: set[str] = set()
    sought, until = set(folders), now
    for recorded in reversed(history):
        contract = recorded.form.contract
        written = _made_alike(contract, wanted) if contract.beside and contract.beside.is_live(until) else set()
        served = folders_of(contract) | (written if contract.beside and contract.beside.until else set())
        seen |= sought & served
        sought = sought & written - served
        if not sought:
            break
        until = recorded.deployment.since
    return seen


def _has_rows(before: Contract, wanted: Contract, table: Table) -> bool:
    """Whether what is deployed has acquired rows that a new table is made of, or it is made of the contract alone."""
    if table.kind == "rollup":
        fact = _named(wanted.tables, table.source)
        return fact is not None and _has_rows(before, wanted, fact)
    sources = {*inputs_of(table)} if table.kind == "dimension" else {table.source} if table.kind == "fact" else set()
    return before.source is not None and all(_source_of(before, name) is not None for name in sources)


def _at_once(before: Contract | None, wanted: Contract, deployed: Contracts, now: int) -> Contract:
    """The wanted contract where nothing has to be built: what readers saw before is beside it for a while."""
    if before is None:
        return wanted
    if folders_of(before) - folders_of(wanted) and folders_of(wanted) - folders_of(before):
        return _beside(wanted, before, deployed, until=_grace(now))
    return replace(wanted, beside=_kept(before, wanted, now))


def _kept(before: Contract | None, wanted: Contract, now: int) -> Beside | None:
    """What stays beside a contract: what readers saw, while its grace lasts or nothing else changes."""
    if before is None or before.beside is None or not before.beside.until:
        return None
    is_same = replace(before, beside=None) == wanted
    return before.beside if is_same or before.beside.is_live(now) else None


def _beside(contract: Contract, other: Contract, of: Contracts, *, until: str) -> Contract:
    """The contract with another one of its dataset beside it; ``of`` are the contracts that the other one is among."""
    alone = replace(other, beside=None)
    whole = replace(of, contracts=tuple(alone if each.dataset == other.dataset else each for each in of))
    form = ContractForm.of(whole, other.dataset)
    calendars = (form.calendar,) if form.calendar else ()
    return replace(contract, beside=Beside(alone, form.lookups, calendars, until))


def _name(before: Contract, wanted: Contract, old: Table, new: Table) -> str:
    """The name of the generation that comes after ``old``, the same for every contract that has the table."""
    tables = [replace(table, dataset="") for table in (old, new)]
    sources = [_source_of(contract, new.source) for contract in (before, wanted)]
    return content_hash((tables, sources))[:DIGITS]


def _source_of(contract: Contract, name: str) -> SourceTable | None:
    return next((table for table in contract.source.tables if table.name == name), None) if contract.source else None


def _named(tables: tuple[Table, ...], name: str) -> Table | None:
    return next((table for table in tables if table.name == name), None)


def _has(contract: Contract, table: Table) -> bool:
    return _named(contract.tables, table.name) is not None


def _is_its_own(contract: Contract, deployed: Contract, name: str) -> bool:
    """Whether a table's rows are as the contract says: in a folder that both have they are as the deployed one does."""
    table = _named(contract.tables, name)
    return contract is deployed or (table is not None and table.folder not in folders_of(deployed))


def _grace(now: int) -> str:
    return iso(now + int(GRACE.total_seconds()))

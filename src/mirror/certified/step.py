"""Certification of a dataset's mirrors: their last snapshots are proven, and the tags move to them together.

Effects in order: a snapshot of each table, a twin with its tags in each, the views of the twins, and what was done
(``star``). A run that is killed in between leaves some tables of the new group and some of the old one, each of which
says so; the next run does the same again and finds done what is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace

from core.audit.certificate import Certificate, Head
from core.contract.model import Contract, Contracts, Table
from core.errors import InvalidData
from core.mirroring.audited import Audited, read_audited
from core.mirroring.state import MirroredFile
from core.mirroring.views import ViewCatalog, certified_view
from core.time import iso
from core.warehouse.current_state import current_table, inputs_of
from mirror.certified.ledgers import certificates_since
from mirror.certified.proof import Place, Proven, Prover
from mirror.certified.star import CertifiedStar, CertifiedTable, change_star, read_star
from mirror.certified.static import is_static
from mirror.certified.tags import Claim, certify_snapshot
from mirror.commit import Waits, mirror_table
from mirror.iceberg.table import TAGS_KEPT
from mirror.reading import Mirror, MirrorServices, read_mirror

READ_AT_ONCE = 4  # objects, which are decoded


@dataclass(frozen=True, slots=True)
class Uncertified:
    """Nothing of the dataset was proven, and why."""

    dataset: str
    problem: str


def certify_dataset(
    contracts: Contracts,
    dataset: str,
    services: MirrorServices,
    *,
    views: ViewCatalog | None = None,
    again: bool = False,
    most: int = 0,
) -> CertifiedStar | Uncertified:
    """Prove the certificates in the very objects of the mirrors, and tag what holds, as one group.

    It costs three requests where the audits have said nothing new since the last time, unless it is asked for
    ``again``, a rollup that was behind its facts has been made again, or what was claimed is a week old. Of what has
    changed since the last proof the objects are read; of all of them the first time. Where these are more than ``most``
    (0: no bound), which a function has no time for, the oldest are, as far as these go: the next run goes on from
    there. A table of which less holds than was claimed before keeps its tag, until the snapshot is a week old. Where
    there are ``views``, those of the tagged tables follow. Raises ``TransientFailure`` where a store does not answer,
    and where another run certifies the dataset further meanwhile.
    """
    contract = contracts.dataset(dataset)
    try:
        audited = read_audited(services.objects, contract)
        before = read_star(services.objects, dataset)
        considered = _considered(audited)
        is_told = considered == before.considered and (not before.until or _claimed(before, services) > 0)
        if is_told and not again and not _were_made_again(contract, before, services):
            return before
        if not audited.until:
            return Uncertified(dataset, "no window of it is certified yet")
        news = certificates_since(services.objects, dataset, Head(before.number, before.hash), audited.head)
    except InvalidData as error:
        return Uncertified(dataset, f"{error.place} {error.problem}")
    for table in contract.tables:
        if isinstance(outcome := mirror_table(table, services), Waits):
            return Uncertified(dataset, f"{table.name} waits for {len(outcome.partitions)} partitions of older types")
    mirrors = {table.name: read_mirror(table.name, services.objects) for table in contract.tables}
    if read_star(services.objects, dataset) != before:  # its tags are in these mirrors, and what it claims is not known
        return Uncertified(dataset, "another run has certified it meanwhile")
    places = _places_to_prove(contract, mirrors, before, audited, news)
    until = _within_reach(places, most, audited.until)
    if until < audited.until and until <= _claimed(before, services):
        problem = (
            f"{sum(map(len, places.values())):,} objects have to be read, which a run has no time for: "
            "starmend mirror certify does it once"
        )
        return Uncertified(dataset, problem)
    prover = Prover(contracts, contract, services.objects, until=until)
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        proofs = {name: _least(prover, of_table, until, pool) for name, of_table in places.items()}
    for table in contract.tables:
        since = before.until if _goes_on(before, table, mirrors[table.name]) else 0
        named = prover.prove_named(table, _files(table, mirrors[table.name]), since=since, news=news)
        proofs[table.name] = min(
            named, proofs[table.name], *_known_amiss(contract, table, audited), key=lambda proven: proven.until
        )
    star = _tagged(contract, mirrors, proofs, before, audited, services)
    star = replace(star, considered=considered if until == audited.until else "")
    if views is not None and star.group != before.group:
        _make_views(contracts, contract, star, views)
    return change_star(services.objects, dataset, lambda stored: star if stored == before else stored)


# ---------------------------------------------------------------- what there is to do


def _considered(audited: Audited) -> str:
    amiss = "".join(f" {table}:{start}" for table, start in sorted(audited.amiss.items()))
    return f"{audited.head.number} {audited.head.hash} {audited.until}{amiss}"


def _were_made_again(contract: Contract, before: CertifiedStar, services: MirrorServices) -> bool:
    """Whether a rollup that was behind, its facts not, is another by now: it is made again after the audit's end."""
    return any(
        _sequence(read_mirror(table.name, services.objects)) != before.tried.get(table.name)
        for table in contract.tables
        if table.kind == "rollup" and table.name in before.problems and table.source not in before.problems
    )


def _within_reach(places: Mapping[str, Collection[Place]], most: int, until: int) -> int:
    """The instant before which rows lie in ``most`` of the places (0: in as many as there are), ``until`` at most."""
    starts = sorted(place.bounds[0] for of_table in places.values() for place in of_table)
    return min(until, starts[most]) if most and len(starts) > most else until


# ---------------------------------------------------------------- what holds


def _places_to_prove(
    contract: Contract,
    mirrors: Mapping[str, Mirror],
    before: CertifiedStar,
    audited: Audited,
    news: Iterable[Certificate],
) -> dict[str, list[Place]]:
    """The objects of each table that were not proven before.

    New ones, those that new certificates speak of, and those with rows of the time of which nothing was claimed.
    """
    touched = {path for certificate in news for path in _paths_in(certificate)}
    for name, mirror in mirrors.items():
        proven_until = before.sequence_of(name)
        touched |= {path for path, file in mirror.state.files.items() if file.sequence > proven_until}
    places = {}
    for table in contract.tables:
        is_known = before.sequence_of(table.name) > 0
        since = before.until if is_known else 0
        places[table.name] = [
            place
            for place in _places(table, mirrors[table.name])
            if not is_known or place.path in touched or place.overlaps(since, audited.until)
        ]
    return places


def _least(prover: Prover, places: Iterable[Place], until: int, pool: Executor) -> Proven:
    """How far all of the places hold. Those of later rows than the first that does not are not looked at."""
    least, ordered = Proven(until), sorted(places, key=lambda place: place.bounds)
    for first in range(0, len(ordered), 2 * READ_AT_ONCE):
        part = ordered[first : first + 2 * READ_AT_ONCE]
        if part[0].bounds[0] >= least.until:
            break
        least = min([least, *pool.map(prover.prove, part)], key=lambda proven: proven.until)
    return least


def _known_amiss(contract: Contract, table: Table, audited: Audited) -> Iterator[Proven]:
    """What the audits know of a table, or of what it is computed from, whatever certificates of before say."""
    sources = [current_table(contract, contract.source_table(name)).name for name in inputs_of(table)]
    for name in (table.name, *sources):
        if name in audited.amiss:
            yield Proven(
                audited.amiss[name], f"{name}: the audit finds it not whole from {iso(audited.amiss[name])} on"
            )


def _places(table: Table, mirror: Mirror) -> Iterator[Place]:
    files = _files(table, mirror)
    yield from (Place(table, path, file.key) for path, file in files.items())
    if not files and is_static(table):
        yield Place(table, "", "")


def _files(table: Table, mirror: Mirror) -> Mapping[str, MirroredFile]:
    return mirror.state.files if mirror.state.folder == table.folder else {}


def _goes_on(before: CertifiedStar, table: Table, mirror: Mirror) -> bool:
    """Whether the snapshot has a file that was proven: one of another generation, or of a lost state, has none."""
    proven = before.sequence_of(table.name)
    return any(file.sequence <= proven for file in _files(table, mirror).values())


def _paths_in(certificate: Certificate) -> Iterator[str]:
    """The paths of the partitions that a certificate speaks of, or speaks of no more.

    Below the table's folder: tables that are computed from others lie in partitions of the same paths.
    """
    for name in (*certificate.partitions, *certificate.changed.get("partitions", ())):
        yield name.partition("/")[2]


# ---------------------------------------------------------------- what is claimed of it


def _tagged(
    contract: Contract,
    mirrors: Mapping[str, Mirror],
    proofs: Mapping[str, Proven],
    before: CertifiedStar,
    audited: Audited,
    services: MirrorServices,
) -> CertifiedStar:
    """The star after all tables of which no less holds than before were tagged as one group."""
    now, claimed = int(services.now().timestamp()), _claimed(before, services)
    together = {name: proven for name, proven in proofs.items() if proven.until and proven.until >= claimed}
    problems = {name: proven.problem for name, proven in proofs.items() if name not in together}
    tried = {name: _sequence(mirrors[name]) for name in problems}
    if not together:
        return replace(before, problems=problems, tried=tried)
    until = min(proven.until for proven in together.values())
    heads = (f"{contract.dataset}/{audited.head.number} {audited.head.hash}",)
    claim = Claim(until, heads, _group([str(until), *heads, *_snapshots(mirrors[name] for name in together)]))
    tables = dict(before.tables)
    for table in contract.tables:
        if table.name in together:
            mirror = mirrors[table.name]
            tagged = certify_snapshot(table, mirror, claim, services)
            tables[table.name] = CertifiedTable(tagged.snapshot, tagged.version, _sequence(mirror), until, claim.group)
    return CertifiedStar(
        until=until,
        at=before.at if claim.group == before.group and claimed else now,
        number=audited.head.number,
        hash=audited.head.hash,
        group=claim.group,
        tables=tables,
        problems=problems,
        tried=tried,
    )


def _claimed(before: CertifiedStar, services: MirrorServices) -> int:
    """What the last tags claim; nothing any more when their snapshots are gone."""
    return before.until if services.now().timestamp() - before.at < TAGS_KEPT.total_seconds() else 0


def _make_views(contracts: Contracts, contract: Contract, star: CertifiedStar, views: ViewCatalog) -> None:
    """Let the views of the star's new group name their snapshots; others stay in the group that they were made of.

    For the columns are those of the contract now, which only a new snapshot has. A name that is a table's stays the
    table's.
    """
    taken = {table.name for table in contracts.tables()}
    for table in contract.tables:
        tagged = star.tables.get(table.name)
        if tagged is None or tagged.group != star.group:
            continue
        view = certified_view(contract, table, snapshot=tagged.snapshot, until=tagged.until, database=views.database)
        if view.name not in taken:
            views.put_view(view)


def _snapshots(mirrors: Iterable[Mirror]) -> Iterator[str]:
    return (str(mirror.metadata.current_snapshot_id) for mirror in mirrors if mirror.metadata)


def _sequence(mirror: Mirror) -> int:
    snapshot = mirror.metadata.current_snapshot() if mirror.metadata else None
    return (snapshot.sequence_number or 0) if snapshot else 0


def _group(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]

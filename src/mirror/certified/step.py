"""Certification of a dataset's mirrors: their last snapshots are proven, and the tags move to them together.

Effects in order: a snapshot of each table, what was proven (``known``), a twin with its tags in each, the views of the
twins, and what was done (``star``). A run that is killed in between leaves some tables of the new group and some of the
old one, each of which says so; the next run does the same again and finds done what is done.

A table stands for itself: one that waits, raises, is behind or has more to be read than a run has time for keeps its
own tag, and the others go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from core.audit.certificate import Head
from core.contract.model import Contract, Contracts, Table
from core.errors import InvalidData, PipelineBug, StarmendError
from core.mirroring.audited import Audited, read_audited
from core.mirroring.views import ViewCatalog, certified_view
from core.time import epoch, iso
from core.warehouse.current_state import current_table, inputs_of
from mirror.certified.known import KnownTable, KnownTables, change_known, read_known
from mirror.certified.ledgers import certificates_since_each
from mirror.certified.proof import Proven, Prover
from mirror.certified.star import CertifiedStar, CertifiedTable, change_star, read_star
from mirror.certified.table_proof import READ_AT_ONCE, TableProof, prove_table, sequence_of
from mirror.certified.tags import TAG, UNTIL, Claim, Overtaken, certify_snapshot
from mirror.commit import Waits, mirror_table
from mirror.iceberg.table import TAGS_KEPT
from mirror.reading import Mirror, MirrorServices, read_mirror

PIECE = 64  # objects of a table, read in seconds: what is known is kept after as many, and a kill costs no more


@dataclass(frozen=True, slots=True)
class Uncertified:
    """Nothing of the dataset was proven, and why."""

    dataset: str
    problem: str


@dataclass(frozen=True, slots=True)
class _Run:
    """A run over one dataset: what audits say, and what was claimed before."""

    contracts: Contracts
    contract: Contract
    services: MirrorServices
    before: CertifiedStar
    audited: Audited

    @property
    def claimed(self) -> int:
        """What the last tags of the star's group claim; nothing any more when their snapshots are gone."""
        return _claimed(self.before, self.services)


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
    ``again``, a table was left behind that may follow now, or what was claimed is a week old. Of what has changed since
    the last proof of a table the objects are read; of all of them the first time. Where these are more than ``most``
    (0: no bound), which a function has no time for, each table has its share, at least one: those that hold least are
    read, and the next run goes on from there. So does a run after one that was killed, with what was kept by then
    (``PIECE``). A table of which less holds than the group claims keeps its own tag, which moves as far as it holds by
    itself, and goes back only when it is a week old. Where there are ``views``, those of the tagged tables follow.

    A table that waits or fails in any way is named in ``problems``, and stops no other. Raises ``TransientFailure``
    where a store does not answer that the whole dataset is asked of, and where another run certifies it further
    meanwhile.
    """
    contract = contracts.dataset(dataset)
    try:
        audited = read_audited(services.objects, contract)
        before = read_star(services.objects, dataset)
        run = _Run(contracts, contract, services, before, audited)
        considered = _considered(audited)
        is_told = considered == before.considered and (not before.until or run.claimed > 0)
        if is_told and not again and not _were_made_again(contract, before, services):
            return before
        if not audited.until:
            return Uncertified(dataset, "no window of it is certified yet")
        failures: dict[str, str] = {}
        mirrors = dict(_mirrored(run, failures))
        if read_star(services.objects, dataset) != before:  # its tags are in these mirrors, and its claim is not known
            return Uncertified(dataset, "another run has certified it meanwhile")
        proofs = _proofs(run, mirrors, failures, most=most)
    except InvalidData as error:
        return Uncertified(dataset, f"{error.place} {error.problem}")
    star = _tagged(run, mirrors, {name: proof.proven for name, proof in proofs.items()}, failures)
    if views is not None:
        star = _with_views(run, star, views, failures)
    is_done = not failures and not any(proof.left for proof in proofs.values())
    star = replace(star, problems={**star.problems, **failures}, considered=considered if is_done else "")

    def after(stored: CertifiedStar) -> CertifiedStar:
        """Of two runs that tagged the same tables the star names the snapshots of one: the next run looks again."""
        return star if stored == before else replace(stored, considered="")

    return change_star(services.objects, dataset, after)


# ---------------------------------------------------------------- what there is to do


def _considered(audited: Audited) -> str:
    amiss = "".join(f" {table}:{start}" for table, start in sorted(audited.amiss.items()))
    return f"{audited.head.number} {audited.head.hash} {audited.until}{amiss}"


def _were_made_again(contract: Contract, before: CertifiedStar, services: MirrorServices) -> bool:
    """Whether a rollup that was behind, its facts not, is another by now: it is made again after the audit's end."""
    return any(
        _last_sequence(table, services) != before.tried.get(table.name)
        for table in contract.tables
        if table.kind == "rollup" and table.name in before.problems and table.source not in before.problems
    )


def _last_sequence(table: Table, services: MirrorServices) -> int | None:
    """None where the mirror cannot be read: the run says why."""
    try:
        return sequence_of(read_mirror(table.name, services.objects))
    except PipelineBug:
        return None


def _mirrored(run: _Run, failures: dict[str, str]) -> Iterator[tuple[str, Mirror]]:
    """The mirror of each table as it is now; what stands against one's is added to the ``failures``."""
    ready = []
    for table in run.contract.tables:
        try:
            outcome = mirror_table(table, run.services)
        except StarmendError as error:
            failures[table.name] = _text_of(error)
        else:
            if isinstance(outcome, Waits):
                failures[table.name] = f"{table.name} waits for {len(outcome.partitions)} partitions of older types"
            else:
                ready.append(table.name)
    for name in ready:
        try:
            mirror = read_mirror(name, run.services.objects)
        except StarmendError as error:
            failures[name] = _text_of(error)
        else:
            if mirror.state_key:
                yield name, mirror
            else:
                failures[name] = f"{name}: the state of its mirror is lost, the next run makes it anew"


def _text_of(error: StarmendError) -> str:
    return f"{error.place} {error.problem}"


# ---------------------------------------------------------------- what holds


def _proofs(run: _Run, mirrors: Mapping[str, Mirror], failures: dict[str, str], *, most: int) -> dict[str, TableProof]:
    """How far each table holds; what stands against the proof of one is added to the ``failures``.

    They are read in turns, a piece of each, until a run's time is over. What is known by then is kept before any tag
    moves, and in between after each piece of objects. Raises ``InvalidData`` where the chain does not follow what was
    proven before.
    """
    objects, dataset, audited = run.services.objects, run.contract.dataset, run.audited
    stored = read_known(objects, dataset)
    known = {name: stored.of(name, mirror, run.before) for name, mirror in mirrors.items()}
    heads = {name: Head(table.number, table.hash) for name, table in known.items()}
    chain = certificates_since_each(objects, dataset, heads.values(), audited.head)
    prover = Prover(run.contracts, run.contract, objects, until=audited.until)
    proofs: dict[str, TableProof] = {}
    learnt, kept, kept_at = dict[str, KnownTable](), dict(stored.tables), 0
    turn = [table for table in run.contract.tables if table.name in mirrors]
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        while turn:
            for ahead, table in enumerate(turn):
                try:
                    proofs[table.name] = proof = prove_table(
                        prover,
                        table,
                        mirrors[table.name],
                        known[table.name],
                        news=[each for each in chain if each.number > known[table.name].number],
                        audited=audited,
                        most=_share(most, prover.read, len(turn) - ahead),
                        pool=pool,
                    )
                except StarmendError as error:
                    failures[table.name] = _text_of(error)
                    proofs.pop(table.name, None)
                    continue
                known[table.name] = learnt[table.name] = proof.known
                if prover.read >= kept_at + PIECE:
                    _keep(run, learnt)
                    kept, kept_at = {**kept, **learnt}, prover.read
            has_time = not most or prover.read < most
            turn = [table for table in turn if has_time and table.name in proofs and proofs[table.name].left]
    if any(kept.get(name) != table for name, table in learnt.items()):
        _keep(run, learnt)
    return {
        table.name: _as_audited(run, table, proofs[table.name]) for table in run.contract.tables if table.name in proofs
    }


def _share(most: int, read: int, tables: int) -> int:
    """How many objects the next of so many ``tables`` may read in its turn: at least one, so that each goes on."""
    return min(PIECE, max(1, (most - read) // tables)) if most else PIECE


def _as_audited(run: _Run, table: Table, proof: TableProof) -> TableProof:
    amiss = _known_amiss(run.contract, table, run.audited)
    return replace(proof, proven=min(proof.proven, *amiss, key=lambda proven: proven.until)) if amiss else proof


def _keep(run: _Run, learnt: Mapping[str, KnownTable]) -> None:
    promised = {table.name for table in run.contract.tables}

    def with_learnt(stored: KnownTables) -> KnownTables:
        kept = {name: table for name, table in stored.tables.items() if name in promised}
        return KnownTables({**kept, **learnt})

    change_known(run.services.objects, run.contract.dataset, with_learnt)


def _known_amiss(contract: Contract, table: Table, audited: Audited) -> list[Proven]:
    """What the audits know of a table, or of what it is computed from, whatever certificates of before say."""
    sources = [current_table(contract, contract.source_table(name)).name for name in inputs_of(table)]
    return [
        Proven(audited.amiss[name], f"{name}: the audit finds it not whole from {iso(audited.amiss[name])} on")
        for name in (table.name, *sources)
        if name in audited.amiss
    ]


# ---------------------------------------------------------------- what is claimed of it


def _tagged(
    run: _Run, mirrors: Mapping[str, Mirror], proofs: Mapping[str, Proven], failures: dict[str, str]
) -> CertifiedStar:
    """The star after all tables of which no less holds than the group and their own tags claim were tagged together.

    Of the others each that holds further than its own tag says is tagged by itself. No tag goes back, also where what
    the star said of its group is lost. What stands against a tag is added to the ``failures``.
    """
    before, own = run.before, {name: _claimed_of(mirrors[name], run.services) for name in proofs}
    claimed = max([run.claimed, *(own[name] for name, proven in proofs.items() if proven.until >= own[name])])
    together = {
        name: proven for name, proven in proofs.items() if proven.until and proven.until >= max(claimed, own[name])
    }
    behind = {name: proven for name, proven in proofs.items() if name not in together}
    tables = dict(before.tables)
    for name, proven in behind.items():
        if proven.until > own[name]:
            claim = _claim(run, proven.until, {name: mirrors[name]})
            tables |= _moved(run, [name], mirrors, claim, failures)
    star = replace(
        before,
        tables=tables,
        problems={name: proven.problem for name, proven in behind.items()},
        tried={name: sequence_of(mirrors[name]) for name in behind},
    )
    if not together:
        return star
    until = min(proven.until for proven in together.values())
    claim = _claim(run, until, {name: mirrors[name] for name in together})
    moved = _moved(run, together, mirrors, claim, failures)
    if not moved:
        return star
    is_kept = claim.group == before.group and claimed
    return replace(
        star,
        until=until,
        at=before.at if is_kept else int(run.services.now().timestamp()),
        number=run.audited.head.number,
        hash=run.audited.head.hash,
        group=claim.group,
        tables={**tables, **moved},
    )


def _claim(run: _Run, until: int, mirrors: Mapping[str, Mirror]) -> Claim:
    head = run.audited.head
    heads = (f"{run.contract.dataset}/{head.number} {head.hash}",)
    return Claim(until, heads, _group([str(until), *heads, *_snapshots(mirrors.values())]))


def _moved(
    run: _Run, names: Iterable[str], mirrors: Mapping[str, Mirror], claim: Claim, failures: dict[str, str]
) -> dict[str, CertifiedTable]:
    """The tags of these tables after they have moved; of one that could not move there is none."""
    moved = {}
    for table in run.contract.tables:
        if table.name not in names:
            continue
        mirror = mirrors[table.name]
        try:
            tagged = certify_snapshot(table, mirror, claim, run.services)
        except Overtaken:
            raise
        except StarmendError as error:
            failures[table.name] = _text_of(error)
        else:
            moved[table.name] = CertifiedTable(
                tagged.snapshot, tagged.version, sequence_of(mirror), claim.until, claim.group
            )
    return moved


def _claimed(before: CertifiedStar, services: MirrorServices) -> int:
    return before.until if services.now().timestamp() - before.at < TAGS_KEPT.total_seconds() else 0


def _claimed_of(mirror: Mirror, services: MirrorServices) -> int:
    """What a table's own tag claims; nothing where it has none, or that is a week old."""
    tagged = mirror.metadata.snapshot_by_name(TAG) if mirror.metadata else None
    if tagged is None or tagged.summary is None:
        return 0
    if services.now().timestamp() - tagged.timestamp_ms / 1000 >= TAGS_KEPT.total_seconds():
        return 0
    return epoch(tagged.summary.additional_properties[UNTIL])


def _with_views(run: _Run, star: CertifiedStar, views: ViewCatalog, failures: dict[str, str]) -> CertifiedStar:
    """Let the views of tables whose tags have moved name their snapshots; others stay as they were made.

    For the columns are those of the contract now, which only a new snapshot has. A name that is a table's stays the
    table's. A view that could not follow is made by the next run: until then the star says of its table what it did.
    """
    taken, tables = {table.name for table in run.contracts.tables()}, dict(star.tables)
    for table in run.contract.tables:
        tagged, last = star.tables.get(table.name), run.before.tables.get(table.name)
        if tagged is None or (last and (last.snapshot, last.until) == (tagged.snapshot, tagged.until)):
            continue
        database = views.database
        view = certified_view(run.contract, table, snapshot=tagged.snapshot, until=tagged.until, database=database)
        if view.name in taken:
            continue
        try:
            views.put_view(view)
        except StarmendError as error:
            failures[table.name] = f"{view.name}: {_text_of(error)}"
            del tables[table.name]
            if last:
                tables[table.name] = last
    return replace(star, tables=tables)


def _snapshots(mirrors: Iterable[Mirror]) -> Iterator[str]:
    return (str(mirror.metadata.current_snapshot_id) for mirror in mirrors if mirror.metadata)


def _group(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]

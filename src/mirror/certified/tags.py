"""Certified snapshots: what was proven of the objects of a snapshot, kept under a tag.

A snapshot that was proven gets a twin, which names the same manifests and says in its summary what was proven of them,
by which certificates and up to when. The tags ``certified`` and ``certified-<day>`` name the twin; the table itself
goes on without it. The proof is made before (``mirror.certified.proof``), of the very objects of the snapshot, whatever
was committed since. Tags go when what they name is a week old (``mirror.iceberg.table.TAGS_KEPT``), also where nobody
certifies any more: else they would hold rows that were erased.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyiceberg.table.metadata import TableMetadataV2

from core.contract.model import Table
from core.errors import TransientFailure
from core.mirroring.names import manifest_list_key
from core.mirroring.state import Held
from core.time import iso
from mirror.commit import TRIES, commit_version, delete_expired, move_hint
from mirror.iceberg.manifests import encode_manifest_list
from mirror.iceberg.table import SnapshotDraft, next_instant, with_tagged_snapshot
from mirror.reading import Mirror, MirrorServices, read_mirror
from mirror.snapshot import Writing, state_before, write_state

_REMEDY = "Certify it again: starmend mirror certify"
TAG = "certified"
UNTIL, CERTIFICATES, GROUP = "starmend.certified_until", "starmend.certificates", "starmend.group"


@dataclass(frozen=True, slots=True)
class Claim:
    """What was proven: all windows that end by ``until`` (epoch seconds).

    ``certificates`` are the last of each dataset's chain, ``<dataset>/<number> <hash>``: it stands for all before it.
    ``group`` is the same for all tables that were proven together.
    """

    until: int
    certificates: tuple[str, ...]
    group: str

    @property
    def tags(self) -> tuple[str, str]:
        """The tags that name a snapshot of which this holds."""
        return TAG, f"{TAG}-{iso(self.until)[:10]}"

    @property
    def summary(self) -> dict[str, str]:
        """The claim as a snapshot's summary says it."""
        return {UNTIL: iso(self.until), CERTIFICATES: ", ".join(self.certificates), GROUP: self.group}


class Overtaken(TransientFailure):
    """Another run certifies the same tables further: what this one has proven is of no use."""


@dataclass(frozen=True, slots=True)
class Certified:
    """The tags of a table name snapshot ``snapshot``, of which ``claim`` holds; it is new in metadata ``version``."""

    table: str
    version: int
    snapshot: int
    claim: Claim


def certify_snapshot(table: Table, proven: Mirror, claim: Claim, services: MirrorServices) -> Certified:
    """Tag the last snapshot of ``proven``, a version of the mirror that may not be the last any more.

    Where the tags name a twin of it already, of which the same was claimed, nothing is done. Raises
    ``TransientFailure`` where the snapshot has expired while it was proven or other runs were faster three times, and
    ``Overtaken`` where one of them has certified the table further meanwhile: its tag stays.
    """
    least = 0
    for _ in range(TRIES):
        mirror = read_mirror(table.name, services.objects, least=least)
        if least:  # whoever made this version may have died before it moved the hint
            move_hint(table.name, mirror.version, services)
        if mirror.metadata is None or proven.metadata is None:
            break
        if known := _known(mirror.metadata, proven.metadata, claim):
            return Certified(table.name, mirror.version, known, claim)
        if _goes_back(mirror.metadata, proven.metadata, claim):
            raise Overtaken("certify snapshot", table.name, "another run has certified it further", _REMEDY)
        number = proven.metadata.current_snapshot_id
        if number is None or mirror.metadata.snapshot_by_id(number) is None:
            break
        if not mirror.state_key:  # one that was written now would hold nothing of the last snapshot
            raise TransientFailure("certify snapshot", table.name, "the state of its mirror is lost", _REMEDY)
        writing = Writing(table, mirror, mirror.metadata, services, services.unique())
        delete_expired(mirror, table.name, services)
        metadata = _write(writing, proven, claim)
        if commit_version(table.name, mirror, metadata, services):
            return Certified(table.name, mirror.version + 1, writing.number, claim)
        least = mirror.version + 1  # it is there, whatever the hint says
    raise TransientFailure("certify snapshot", table.name, "it went on while it was proven", _REMEDY)


def _goes_back(metadata: TableMetadataV2, proven: TableMetadataV2, claim: Claim) -> bool:
    """Whether another run has tagged a snapshot of which more is claimed since the proven version was read."""
    tagged, before = metadata.snapshot_by_name(TAG), proven.snapshot_by_name(TAG)
    if tagged is None or tagged.summary is None or (before and before.snapshot_id == tagged.snapshot_id):
        return False
    return tagged.summary.additional_properties.get(UNTIL, "") > iso(claim.until)


def _known(metadata: TableMetadataV2, proven: TableMetadataV2, claim: Claim) -> int:
    """The snapshot that the tag names, if it is a twin of the proven one with this claim; else 0."""
    tagged = metadata.snapshot_by_name(TAG)
    summary = dict(tagged.summary.additional_properties) if tagged and tagged.summary else {}
    says = {name: summary.get(name) for name in claim.summary}
    is_twin = tagged is not None and tagged.parent_snapshot_id == proven.current_snapshot_id
    return tagged.snapshot_id if tagged is not None and is_twin and says == claim.summary else 0


def _write(writing: Writing, proven: Mirror, claim: Claim) -> TableMetadataV2:
    """Write the twin's list of manifests and the state; the metadata to be committed."""
    services, snapshot = writing.services, proven.metadata.current_snapshot() if proven.metadata else None
    parent = snapshot.snapshot_id if snapshot else None
    place = manifest_list_key(writing.table.name, writing.sequence, writing.unique)
    body = encode_manifest_list(
        place,
        proven.state.manifests,
        root=services.root,
        snapshot=writing.number,
        parent=parent,
        sequence=writing.sequence,
    )
    services.objects.write(place, body, content_type="application/avro")
    first, end = writing.sequence, writing.sequence + 1
    current = writing.mirror.state
    listed = {manifest.key for manifest in current.manifests}
    files = {file.key for file in current.files.values()}
    state = state_before(writing)
    manifests = [Held(each.key, first, end) for each in proven.state.manifests if each.key not in listed]
    replaced = [Held(file.key, first, end) for file in proven.state.files.values() if file.key not in files]
    state = replace(
        state,
        replaced=(*state.replaced, *replaced),
        superseded=(*state.superseded, *manifests, Held(place, first, end)),
    )
    counts = dict(snapshot.summary.additional_properties) if snapshot and snapshot.summary else {}
    totals = {name: value for name, value in counts.items() if name.startswith(("total-", "starmend."))}
    draft = SnapshotDraft(
        number=writing.number,
        sequence=writing.sequence,
        at=next_instant(writing.promised, services.now()),
        manifest_list=f"{services.root}{place}",
        state=write_state(writing, state),
        summary=totals | claim.summary,
    )
    return with_tagged_snapshot(writing.promised, draft, parent=snapshot, tags=claim.tags)

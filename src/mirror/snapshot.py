"""Objects of a snapshot, written under names of their own before the metadata name them: until then they are unseen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pyiceberg.table.metadata import TableMetadataV2

from core.contract.model import Table
from core.mirroring.names import manifest_key, manifest_list_key, state_key
from core.mirroring.state import Held, Manifest, MirroredFile, MirrorState, unpacked
from mirror.changes import ReadPartition
from mirror.iceberg.footers import statistics_of
from mirror.iceberg.manifests import Encoding, encode_details, encode_manifest, encode_manifest_list
from mirror.iceberg.partitions import partition_values
from mirror.iceberg.table import (
    SPECS,
    SnapshotDraft,
    live_sequences,
    next_instant,
    with_snapshot,
    with_state,
)
from mirror.plan import ManifestContent, plan_manifests
from mirror.reading import Mirror, MirrorServices


@dataclass(frozen=True, slots=True)
class Writing:
    """A version that is being written on top of a mirror: the table as the contract promises it, and new names."""

    table: Table
    mirror: Mirror
    promised: TableMetadataV2
    services: MirrorServices
    unique: str

    @property
    def sequence(self) -> int:
        """The sequence number of the snapshot."""
        return self.promised.last_sequence_number + 1

    @property
    def number(self) -> int:
        """The id of the snapshot: 60 bits that are no other's."""
        return int(self.unique[:15], 16) + 1

    @property
    def goes_on(self) -> bool:
        """Whether the last snapshot is of the same generation, so that its files stay unless they are replaced."""
        return self.mirror.state.folder == self.table.folder


def write_snapshot(writing: Writing, read: Iterable[ReadPartition]) -> TableMetadataV2:
    """Write manifests, list and state of a snapshot in which the read partitions are new; the metadata to be committed.

    Raises ``TransientFailure`` where the store does not answer.
    """
    read = list(read)
    state, changed = _with_files(writing, read)
    manifests = _write_manifests(writing, changed, _new_details(writing, read))
    place = manifest_list_key(writing.table.name, writing.sequence, writing.unique)
    body = encode_manifest_list(
        place,
        manifests,
        root=writing.services.root,
        snapshot=writing.number,
        parent=writing.promised.current_snapshot_id,
        sequence=writing.sequence,
    )
    writing.services.objects.write(place, body, content_type="application/avro")
    after = replace(
        state,
        folder=writing.table.folder,
        manifests=tuple(manifests),
        replaced=(*state.replaced, *_replaced(writing, changed)),
        superseded=(*state.superseded, *_superseded(writing, manifests)),
    )
    draft = SnapshotDraft(
        number=writing.number,
        sequence=writing.sequence,
        at=next_instant(writing.promised, writing.services.now()),
        manifest_list=f"{writing.services.root}{place}",
        state=write_state(writing, after),
        summary=_summary(writing, after, changed),
    )
    return with_snapshot(writing.promised, draft)


def write_without_expired(writing: Writing) -> TableMetadataV2:
    """Write the state alone, without what no live snapshot names: the metadata to be committed has no new snapshot."""
    return with_state(writing.promised, write_state(writing, state_before(writing)))


def state_before(writing: Writing) -> MirrorState:
    """The last state without what had expired when it was written, for that is deleted by now."""
    mirror = writing.mirror
    state = mirror.state.without_expired(live_sequences(mirror.metadata)) if mirror.metadata else mirror.state
    if not mirror.state_key:
        return state
    own = Held(mirror.state_key, writing.sequence, writing.sequence)
    return replace(state, superseded=(*state.superseded, own))


def _with_files(writing: Writing, read: Iterable[ReadPartition]) -> tuple[MirrorState, dict[str, MirroredFile]]:
    """The last state with the types of all columns that were read, and the files that are new."""
    state = state_before(writing)
    kept = state.forms if writing.goes_on else ()
    forms = {tuple(sorted(form.items())): number for number, form in enumerate(kept)}
    changed = {}
    for each in read:
        form = forms.setdefault(tuple(sorted(each.footer.types.items())), len(forms))
        changed[each.path] = MirroredFile(
            partition=each.path,
            etag=each.etag,
            key=each.key,
            size=each.footer.size,
            rows=each.footer.rows,
            snapshot=writing.number,
            sequence=writing.sequence,
            form=form,
        )
    return replace(state, forms=tuple(dict(form) for form in forms)), changed


def _new_details(writing: Writing, read: Iterable[ReadPartition]) -> dict[str, bytes]:
    """What manifests say of the objects that were read, by key."""
    schema = writing.promised.schema()
    return {
        each.key: encode_details(
            size=each.footer.size,
            rows=each.footer.rows,
            columns=statistics_of(each.footer, schema),
            offsets=each.footer.offsets,
        )
        for each in read
    }


def _write_manifests(
    writing: Writing, changed: Mapping[str, MirroredFile], details: Mapping[str, bytes]
) -> list[Manifest]:
    """All manifests of the snapshot, those that were written first."""
    encoding = Encoding(
        root=writing.services.root,
        spec=writing.promised.spec(),
        schema=writing.promised.schema(),
        snapshot=writing.number,
        sequence=writing.sequence,
        values=lambda path: partition_values(writing.table, path),
    )
    manifests = writing.mirror.state.manifests if writing.goes_on else ()
    plan = plan_manifests(manifests, changed)
    stay = {manifest.key for manifest in plan.kept}
    known = dict(details)
    for manifest in manifests:
        if manifest.key not in stay:
            known |= zip((file.key for file in manifest.files), unpacked(manifest.details), strict=True)

    def write(numbered: tuple[int, ManifestContent]) -> Manifest:
        number, content = numbered
        key = manifest_key(writing.table.name, writing.sequence, writing.unique, number)
        manifest, body = encode_manifest(key, content.files, content.removed, known, encoding)
        writing.services.objects.write(key, body, content_type="application/avro")
        return manifest

    with ThreadPoolExecutor(max_workers=writing.services.workers) as pool:
        return [*pool.map(write, enumerate(plan.written)), *plan.kept]


def write_state(writing: Writing, state: MirrorState) -> str:
    """Write the state that goes with the version; its key."""
    key = state_key(writing.table.name, writing.sequence, writing.unique)
    writing.services.objects.write(key, state.to_json(), content_type="application/gzip")
    return key


def _replaced(writing: Writing, changed: Mapping[str, MirroredFile]) -> list[Held]:
    """Files of the last snapshot that the new one has not: those of changed partitions, or of a whole generation."""
    return [
        Held(file.key, file.sequence, writing.sequence)
        for path, file in writing.mirror.state.files.items()
        if path in changed or not writing.goes_on
    ]


def _superseded(writing: Writing, manifests: Iterable[Manifest]) -> list[Held]:
    """The last snapshot's list, and those of its manifests that the new one does not name."""
    stay = {manifest.key for manifest in manifests}
    gone = [
        Held(manifest.key, manifest.entry["sequence_number"], writing.sequence)
        for manifest in writing.mirror.state.manifests
        if manifest.key not in stay
    ]
    last = writing.promised.current_snapshot()
    if last is not None:
        number = last.sequence_number or 0
        gone.append(Held(last.manifest_list.removeprefix(writing.services.root), number, writing.sequence))
    return gone


def _summary(writing: Writing, state: MirrorState, changed: Mapping[str, MirroredFile]) -> dict[str, str]:
    """Iceberg's own counts, and which generation of the table the snapshot is of."""
    files = state.files.values()
    removed = [file for path, file in writing.mirror.state.files.items() if path in changed or not writing.goes_on]
    counts = {
        "added-data-files": len(changed),
        "deleted-data-files": len(removed),
        "added-records": sum(file.rows for file in changed.values()),
        "deleted-records": sum(file.rows for file in removed),
        "added-files-size": sum(file.size for file in changed.values()),
        "removed-files-size": sum(file.size for file in removed),
        "changed-partition-count": len(changed),
        "total-data-files": len(files),
        "total-records": sum(file.rows for file in files),
        "total-files-size": sum(file.size for file in files),
        "total-delete-files": 0,
    }
    specs = {manifest.entry["partition_spec_id"] for manifest in state.manifests} | {writing.promised.default_spec_id}
    layout = {"starmend.folder": writing.table.folder, SPECS: ",".join(map(str, sorted(specs)))}
    return {name: str(count) for name, count in counts.items()} | layout

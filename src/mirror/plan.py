"""Manifests of the next snapshot: which stay as they are, and what is written anew. Pure.

A file that was replaced has to leave its manifest, which is written again without it. What changes together thus comes
to lie together, in a manifest that is small, and those of quiet partitions are never read or written. So many manifests
as partitions changed are written at most, and two besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.mirroring.state import Manifest, MirroredFile

MOST_FILES = 500  # of a manifest: some hundred kilobytes, written in a tenth of a second
SMALL = MOST_FILES // 2
MANY_SMALL = 6  # so many small manifests are merged


@dataclass(frozen=True, slots=True)
class ManifestContent:
    """What one manifest holds: live files, and those that the snapshot removes."""

    files: tuple[MirroredFile, ...]
    removed: tuple[MirroredFile, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestPlan:
    """The manifests that stay, and those to be written."""

    kept: tuple[Manifest, ...]
    written: tuple[ManifestContent, ...]


def plan_manifests(manifests: Sequence[Manifest], changed: Mapping[str, MirroredFile]) -> ManifestPlan:
    """Choose the manifests of a snapshot in which ``changed`` are the new files by partition.

    Bounds of a column that was widened since stay as they are in manifests that are kept: engines read them by length.
    """
    kept: list[Manifest] = []
    written: list[ManifestContent] = []
    together = sorted(changed.values(), key=lambda file: file.partition)
    removed_together: list[MirroredFile] = []
    for manifest in manifests:
        live = tuple(file for file in manifest.files if file.partition not in changed)
        removed = tuple(file for file in manifest.files if file.partition in changed)
        if not manifest.files:
            continue  # it told the last snapshot's readers what was removed
        if not removed:
            kept.append(manifest)
        elif len(live) + len(together) <= MOST_FILES:
            together += live
            removed_together += removed
        else:
            written.append(ManifestContent(live, removed))
    if len(written) <= 1:
        kept, merged = _merged(kept)
        written += merged
    if together or removed_together:
        written += _pieces(together, removed_together)
    return ManifestPlan(tuple(kept), tuple(written))


def _merged(kept: list[Manifest]) -> tuple[list[Manifest], list[ManifestContent]]:
    """The small ones in one, where there are many."""
    small: list[Manifest] = []
    for manifest in sorted(kept, key=lambda each: len(each.files)):
        if sum(len(each.files) for each in small) + len(manifest.files) <= MOST_FILES and len(manifest.files) < SMALL:
            small.append(manifest)
    if len(small) < MANY_SMALL:
        return kept, []
    gone = {manifest.key for manifest in small}
    files = tuple(file for manifest in small for file in manifest.files)
    return [manifest for manifest in kept if manifest.key not in gone], [ManifestContent(files)]


def _pieces(files: Sequence[MirroredFile], removed: Sequence[MirroredFile]) -> Iterator[ManifestContent]:
    for first in range(0, max(len(files), 1), MOST_FILES):
        yield ManifestContent(tuple(files[first : first + MOST_FILES]), tuple(removed) if not first else ())

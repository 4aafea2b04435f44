"""The state of a table's mirror: which object each partition had in the last snapshot, and what older snapshots name.

One gzipped JSON object beside the metadata, which names it. It says nothing that could not be read out of pointers,
footers and manifests again; it is there so that a snapshot of eleven changed partitions reads eleven of them.

Whatever a snapshot names is held for an interval of sequence numbers, from the snapshot that brought it to the one that
no longer had it: it is live as long as a live snapshot's number lies in it. This is the one rule for manifests, lists
and Parquet objects alike.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from core.errors import InvalidData
from core.json import UNREADABLE

FORMAT = 2
_LENGTH = 4  # bytes that say how long the next piece is


@dataclass(frozen=True, slots=True)
class MirroredFile:
    """The object of a partition as a snapshot names it.

    ``partition`` is its path below the folder of the table's generation, ``etag`` that of the pointer which named it.
    ``snapshot`` and ``sequence`` are of the snapshot that brought it. ``form`` is the number of its columns' types
    among the state's ``forms``.
    """

    partition: str
    etag: str
    key: str
    size: int
    rows: int
    snapshot: int
    sequence: int
    form: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest of the last snapshot: the ``entry`` of its list, as JSON, and the files that are live in it.

    ``details`` are what it says of each of them, ``packed``: whoever keeps the manifest need not look into them.
    """

    key: str
    entry: Mapping[str, Any]
    files: tuple[MirroredFile, ...]
    details: str = ""


def packed(pieces: Iterable[bytes]) -> str:
    """Pieces of bytes as a text, from which ``unpacked`` has them again."""
    body = b"".join(len(piece).to_bytes(_LENGTH, "big") + piece for piece in pieces)
    return base64.b64encode(zlib.compress(body, 1)).decode()


def unpacked(text: str) -> list[bytes]:
    """The pieces of a packed text, in order."""
    body, pieces, place = zlib.decompress(base64.b64decode(text)), [], 0
    while place < len(body):
        begin = place + _LENGTH
        place = begin + int.from_bytes(body[place:begin], "big")
        pieces.append(body[begin:place])
    return pieces


@dataclass(frozen=True, slots=True)
class Held:
    """An object that the snapshots ``first`` to before ``end`` name, by their sequence numbers.

    Where both are the same no snapshot ever named it: a state, which goes as soon as there is a newer one.
    """

    key: str
    first: int
    end: int

    def is_live(self, sequences: Sequence[int]) -> bool:
        """Whether one of the live snapshots names it; their ``sequences`` are in order."""
        place = bisect_left(sequences, self.first)
        return place < len(sequences) and sequences[place] < self.end


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What the mirror knows of the last snapshot of a table.

    ``folder`` is that of the table's generation. ``forms`` are the types of stored columns, by name. ``replaced`` are
    Parquet objects that the last snapshot no longer names, ``superseded`` manifests, lists and states.
    """

    folder: str = ""
    forms: tuple[Mapping[str, str], ...] = ()
    manifests: tuple[Manifest, ...] = ()
    replaced: tuple[Held, ...] = ()
    superseded: tuple[Held, ...] = ()

    @property
    def files(self) -> dict[str, MirroredFile]:
        """The files of the last snapshot by partition."""
        return {file.partition: file for manifest in self.manifests for file in manifest.files}

    def held_objects(self, sequences: Collection[int]) -> frozenset[str]:
        """The keys of all Parquet objects that the last snapshot or a live one names."""
        current = {file.key for manifest in self.manifests for file in manifest.files}
        return frozenset(current | {held.key for held in _live(self.replaced, sequences)})

    def expired(self, sequences: Collection[int]) -> tuple[Held, ...]:
        """What the mirror itself wrote and no live snapshot names any more, by none of its intervals."""
        named = {manifest.key for manifest in self.manifests}
        named |= {held.key for held in _live(self.superseded, sequences)}
        return tuple(held for held in self.superseded if held.key not in named)

    def without_expired(self, sequences: Collection[int]) -> MirrorState:
        """The state once nobody needs to know of what no live snapshot names."""
        return replace(
            self,
            replaced=tuple(_live(self.replaced, sequences)),
            superseded=tuple(_live(self.superseded, sequences)),
        )

    def to_json(self) -> bytes:
        """Gzipped JSON."""
        data = {
            "format": FORMAT,
            "folder": self.folder,
            "forms": [dict(form) for form in self.forms],
            "manifests": [
                {
                    "key": manifest.key,
                    "entry": manifest.entry,
                    "files": [_written(file) for file in manifest.files],
                    "details": manifest.details,
                }
                for manifest in self.manifests
            ],
            "replaced": [[held.key, held.first, held.end] for held in self.replaced],
            "superseded": [[held.key, held.first, held.end] for held in self.superseded],
        }
        return gzip.compress(orjson.dumps(data), 1, mtime=0)

    @classmethod
    def from_json(cls, body: bytes, *, key: str) -> MirrorState:
        """Raises ``InvalidData`` where the bytes are no state: the next snapshot then reads every partition."""
        try:
            data = orjson.loads(gzip.decompress(body))
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}")
            return cls(
                folder=data["folder"],
                forms=tuple(data["forms"]),
                manifests=tuple(
                    Manifest(
                        each["key"],
                        each["entry"],
                        tuple(MirroredFile(*file) for file in each["files"]),
                        each["details"],
                    )
                    for each in data["manifests"]
                ),
                replaced=tuple(Held(*held) for held in data["replaced"]),
                superseded=tuple(Held(*held) for held in data["superseded"]),
            )
        except (*UNREADABLE, OSError, EOFError) as error:
            remedy = "The next run of the mirror reads all partitions again"
            raise InvalidData("read mirror state", key, f"is no state ({error!r})", remedy) from error


def _written(file: MirroredFile) -> list[Any]:
    return [
        file.partition,
        file.etag,
        file.key,
        file.size,
        file.rows,
        file.snapshot,
        file.sequence,
        file.form,
    ]


def _live(held: Iterable[Held], sequences: Collection[int]) -> list[Held]:
    """What one of the live snapshots names."""
    ordered = sorted(sequences)
    return [each for each in held if each.is_live(ordered)]

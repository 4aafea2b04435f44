"""Names of the objects of a table's Iceberg mirror, all below ``warehouse/_iceberg/<table>/metadata/``.

- ``v<version>.metadata.json``: the table as of a version. Made once, by a conditional PUT: this is the commit.
- ``version-hint.text``: a version to begin with, as engines without a catalog look for it. It may lag.
- ``<sequence>-<unique>-<number>.avro`` and ``snap-<sequence>-<unique>.avro``: manifests and lists of manifests.
- ``<sequence>-<unique>.state.json.gz``: what the mirror knows of the snapshot (``core.mirroring.state``).

Keys begin with an underscore below ``warehouse/``, where no table of the catalog looks. A table keeps its mirror
through all of its generations.
"""

from __future__ import annotations

import re

from core.errors import PipelineBug

ROOT = "warehouse/_iceberg/"
HINT = "version-hint.text"
STATE_PROPERTY = "starmend.state"  # of a table's metadata: the key of the state that goes with it
_METADATA = re.compile(r"v(?P<version>\d+)\.metadata\.json")


def table_prefix(table: str) -> str:
    """The folder of a table's mirror, without a slash at the end: Iceberg calls it the table's location."""
    return f"{ROOT}{table}"


def metadata_prefix(table: str) -> str:
    """The folder that all objects of a mirror lie in."""
    return f"{table_prefix(table)}/metadata/"


def metadata_key(table: str, version: int) -> str:
    """The key of a version of the table's metadata; versions begin at 1."""
    return f"{metadata_prefix(table)}v{version}.metadata.json"


def hint_key(table: str) -> str:
    """The key of the text that names a version."""
    return f"{metadata_prefix(table)}{HINT}"


def manifest_key(table: str, sequence: int, unique: str, number: int) -> str:
    """The key of a manifest; ``unique`` was never used before."""
    return f"{metadata_prefix(table)}{sequence:08d}-{unique}-{number}.avro"


def manifest_list_key(table: str, sequence: int, unique: str) -> str:
    """The key of a snapshot's list of manifests."""
    return f"{metadata_prefix(table)}snap-{sequence:08d}-{unique}.avro"


def state_key(table: str, sequence: int, unique: str) -> str:
    """The key of a state."""
    return f"{metadata_prefix(table)}{sequence:08d}-{unique}.state.json.gz"


def version_of_hint(table: str, body: bytes) -> int:
    """The version that a hint names. Raises ``PipelineBug`` where it names none, for it is the mirror's own."""
    text = body.strip()
    if not (text.isascii() and text.isdigit()):
        remedy = "Bring back S3's own old version of it"
        raise PipelineBug("read mirror", hint_key(table), f"names no version ({text[:40]!r})", remedy)
    return int(text)


def version_of_metadata(key: str) -> int | None:
    """The version in a key of a table's metadata; None where it is another object's."""
    match = _METADATA.fullmatch(key.rpartition("/")[2])
    return int(match["version"]) if match else None

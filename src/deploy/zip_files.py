"""Zip files with nothing of the machine in them that wrote them."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


def write_zip(out: Path, files: Mapping[str, bytes], *, level: int = 0) -> Path:
    """A zip with sorted names, one date and one mode. Whole or not at all, also beside another writer.

    At level 0 its bytes are a function of the files alone. Deflated they are also one of the zlib at hand: another
    build of it (zlib-ng, say) writes other bytes for the same files.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f"{out.name}.new")
    method = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
    with zipfile.ZipFile(fresh, "w", method) as package:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, whatever this is
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            package.writestr(entry, files[name], method, level or None)
    return fresh.replace(out)


def unpacked_size(package: Path) -> int:
    """Bytes that a package takes when Lambda has unpacked it."""
    with zipfile.ZipFile(package) as opened:
        return sum(entry.file_size for entry in opened.infolist())

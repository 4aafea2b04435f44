"""Reproducible Lambda packages: the same sources give the same bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1]
ROOMS = ("core", "aws", "ingestion", "processing", "auditor")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say


def build_code_zip(out: Path, contracts_file: Path) -> Path:
    """The functions' code with the rendered contracts beside it."""
    files = {
        str(path.relative_to(SOURCES)): path.read_bytes() for room in ROOMS for path in (SOURCES / room).rglob("*.py")
    }
    files["contracts.json"] = contracts_file.read_bytes()
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, files[name])
    return out

"""The proof of the documentation in a few lines, of which none is ours: no module of the project, and openssl."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.anchors import MemoryAnchors, MemorySigner
from tests.fakes.objects import MemoryObjects
from tests.support.chains import draft

from auditor.evidence.chain import Chain
from cli.signatures import as_pem
from core.audit.anchors import Anchor
from notary.sign import sign_chain

PAGE = Path(__file__).parents[3] / "docs/proof.md"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with the anchors and certificates as they were copied, the public key, and the page's few lines."""
    records, anchors, signer = MemoryObjects(), MemoryAnchors(), MemorySigner()
    for number in range(3):
        now = datetime(2026, 11, 20, 20, tzinfo=UTC) + timedelta(hours=number)
        sign_chain("quotes", records=records, anchors=anchors, signers=[signer], now=now)
        Chain(records, "quotes").issue([draft(10 + number), draft(14 + number)])
    for folder in ("anchors", "certificates"):
        (tmp_path / folder).mkdir()
    for key, body in anchors.bodies.items():
        (tmp_path / "anchors" / Path(key).name).write_bytes(body)
    for info in records.list("warehouse/_certificates/quotes/"):
        stored = records.read(info.key)
        assert stored is not None
        (tmp_path / "certificates" / Path(info.key).name).write_bytes(stored.body)
    (tmp_path / "starmend.pem").write_text(as_pem(signer.public_key()))
    [lines] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "prove.py").write_text(lines)
    return tmp_path


def proven(folder: Path) -> str:
    """What the few lines say; empty where they fail."""
    done = subprocess.run([sys.executable, "-I", "prove.py"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def test_what_is_signed_is_proven(copied: Path) -> None:
    assert proven(copied) == "4 of 6 certificates were signed by 2026-11-20T22:00:00Z\n"


def forge(folder: Path) -> None:
    """All certificates from the third on, chained anew."""
    for number in range(3, 7):
        file = folder / f"certificates/{number:012d}.json"
        certificate = json.loads(file.read_bytes())
        certificate["present"] = 61
        file.write_text(json.dumps(certificate, sort_keys=True, separators=(",", ":")) + "\n")


def shorten(folder: Path) -> None:
    for number in range(4, 7):
        (folder / f"certificates/{number:012d}.json").unlink()


def leave_one_out(folder: Path) -> None:
    (folder / "anchors/000000000002.json").unlink()


def sign_by_another(folder: Path) -> None:
    file = folder / "anchors/000000000003.json"
    anchor = replace(Anchor.from_json(file.read_bytes(), key=""), signature="")
    file.write_bytes(anchor.signed(MemorySigner().sign(anchor.message)).to_json())


def claim_more(folder: Path) -> None:
    file = folder / "anchors/000000000003.json"
    file.write_bytes(file.read_bytes().replace(b"T22:00", b"T23:00"))


@pytest.mark.parametrize("attack", [forge, shorten, leave_one_out, sign_by_another, claim_more])
def test_what_was_changed_is_not(copied: Path, attack: Callable[[Path], None]) -> None:
    attack(copied)
    assert proven(copied) == ""

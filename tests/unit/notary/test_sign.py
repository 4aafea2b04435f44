"""The notary signs extensions only, and a rewritten past shows with the public key and read access alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.anchors import MemoryAnchors, MemorySigner
from tests.fakes.objects import MemoryObjects
from tests.support.chains import draft

from auditor.evidence.chain import Chain
from auditor.proof.links import read_links
from cli.signatures import as_pem, holds, read_public_key
from core.audit.anchors import Anchor, anchor_key, fingerprint, introduction
from core.audit.certificate import Certificate, certificate_key, head_key
from core.errors import AlteredProof, Misuse, PipelineBug, TransientFailure
from core.json import canonical_json
from core.ports import Refused, Written
from notary.prove import Chained, Proven, prove_chain
from notary.sign import HEARTBEAT, sign_chain

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)


class Proof:
    """A chain, its anchors and the key that signs them."""

    def __init__(self) -> None:
        self.records, self.anchors = MemoryObjects(), MemoryAnchors()
        self.signers = [MemorySigner()]
        self.now = NOW

    def issue(self, *hours: int, present: int = 60) -> None:
        Chain(self.records, "quotes").issue([draft(hour, present=present) for hour in hours])

    def sign(self) -> Anchor | None:
        self.now += timedelta(hours=1)
        return sign_chain("quotes", records=self.records, anchors=self.anchors, signers=self.signers, now=self.now)

    def prove(self, *trusted: MemorySigner) -> Proven:
        keys = [signer.public_key() for signer in trusted or self.signers[:1]]
        links = read_links(self.records, "quotes")
        chained = Chained(links.hashes, links.head.number)
        return prove_chain("quotes", chained=chained, anchors=self.anchors, trusted=keys, holds=holds, now=self.now)

    def put(self, key: str, body: bytes) -> None:
        self.records.write(key, body)

    def certificate(self, number: int) -> Certificate:
        certificate = Chain(self.records, "quotes").certificate(number)
        assert certificate is not None
        return certificate


@pytest.fixture
def proof() -> Proof:
    proof = Proof()
    proof.issue(10, 11)
    proof.sign()
    proof.issue(12, 13, 14)
    proof.sign()
    return proof


def test_the_end_of_the_chain_is_signed_and_proven(proof: Proof) -> None:
    assert proof.prove() == Proven("quotes", 2, 5, "2026-11-20T21:00:00Z", "2026-11-20T22:00:00Z", ())
    proof.issue(15)
    assert proof.prove().number == 5, "the sixth is not signed yet, which is no problem"
    assert not proof.prove().problems


def test_nothing_new_is_signed_again_by_the_heartbeat_alone(proof: Proof) -> None:
    assert proof.sign() is None
    proof.now += HEARTBEAT - timedelta(hours=2, seconds=1)
    assert proof.sign() is None
    proof.now += timedelta(hours=1)
    again = proof.sign()
    assert again is not None
    assert again.number == 5
    assert not proof.prove().problems


def test_an_empty_chain_is_signed_too_so_that_none_can_be_made_up_for_the_time_before() -> None:
    proof = Proof()
    anchor = proof.sign()
    assert anchor is not None
    assert (anchor.sequence, anchor.number, anchor.hash) == (1, 0, "")
    proof.issue(10)
    proof.sign()
    assert proof.prove() == Proven("quotes", 2, 1, "2026-11-20T21:00:00Z", "2026-11-20T22:00:00Z", ())


# ---------------------------------------------------------------- who can write the lake


def forge_certificate(proof: Proof) -> None:
    """One certificate claims more, and all after it are chained anew, up to a head that fits."""
    previous = proof.certificate(2).previous
    for number in range(2, 6):
        changed = replace(proof.certificate(number), previous=previous, present=61)
        proof.put(certificate_key("quotes", number), changed.to_json())
        previous = changed.hash
    proof.put(head_key("quotes"), canonical_json({"number": 5, "hash": previous}))


def shorten_chain(proof: Proof) -> None:
    proof.records.delete([certificate_key("quotes", number) for number in (4, 5)])
    proof.put(head_key("quotes"), canonical_json({"number": 3, "hash": proof.certificate(3).hash}))


def begin_anew(proof: Proof) -> None:
    keys = [info.key for info in proof.records.list("warehouse/_certificates/")]
    proof.records.delete(keys)
    proof.issue(10, 11, 12, 13, 14, present=59)


def remove_everything(proof: Proof) -> None:
    proof.records.delete([info.key for info in proof.records.list("")])


def swap_two(proof: Proof) -> None:
    first, second = (proof.certificate(number).to_json() for number in (4, 5))
    proof.put(certificate_key("quotes", 5), first)
    proof.put(certificate_key("quotes", 4), second)


def write_rubbish(proof: Proof) -> None:
    proof.put(certificate_key("quotes", 5), b"{}")


@pytest.mark.parametrize(
    "attack", [forge_certificate, shorten_chain, begin_anew, remove_everything, swap_two, write_rubbish]
)
def test_who_writes_the_lake_cannot_rewrite_what_was_signed(proof: Proof, attack: Callable[[Proof], None]) -> None:
    attack(proof)
    assert proof.prove().problems
    with pytest.raises(AlteredProof, match=r"_certificates/quotes/0000"):
        proof.sign()
    assert len(proof.anchors.bodies) == 2, "nothing is signed over it"


def test_what_does_not_follow_is_not_signed(proof: Proof) -> None:
    stranger = replace(draft(15), number=6, previous="0" * 64)
    proof.put(certificate_key("quotes", 6), stranger.to_json())
    with pytest.raises(AlteredProof, match="does not follow"):
        proof.sign()


@pytest.mark.parametrize("body", [b'{"number": 7,', b'{"run":"another",'])
def test_what_others_could_read_otherwise_is_not_signed(proof: Proof, body: bytes) -> None:
    """A claim that is made twice: of two readers one takes the first, the other the last."""
    proof.issue(15)
    key = certificate_key("quotes", 6)
    proof.put(key, proof.certificate(6).to_json().replace(b"{", body, 1))
    with pytest.raises(AlteredProof, match="is not written as certificates are"):
        proof.sign()


# ---------------------------------------------------------------- who can write the anchors


def altered(proof: Proof, number: int, claims: dict[str, object]) -> None:
    key = anchor_key("quotes", number)
    proof.anchors.bodies[key] = canonical_json({**json.loads(proof.anchors.bodies[key]), **claims})


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"number": 4}, "signature that does not hold"),
        ({"hash": "0" * 64}, "signature that does not hold"),
        ({"signed_at": "2026-11-21T00:00:00Z"}, "signature that does not hold"),
        ({"previous": "0" * 64}, "does not follow the one before it"),
        ({"signature": "no base64"}, "signature that does not hold"),
        ({"signature": ""}, "signature that does not hold"),
        ({"sequence": 3}, "says it is another"),
        ({"dataset": "sales"}, "says it is another"),
        ({"number": "5"}, "is no anchor"),
        ({"format": 2}, "is no anchor"),
        ({"key": "0" * 64}, "is not trusted"),
        ({"unknown": 1}, "is no anchor"),
    ],
)
def test_an_altered_anchor_shows(proof: Proof, claims: dict[str, object], problem: str) -> None:
    altered(proof, 2, claims)
    assert problem in " ".join(proof.prove().problems)


@pytest.mark.parametrize(
    "claims",
    [
        *({name: 5} for name in ("dataset", "previous", "hash", "signed_at", "key", "introduces", "signature")),
        *({name: value} for name in ("key", "signature", "signed_at") for value in ([], None, {"a": 1})),
        *({"number": value} for value in (-1, True, 5.0, None)),
        *({"signed_at": value} for value in ("", "yesterday", "2026-11-20T22:00:00")),
    ],
)
def test_what_no_anchor_can_say_is_named_by_who_proves_and_by_who_signs(
    proof: Proof, claims: dict[str, object]
) -> None:
    """Whoever may add an object to the anchors may write anything into it."""
    altered(proof, 2, claims)
    assert "000000000002.json is no anchor" in proof.prove().problems[0]
    proof.now += HEARTBEAT
    with pytest.raises(AlteredProof, match=r"000000000002\.json: is no anchor"):
        proof.sign()


def test_an_anchor_that_is_altered_before_the_last_shows_by_its_hash_and_its_signature(proof: Proof) -> None:
    altered(proof, 1, {"number": 1})
    assert len(proof.prove().problems) >= 2


def test_a_missing_anchor_and_a_hidden_end_show(proof: Proof) -> None:
    proof.sign()
    del proof.anchors.bodies[anchor_key("quotes", 1)]
    assert "000000000001.json is missing" in proof.prove().problems[0]
    hidden = Proof()
    hidden.issue(10)
    hidden.sign()
    hidden.now += timedelta(hours=27)
    assert "has not signed since" in hidden.prove().problems[0]
    hidden.anchors.bodies.clear()
    assert "has no anchor" in hidden.prove().problems[0]


def test_an_anchor_of_a_far_number_is_one_problem_and_not_one_for_each_number_before_it(proof: Proof) -> None:
    proof.anchors.bodies[anchor_key("quotes", 10**12 - 1)] = b"{}"
    assert proof.prove().problems[:2] == (
        "anchors/quotes/000000000003.json and all up to 999,999,999,998 are missing",
        "anchors/quotes/999999999999.json is no anchor (KeyError('format'))",
    )


def test_another_key_signs_nothing_that_holds(proof: Proof) -> None:
    stranger = MemorySigner()
    assert "which is not trusted" in " ".join(proof.prove(stranger).problems)
    proof.signers = [stranger]
    proof.issue(15)
    with pytest.raises(AlteredProof, match="which is not ours"):
        proof.sign()


# ---------------------------------------------------------------- keys, crashes, bounds


def test_a_key_is_rotated_without_a_gap(proof: Proof) -> None:
    old, new = proof.signers[0], MemorySigner()
    proof.signers = [old, new]
    introduced = proof.sign()
    assert introduced is not None
    assert introduced.introduced_key == new.public_key()
    proof.issue(15)
    proof.sign()
    assert not proof.prove(old).problems, "by the introduction"
    assert not proof.prove(new).problems, "by the links: what it signed names all before"
    proof.signers = [new]
    proof.issue(16)
    assert proof.sign() is not None, "the old key may go"
    assert proof.prove(new).number == proof.prove(old).number == 7


class DyingSigner(MemorySigner):
    """A key of KMS that is disabled or pending deletion: it gives no public key (GetPublicKey's errors in botocore)."""

    def public_key(self) -> bytes:
        raise PipelineBug("read public key", "alias/starmend-prod-proof-1", "KMSInvalidStateException: ...")


def test_a_key_older_than_the_one_that_signs_may_be_disabled_or_on_its_way_to_deletion(proof: Proof) -> None:
    old, new, third = proof.signers[0], MemorySigner(), MemorySigner()
    proof.signers = [old, new]
    proof.sign()
    rings = ([DyingSigner(), new], [DyingSigner(), new, third], [DyingSigner(), DyingSigner(), third])
    for hour, signers in enumerate(rings, 15):
        proof.signers = list(signers)
        proof.issue(hour)
        assert proof.sign() is not None
        assert not proof.prove(old).problems
    proof.signers = [DyingSigner(), MemorySigner()]
    with pytest.raises(PipelineBug, match="alias/starmend-prod-proof-1"):
        proof.sign()


def test_who_cannot_sign_cannot_introduce_a_key_of_his_own(proof: Proof) -> None:
    honest, stranger = proof.signers[0], MemorySigner()
    proof.signers = [honest, MemorySigner()]
    proof.sign()
    altered(proof, 3, {"introduces": introduction(stranger.public_key())})
    proof.signers = [honest, stranger]
    proof.issue(15)
    proof.sign()
    told = " ".join(proof.prove(honest).problems)
    assert "000000000003.json has a signature that does not hold" in told
    assert "000000000004.json was signed by key" in told, "it is not trusted"


def test_a_key_that_was_retired_signs_nothing_more(proof: Proof) -> None:
    """Whoever trusts it too would believe whatever it signs after it introduced its successor."""
    old, new = proof.signers[0], MemorySigner()
    proof.signers = [old, new]
    proof.sign()
    forged = replace(proof.certificate(5), number=6, previous=proof.certificate(5).hash)
    proof.put(certificate_key("quotes", 6), forged.to_json())
    proof.signers = [old]
    last = proof.anchors.read(anchor_key("quotes", 3))
    assert last is not None
    before = Anchor.from_json(last, key="")
    draft_of = replace(before, sequence=4, previous=before.body_hash, number=6, hash=forged.hash, introduces="")
    signed = replace(draft_of, signature="").signed(old.sign(replace(draft_of, signature="").message))
    proof.anchors.add(anchor_key("quotes", 4), signed.to_json())
    assert f"says that {fingerprint(new.public_key())[:12]} signs" in " ".join(proof.prove(old, new).problems)


def test_clocks_that_go_back_or_are_ahead_show(proof: Proof) -> None:
    proof.now -= timedelta(hours=1, minutes=30)
    proof.issue(15)
    proof.sign()
    assert "before the one before it" in proof.prove().problems[0]
    ahead = Proof()
    ahead.now += timedelta(days=300)
    ahead.sign()
    ahead.now = NOW
    assert "has not come yet" in ahead.prove().problems[0]


def test_an_old_head_in_the_place_of_a_newer_one_shows_when_an_audit_would_have_moved_it_on(proof: Proof) -> None:
    proof.put(head_key("quotes"), canonical_json({"number": 3, "hash": proof.certificate(3).hash}))
    assert not proof.prove().problems, "an audit may have crashed just now"
    proof.now += timedelta(hours=3, seconds=1)
    assert proof.prove().problems == (
        f"{head_key('quotes')} names certificate 3, and 5 was signed long ago: it is an old one",
    )


def test_of_two_runs_one_signs(proof: Proof) -> None:
    proof.issue(15)

    class Late(MemoryAnchors):
        def add(self, key: str, body: bytes) -> Written | Refused:
            super().add(key, body)
            return Refused()

    late = Late()
    late.bodies = proof.anchors.bodies
    honest, proof.anchors = proof.anchors, late
    with pytest.raises(TransientFailure, match="another run was faster"):
        proof.sign()
    proof.anchors = honest
    assert proof.sign() is None, "it is signed, by whoever it was"
    assert not proof.prove().problems


def test_nobody_signs_without_a_key(proof: Proof) -> None:
    proof.signers = []
    with pytest.raises(PipelineBug, match="no key"):
        proof.sign()


def test_a_run_follows_a_bounded_part_of_the_chain(proof: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notary.sign.AT_ONCE", 2)
    proof.issue(15, 16, 17)
    numbers = [anchor.number for _ in range(2) if (anchor := proof.sign())]
    assert numbers == [7, 8]
    assert not proof.prove().problems


# ---------------------------------------------------------------- signatures by a tool that is not ours


def test_openssl_reads_the_keys_and_proves_the_signatures(proof: Proof, tmp_path: Path) -> None:
    """Whoever doubts our command can do without it."""
    body = proof.anchors.read(anchor_key("quotes", 2))
    assert body is not None
    anchor = Anchor.from_json(body, key="")
    key, message, signature = (tmp_path / name for name in ("key.pem", "message", "signature"))
    key.write_text(as_pem(proof.signers[0].public_key()))
    message.write_bytes(anchor.message)
    signature.write_bytes(anchor.signature_bytes)
    command = ["openssl", "dgst", "-sha256", "-verify", str(key), "-signature", str(signature), str(message)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Verified OK\n"
    assert read_public_key(key) == proof.signers[0].public_key()
    made = tmp_path / "made.pem"
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"]
    private = subprocess.run(make, capture_output=True, check=True).stdout
    publish = ["openssl", "ec", "-pubout", "-out", str(made)]
    subprocess.run(publish, input=private, capture_output=True, check=True)
    assert not holds(read_public_key(made), anchor.message, anchor.signature_bytes)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n", b"\x30\x00"])
def test_what_is_no_key_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(Misuse, match="is no public key"):
        read_public_key(file)
    with pytest.raises(Misuse, match="is no public key"):
        read_public_key(tmp_path / "missing")

"""Sign the end of a dataset's chain of certificates, if it is an extension of what was signed before.

Certificates are read from the last anchored one on, each held to the hash of the one before; nothing is signed over a
certificate that was altered or is missing. So whoever can write the lake can add to its chain, and never rewrite what
an anchor stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.audit.anchors import FIRST_PREVIOUS, Anchor, anchor_key, fingerprint, introduction
from core.audit.certificate import Certificate, certificate_key, hash_of
from core.errors import AlteredProof, InvalidData, PipelineBug, TransientFailure
from core.ports import AnchorStore, ObjectReader, Refused, Signer
from core.time import format_second

AT_ONCE = 2_000  # certificates that one run follows, in a third of its time; the next goes on
HEARTBEAT = timedelta(hours=20)  # an anchor is made at least as often, so that one that was hidden is missed
_UNSIGNED = "Nothing is signed until it is explained. Run: starmend verify --public-key FILE"


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The last certificate of a chain; number 0: there is none yet."""

    number: int
    hash: str


def sign_chain(
    dataset: str, *, records: ObjectReader, anchors: AnchorStore, signers: Sequence[Signer], now: datetime
) -> Anchor | None:
    """Anchor the end of the chain; None where nothing is new and the last anchor is younger than ``HEARTBEAT``.

    ``signers`` are the keys by age, the newest last. Where the last anchor is of an older one, the next key is
    introduced by it first, in an anchor of its own, which is what is returned; the run after it goes on.

    Raises ``AlteredProof`` where the chain does not extend what was signed, or ``TransientFailure`` where a service
    does not answer or another run was faster.
    """
    last = last_anchor(anchors, dataset)
    end = chain_end(records, dataset, ChainEnd(last.number, last.hash) if last else ChainEnd(0, ""))
    signer, introduced = _signer(signers, last, dataset)
    if last is not None and end.number == last.number and not introduced and not _is_due(last, now):
        return None
    draft = Anchor(
        dataset=dataset,
        sequence=last.sequence + 1 if last else 1,
        previous=last.body_hash if last else FIRST_PREVIOUS,
        number=end.number,
        hash=end.hash,
        signed_at=format_second(now.astimezone(UTC)),
        key=fingerprint(signer.public_key()),
        introduces=introduction(introduced) if introduced else "",
    )
    anchor = draft.signed(signer.sign(draft.message))
    if isinstance(anchors.add(anchor_key(dataset, anchor.sequence), anchor.to_json()), Refused):
        raise TransientFailure("sign chain", dataset, "another run was faster", "The next run goes on")
    return anchor


def _is_due(last: Anchor, now: datetime) -> bool:
    return now - last.instant >= HEARTBEAT


def last_anchor(anchors: AnchorStore, dataset: str) -> Anchor | None:
    """The newest anchor; None where there is none. Raises ``AlteredProof`` where it is none."""
    sequence = max(anchors.sequences(dataset), default=0)
    if not sequence:
        return None
    key = anchor_key(dataset, sequence)
    body = anchors.read(key)
    if body is None:
        raise AlteredProof("read anchor", key, "is listed and cannot be read", _UNSIGNED)
    try:
        anchor = Anchor.from_json(body, key=key)
    except InvalidData as error:
        raise AlteredProof("read anchor", key, error.problem, _UNSIGNED) from error
    if (anchor.dataset, anchor.sequence) != (dataset, sequence):
        raise AlteredProof("read anchor", key, f"is {anchor.sequence} of {anchor.dataset}", _UNSIGNED)
    return anchor


def chain_end(records: ObjectReader, dataset: str, last: ChainEnd) -> ChainEnd:
    """Follow the chain from the last signed certificate on, ``AT_ONCE`` at most.

    Raises ``AlteredProof`` where a certificate is not what it was, is missing or does not follow the one before.
    """
    if last.number:
        signed = _body(records, dataset, last.number)
        if signed is None or hash_of(signed) != last.hash:
            problem = "is missing" if signed is None else "is not the one that was signed"
            raise AlteredProof("follow chain", certificate_key(dataset, last.number), problem, _UNSIGNED)
    end = last
    for number in range(last.number + 1, last.number + 1 + AT_ONCE):
        body = _body(records, dataset, number)
        if body is None:
            break
        key = certificate_key(dataset, number)
        try:
            certificate = Certificate.from_json(body, key=key)
        except InvalidData as error:
            raise AlteredProof("follow chain", key, error.problem, _UNSIGNED) from error
        if (certificate.dataset, certificate.number, certificate.previous) != (dataset, number, end.hash):
            raise AlteredProof("follow chain", key, "does not follow the certificate before it", _UNSIGNED)
        if certificate.to_json() != body:
            raise AlteredProof("follow chain", key, "is not written as certificates are", _UNSIGNED)
        end = ChainEnd(number, hash_of(body))
    return end


def _body(records: ObjectReader, dataset: str, number: int) -> bytes | None:
    stored = records.read(certificate_key(dataset, number))
    return stored.body if stored else None


def _signer(signers: Sequence[Signer], last: Anchor | None, dataset: str) -> tuple[Signer, bytes]:
    """Who signs next, and the key that he introduces (empty: none).

    Keys are asked from the newest back to the one that signed last. Older ones may be disabled or on their way to
    deletion, where KMS gives no public key any more (Developer Guide, "Key states"), and nobody needs it.
    """
    if not signers:
        raise PipelineBug("sign chain", dataset, "there is no key to sign with", "Deploy with terraform/")
    introduced = b""
    for signer in reversed(signers):
        key = signer.public_key()
        if last is None or _signs_after(last, key):
            return signer, introduced
        introduced = key
    remedy = "Deploy with the key before the new one still there: it has to introduce it"
    before = last.key[:12] if last else ""
    raise AlteredProof("sign chain", dataset, f"was signed by key {before}, which is not ours", remedy)


def _signs_after(last: Anchor, key: bytes) -> bool:
    return key == last.introduced_key if last.introduced_key else fingerprint(key) == last.key

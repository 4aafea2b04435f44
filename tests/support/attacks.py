"""An attacker with every right of some functions, as Terraform grants them, in a lake whose certificates are signed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
from tests.fakes.anchors import MemoryAnchors, MemorySigner
from tests.fakes.objects import MemoryObjects
from tests.support.planning import ACCOUNT

from auditor.evidence.chain import Chain, ChainReader
from auditor.prove import Verified, verify
from auditor.warehouse.partitions import read_partition
from aws.pointers import S3PartitionStore
from cli.signatures import holds
from core.audit.certificate import Certificate, window_digest
from core.contract.model import Contracts, Table
from core.errors import AlteredProof
from core.ports import ObjectInfo, ObjectStat, OpenObject, Refused, StoredObject, Written
from core.time import epoch
from core.warehouse.arrow_types import stored_schema
from core.warehouse.canonical_rows import proof_of, rows_between
from notary.prove import Chained, Proven, prove_chain
from notary.sign import sign_chain
from processing.partitions.commit import CommitContext, restate

DATASET = "quotes"
POINTED = "warehouse-bucket"  # the bucket as pointers name it


class NoRightError(Exception):
    """Nobody of those whose rights the attacker has may do this."""


@dataclass(frozen=True)
class Rights:
    """The grants of roles by their names, and the policies of buckets and keys, which may refuse what was granted."""

    roles: Mapping[str, Sequence[Any]]
    refusals: Sequence[Any]
    prefix: str

    @classmethod
    def of(cls, resources: Iterable[Mapping[str, Any]], roles: Iterable[str], prefix: str = "starmend-test") -> Rights:
        """Those of these roles (by what follows the prefix in their names) among planned resources."""
        grants: dict[str, list[Any]] = {name: [] for name in roles}
        refusals = []
        for resource in resources:
            values = resource["values"]
            if resource["type"] == "aws_iam_role_policy":
                name = values["role"].removeprefix(f"{prefix}-")
                if name in grants:
                    grants[name].append(parse_policy_document(json.loads(values["policy"])))
            elif resource["type"] in ("aws_s3_bucket_policy", "aws_kms_key") and values.get("policy"):
                document = json.loads(values["policy"])
                refused = [each for each in document["Statement"] if each["Effect"] == "Deny"]
                for each in refused:  # of a key, "*" is that key
                    each["Principal"] = "*"
                refusals.append(parse_policy_document({**document, "Statement": refused}))
        return cls(grants, refusals, prefix)

    def allow(self, action: str, resource: str, **context: str) -> bool:
        """Whether any of the roles may; ``context`` holds condition keys."""
        return any(self._allows(role, action, resource, context) for role in self.roles)

    def _allows(self, role: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
        asked = EvalContext(
            principal_arn=f"arn:aws:iam::{ACCOUNT}:role/{self.prefix}-{role}", principal_type="AssumedRole",
            principal_account=ACCOUNT, action=action, resource_arn=resource, region="us-east-1",
            secure_transport=True, service_context={name.lower(): value for name, value in context.items()},
        )  # fmt: skip
        return evaluate(asked, [*self.roles[role], *self.refusals]).decision == "Allow"


class Attacker:
    """``core.ports.ObjectStore`` of the warehouse with the attacker's rights; every other wish is ``wants``."""

    def __init__(self, objects: MemoryObjects, rights: Rights) -> None:
        self._objects, self._rights = objects, rights
        self._bucket = f"arn:aws:s3:::starmend-test-warehouse-{ACCOUNT}"

    def wants(self, action: str, resource: str, **context: str) -> None:
        """Raises ``NoRightError`` unless he may."""
        if not self._rights.allow(action, resource, **context):
            raise NoRightError(f"{action} on {resource}")

    def read(self, key: str) -> StoredObject | None:
        self.wants("s3:GetObject", f"{self._bucket}/{key}")
        return self._objects.read(key)

    def open(self, key: str) -> OpenObject | None:
        self.wants("s3:GetObject", f"{self._bucket}/{key}")
        return self._objects.open(key)

    def stat(self, key: str) -> ObjectStat | None:
        self.wants("s3:GetObject", f"{self._bucket}/{key}")
        return self._objects.stat(key)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        self.wants("s3:ListBucket", self._bucket, **{"s3:prefix": prefix})
        return self._objects.list(prefix, after=after)

    def write(
        self,
        key: str,
        body: bytes,
        *,
        if_absent: bool = False,
        if_match: str = "",
        metadata: Mapping[str, str] | None = None,
        content_type: str = "",
    ) -> Written | Refused:
        condition = {"s3:if-none-match": "*"} if if_absent else {}
        self.wants("s3:PutObject", f"{self._bucket}/{key}", **condition)
        return self._objects.write(key, body, if_absent=if_absent, if_match=if_match, metadata=metadata)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.wants("s3:DeleteObject", f"{self._bucket}/{key}")
            self._objects.delete([key])


def partitions_in(objects: Any) -> S3PartitionStore:
    """Partitions over any store of objects, read and written as over S3."""
    store = S3PartitionStore(None, POINTED)
    store._objects = objects
    return store


@dataclass
class SignedLake:
    """A lake, its contracts, and the anchors of its chain. ``now`` is when the notary runs next."""

    contracts: Contracts
    objects: MemoryObjects
    anchors: MemoryAnchors
    signer: MemorySigner
    now: datetime

    @property
    def table(self) -> Table:
        return self.contracts.table("fact_quote")

    def copy(self) -> SignedLake:
        """Another like it, to be attacked."""
        objects, anchors = MemoryObjects(), MemoryAnchors()
        for info in self.objects.list(""):
            stored = self.objects.read(info.key)
            assert stored is not None
            objects.write(info.key, stored.body)
        anchors.bodies = dict(self.anchors.bodies)
        return replace(self, objects=objects, anchors=anchors)

    def sign(self) -> str:
        """The hourly run of the notary; what it refuses to sign over, or nothing."""
        self.now += timedelta(hours=1)
        stores = {"records": self.objects, "anchors": self.anchors}
        try:
            sign_chain(DATASET, signers=[self.signer], now=self.now, **stores)  # type: ignore[arg-type]
        except AlteredProof as error:
            return str(error)
        return ""

    def verified(self) -> Verified:
        return verify(self.contracts, DATASET, records=self.objects, partitions=partitions_in(self.objects), workers=2)

    def proven(self, verified: Verified) -> Proven:
        """With the public key and read access alone."""
        links = verified.links
        return prove_chain(
            DATASET,
            chained=Chained(links.hashes, links.head.number),
            anchors=self.anchors,
            trusted=[self.signer.public_key()],
            holds=holds,
            now=self.now + timedelta(hours=4),
        )

    def look(self) -> Seen:
        """What ``starmend verify --public-key`` tells."""
        verified = self.verified()
        told = [failure.problem for failure in verified.failures]
        uncertified = {each.partition: each.rows for each in verified.uncertified}
        return Seen((*told, *self.proven(verified).problems), len(verified.restated), uncertified)

    def certificate(self, number: int) -> Certificate:
        certificate = ChainReader(self.objects, DATASET).certificate(number)
        assert certificate is not None
        return certificate

    def certificates(self) -> list[Certificate]:
        return [self.certificate(number) for number in ChainReader(self.objects, DATASET).numbers()]

    # ------------------------------------------------------------ the attacker's tools

    def path(self) -> str:
        """A partition that the first certificate speaks of, below the fact's folder."""
        return min(self.certificate(1).partitions).partition("/")[2]

    def change_rows(self, attacker: Attacker, path: str = "", *, change: Any = None) -> None:
        """Commit a partition in good order with other rows: by default its first price is another."""
        path = path or self.path()
        held = read_partition(partitions_in(self.objects), self.table, self.path())
        rows = held.rows.to_pylist()
        (change or _other_price)(rows)
        after = pa.Table.from_pylist(rows, schema=stored_schema(self.table))
        restate(partitions_in(attacker), self.table, path, lambda: (after, ()), context=CommitContext("x"))

    def claims_of_now(self, number: int, *, without: Sequence[str] = ()) -> dict[str, Any]:
        """What a certificate of that window would say of its rows as they are now, less these columns."""
        certificate = self.certificate(number)
        span = epoch(certificate.start), epoch(certificate.end)
        proofs = {}
        for name in certificate.partitions:
            held = read_partition(partitions_in(self.objects), self.table, name.partition("/")[2])
            proofs[name] = proof_of(rows_between(held.rows, "minute", *span).drop_columns(list(without)))
        return {"partitions": proofs, "digest": window_digest(proofs)}

    def certify(self, attacker: Attacker, certificate: Certificate, **claims: Any) -> Certificate:
        """Add a certificate to the chain as the auditor's own code does."""
        [issued] = Chain(attacker, DATASET).issue([replace(certificate, **claims)])
        return issued

    def append(self, attacker: Attacker, certificate: Certificate, **claims: Any) -> Certificate:
        """Add a certificate to the chain that says of its place whatever he likes, and move the head on."""
        last = self.certificates()[-1]
        forged = replace(certificate, **{"number": last.number + 1, "previous": last.hash, **claims})
        attacker.write(f"warehouse/_certificates/{DATASET}/{forged.number:012d}.json", forged.to_json(), if_absent=True)
        Chain(attacker, DATASET).catch_up()
        return forged


@dataclass(frozen=True)
class Seen:
    """What a proof tells."""

    problems: tuple[str, ...]
    restated: int
    uncertified: Mapping[str, int | None]

    def since(self, before: Seen) -> str:
        """In a word: ``fails``, or shown as ``restated`` or ``uncertified``, or ``unnoticed``."""
        if self.problems:
            return "fails"
        if self.restated > before.restated:
            return "restated"
        return "uncertified" if self.uncertified != before.uncertified else "unnoticed"


def _other_price(rows: list[dict[str, Any]]) -> None:
    rows[0]["price"] += 1

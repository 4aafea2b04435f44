"""A simulated account whose certificates are signed: what its notary does, and how operators rotate and move."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.chains import draft

from auditor.evidence.chain import Chain
from aws.anchors import S3AnchorStore
from aws.deployment import DESCRIPTION
from aws.objects import S3ObjectStore
from aws.signing import KmsSigner
from core.audit.anchors import Anchor
from core.audit.certificate import window_digest
from notary.sign import sign_chain


@dataclass
class SignedAccount:
    """``clients`` are those of the account; ``buckets`` the deployment's, by role."""

    clients: Any
    buckets: dict[str, str]
    anchors: str
    signers: list[KmsSigner] = field(default_factory=list)

    def make_bucket(self, name: str) -> None:
        self.clients("s3").create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)

    def deploy(self, *, keys: int, anchors: str = "") -> None:
        """As ``proof = { enabled = true, keys = … }`` does: a key is made for each that is not there yet."""
        kms = self.clients("kms")
        while len(self.signers) < keys:
            made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
            alias = f"alias/starmend-dev-proof-{len(self.signers) + 1}"
            kms.create_alias(AliasName=alias, TargetKeyId=made)
            self.signers.append(KmsSigner(kms, alias))
        self.anchors = anchors or self.anchors
        s3, code = self.clients("s3"), self.buckets["code"]
        description = json.loads(s3.get_object(Bucket=code, Key=DESCRIPTION)["Body"].read())
        description |= {"anchors": self.anchors, "signing_keys": [signer.key_id for signer in self.signers]}
        description["functions"]["notary"] = "starmend-dev-notary"
        s3.put_object(Bucket=code, Key=DESCRIPTION, Body=json.dumps(description).encode())

    def issue(self, *hours: int) -> None:
        """Certify hours in which nothing was owed, and nothing is there."""
        empty = {"partitions": {}, "digest": window_digest({})}
        store = S3ObjectStore(self.clients("s3"), self.buckets["warehouse"])
        Chain(store, "quotes").issue([replace(draft(hour), **empty) for hour in hours])  # type: ignore[arg-type]

    def sign(self) -> Anchor | None:
        """The notary's hourly run."""
        s3 = self.clients("s3")
        return sign_chain(
            "quotes",
            records=S3ObjectStore(s3, self.buckets["warehouse"]),
            anchors=S3AnchorStore(s3, self.anchors),
            signers=self.signers,
            now=dt.datetime.now(dt.UTC),
        )

    def sync(self, source: str, target: str) -> None:
        """``aws s3 sync``: the objects of one bucket that the other has not, by their keys."""
        s3 = self.clients("s3")
        for each in s3.list_objects_v2(Bucket=source).get("Contents", []):
            body = s3.get_object(Bucket=source, Key=each["Key"])["Body"].read()
            s3.put_object(Bucket=target, Key=each["Key"], Body=body)

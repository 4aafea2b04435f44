"""Signed links: an address by which anybody can read one object until it ends.

A link lives as long as it says, seven days at most, and never longer than the credentials that signed it: those of a
role end with its session, hours later at most (Amazon S3 User Guide, "Sharing objects with presigned URLs").
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.config import Config

from aws.failures import reaching

LONGEST = dt.timedelta(days=7)  # Signature Version 4's


@dataclass(frozen=True, slots=True)
class Link:
    """``until`` is when it ends at the latest; with ``session`` it ends sooner where the credentials do."""

    url: str
    until: dt.datetime
    session: bool


def signed_link(client: Any, bucket: str, key: str, *, now: dt.datetime) -> Link:
    """The longest link to an object that the credentials of this process can sign. Nothing is asked of AWS.

    ``client`` is S3's. Until when the credentials themselves live is known where the SDK fetched them (a role of a
    profile, SSO, an instance), and not where somebody put them into the environment.
    """
    with reaching("sign a link", f"s3://{bucket}/{key}"):
        session = botocore.session.get_session()
        credentials = session.get_credentials()
        if credentials:
            credentials.get_frozen_credentials()  # a role's and SSO's are fetched, and their end known, at first use
        ends: dt.datetime | None = getattr(credentials, "_expiry_time", None)  # the SDK tells it nowhere else
        until = min(now + LONGEST, ends) if ends else now + LONGEST
        signing = session.create_client(
            "s3", region_name=client.meta.region_name, config=client.meta.config.merge(Config(signature_version="s3v4"))
        )
        seconds = max(1, int((until - now).total_seconds()))
        url = signing.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key}, ExpiresIn=seconds)
    return Link(url, until, session=bool(credentials and credentials.token))

"""What docs/proof.md promises in numbers and names, held to what does it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from tests.fakes.anchors import MemoryAnchors, MemorySigner
from tests.fakes.objects import MemoryObjects
from tests.support.chains import draft
from tests.support.computed_pages import DOCS

from auditor.evidence.chain import Chain
from auditor.proof.links import read_links
from cli.signatures import holds
from deploy.folders import MODULE
from notary.prove import LATEST, Chained, Proven, prove_chain
from notary.sign import HEARTBEAT, sign_chain

PAGE = " ".join((DOCS / "proof.md").read_text(encoding="utf-8").split())
NOTARY = (MODULE / "modules/notary/main.tf").read_text(encoding="utf-8")
START = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)


def hours(span: dt.timedelta) -> str:
    return f"{span // dt.timedelta(hours=1)}"


@pytest.mark.parametrize(("sentence", "holds_it"), [
    (r"the last anchor is older than (\d+) hours", lambda: hours(LATEST)),
    (r"the notary signs at least every (\d+),", lambda: hours(HEARTBEAT)),
    (r"compliance mode for `lock_days` \((\d+)\)", lambda: re.findall(r"lock_days += optional\(number, (\d+)\)",
                                                                     (MODULE / "variables.tf").read_text())[0]),
])  # fmt: skip
def test_the_page_s_numbers_are_those_that_hold(sentence: str, holds_it: Callable[[], str]) -> None:
    assert re.findall(sentence, PAGE) == [holds_it()]


def test_another_bucket_s_policy_is_told_with_all_that_the_notary_needs_of_it() -> None:
    statements = re.findall(r'actions += \[([^]]*)\]\s+resources = \["?\$?\{?var\.anchors_arn', NOTARY)
    needed = {action for actions in statements for action in re.findall(r'"([^"]+)"', actions)}
    [told] = re.findall(r"lets the role `<project>-<environment>-notary` do (.*?)\. To move", PAGE)
    assert set(re.findall(r"`(s3:\w+)`", told)) == needed


class Lake:
    """A chain that grows by an hour, and whoever proves it."""

    def __init__(self) -> None:
        self.records, self.anchors = MemoryObjects(), MemoryAnchors()
        self.signers = [MemorySigner()]
        self.now = START

    def an_hour(self) -> None:
        self.now += dt.timedelta(hours=1)
        Chain(self.records, "quotes").issue([draft(self.now.hour)])
        sign_chain("quotes", records=self.records, anchors=self.anchors, signers=self.signers, now=self.now)

    def proven(self, anchors: MemoryAnchors, *trusted: MemorySigner) -> Proven:
        links = read_links(self.records, "quotes")
        chained, keys = Chained(links.hashes, links.head.number), [each.public_key() for each in trusted]
        return prove_chain("quotes", chained=chained, anchors=anchors, trusted=keys, holds=holds, now=self.now)


def test_anchors_are_moved_and_a_key_is_rotated_without_a_gap_in_the_proof() -> None:
    """As the page says: copied, then deployed; and both in one day."""
    lake = Lake()
    old_key, old_bucket = lake.signers[0], lake.anchors
    lake.an_hour()
    lake.anchors = MemoryAnchors()
    lake.anchors.bodies = dict(old_bucket.bodies)  # aws s3 sync
    lake.an_hour()
    lake.signers.append(MemorySigner())
    lake.an_hour()  # the old key introduces the new one
    lake.an_hour()
    for trusted in ([old_key], lake.signers[1:], lake.signers):
        proven = lake.proven(lake.anchors, *trusted)
        assert (proven.anchors, proven.number, proven.problems) == (4, 4, ()), "nothing of the past is lost"
        assert proven.since == "2026-11-20T11:00:00Z"
    kept = lake.proven(old_bucket, old_key)
    assert (kept.number, kept.problems) == (1, ()), "the old bucket still proves what it holds"
    hidden = lake.proven(old_bucket, lake.signers[1])
    assert hidden.problems, "and the new key has signed nothing of it"

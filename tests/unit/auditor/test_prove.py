"""A proof names the certificate, window and partition that do not hold, from the objects alone."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.support.tables import rows_of

from auditor.evidence.absent import absences_of, keep
from auditor.evidence.chain import Chain
from auditor.prove import Failure, verify
from auditor.services import Services
from auditor.warehouse.partitions import read_partition
from core.audit.certificate import Certificate, certificate_key, head_key, window_digest
from core.audit.history import Evidence
from core.time import epoch, iso
from core.warehouse.canonical_rows import proof_of
from processing.partitions.commit import CommitContext, SourceRef, commit_rows

OPENING = datetime(2026, 11, 20, 15, tzinfo=UTC)
ABSENT = (epoch("2026-11-20T15:55:00Z"), epoch("2026-11-20T16:00:00Z"))
EVIDENCE = (Evidence("GET", 200, "[]", ""),)


class Certified:
    """An hour in which one symbol has five absent minutes, certified; everything else of it is there."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.table = services.contracts.table("fact_quote")
        self.feed = services.contracts.feed("quotes")
        for entity in self.feed.entities:
            self.commit(entity.name, 55 if entity is self.feed.entities[0] else 60)
        absent = absences_of("quotes", self.feed.entities[0].name, (ABSENT,), EVIDENCE, found_at=0, proof="whole")
        (self.absence,) = absent
        keep(services.records, [self.absence])
        self.certificate = self.issue()

    def path(self, entity: str) -> str:
        return f"symbol={entity}/month=2026-11"

    def commit(self, entity: str, minutes: int, *, price: int = 1) -> None:
        start = OPENING.replace(tzinfo=None)
        rows = rows_of(
            self.table,
            [
                {
                    "symbol": entity,
                    "minute": start + timedelta(minutes=number),
                    "price": Decimal(price),
                    "provenance": "observed",
                    "fetched_at": start + timedelta(minutes=number, seconds=price),
                }
                for number in range(minutes)
            ],
        )
        context = CommitContext("c", random=random.Random(f"{entity}{price}"), sleep=lambda _: None)
        source = [SourceRef(f"{entity}{price}", "e")]
        commit_rows(self.services.partitions, self.table, self.path(entity), rows, sources=source, context=context)

    def issue(self, **claims: object) -> Certificate:
        proofs = {}
        for entity in self.feed.entities:
            held = read_partition(self.services.partitions, self.table, self.path(entity.name))
            proofs[held.name] = proof_of(held.rows)
        present = 60 * len(self.feed.entities) - 5
        draft = Certificate(
            dataset="quotes",
            subject=self.feed.table.name,
            number=0,
            previous="",
            start=iso(int(OPENING.timestamp())),
            end="2026-11-20T16:00:00Z",
            contract=self.services.contracts.dataset("quotes").hash,
            calendar="XNYS",
            expected=present + 5,
            present=present,
            observed=present,
            repaired=0,
            late=0,
            absent=5,
            missing=0,
            partitions=proofs,
            digest=window_digest(proofs),
            verified_at="2026-11-20T20:00:00Z",
            run="r",
            absent_points={self.absence.entity: [[iso(ABSENT[0]), iso(ABSENT[1])]]},
            evidence=(self.absence.key,),
        )
        return Chain(self.services.records, "quotes").issue([replace(draft, **claims)])[0]  # type: ignore[arg-type]

    def failures(self, **bounds: int) -> list[Failure]:
        services = self.services
        stores = {"records": services.records, "partitions": services.partitions}
        return list(verify(services.contracts, "quotes", **stores, **bounds).failures)  # type: ignore[arg-type]

    def problems(self) -> list[tuple[str, str]]:
        return [(failure.partition, failure.problem) for failure in self.failures()]


@pytest.fixture
def certified(services: Services) -> Certified:
    return Certified(services)


def test_what_is_certified_and_untouched_holds(certified: Certified) -> None:
    services = certified.services
    result = verify(services.contracts, "quotes", records=services.records, partitions=services.partitions)
    assert (result.certificates, result.windows, result.failures) == (1, 1, ())


def test_a_window_outside_the_range_is_not_compared(certified: Certified) -> None:
    certified.commit("AAPL", 60, price=2)
    start = int(OPENING.timestamp())
    assert certified.failures(start=start + 1) == certified.failures(end=start) == []
    assert certified.failures(start=start, end=start + 1) != []


def test_other_rows_are_named_with_their_partition(certified: Certified) -> None:
    certified.commit("MSFT", 60, price=2)
    assert certified.problems() == [("fact_quote/symbol=MSFT/month=2026-11", "its rows are not the certified ones")]


def test_an_object_that_is_gone_is_named(certified: Certified) -> None:
    partitions: Any = certified.services.partitions
    pointer = partitions.read_pointer("fact_quote/symbol=MSFT/month=2026-11")
    assert pointer is not None
    del partitions.objects[pointer.target]
    assert certified.problems() == [("fact_quote/symbol=MSFT/month=2026-11", f"{pointer.target} is missing")]


def test_rows_that_are_gone_or_more_are_counted(certified: Certified) -> None:
    name = "fact_quote/symbol=MSFT/month=2026-11"
    proofs = {**certified.certificate.partitions, name: [50, "0" * 64], "fact_quote/symbol=NEW/month=2026-11": [3, ""]}
    certified.issue(partitions=proofs, digest=window_digest(proofs))
    assert dict(certified.problems())[name] == "60 rows, 50 were certified"
    assert dict(certified.problems())["fact_quote/symbol=NEW/month=2026-11"] == "0 rows, 3 were certified"


def test_a_certificate_whose_digest_is_not_that_of_its_rows_is_named(certified: Certified) -> None:
    certified.issue(digest="0" * 64)
    assert certified.problems() == [("", "its digest is not that of its partitions")]


def test_counts_that_the_rows_do_not_give_are_named(certified: Certified) -> None:
    certified.issue(observed=certified.certificate.observed - 1, late=1)
    assert certified.problems() == [("", "observed is 655, 654 were certified"), ("", "late is 0, 1 were certified")]


def test_counts_under_another_contract_are_not_counted_again(certified: Certified) -> None:
    certified.issue(observed=certified.certificate.observed - 1, late=1, contract="another")
    assert certified.problems() == []


def test_absence_without_evidence_and_altered_evidence_are_named(certified: Certified) -> None:
    records, key = certified.services.records, certified.absence.key
    stored = records.read(key)
    assert stored is not None
    records.write(key, stored.body.replace(b'"status":200', b'"status":404'))
    span = f"from {iso(ABSENT[0])} to {iso(ABSENT[1])}"
    without = ("", f"{certified.absence.entity} is said to be absent {span} without evidence")
    assert certified.problems() == [("", f"its evidence {key} is missing or altered"), without]
    records.delete([key])
    assert ("", f"its evidence {key} is missing or altered") in certified.problems()


def test_an_altered_certificate_breaks_the_chain_where_it_was_touched(certified: Certified) -> None:
    certified.issue(run="again", contract="another")
    records, key = certified.services.records, certificate_key("quotes", 1)
    stored = records.read(key)
    assert stored is not None
    records.write(key, stored.body.replace(b'"run":"r"', b'"run":"s"'))
    second = certificate_key("quotes", 2)
    assert certified.problems() == [("", f"{second} does not follow certificate 1: one of the two was altered")]
    records.write(key, b"{}")
    assert [failure.certificate for failure in certified.failures()] == [1, 2]


def test_a_head_that_cannot_be_read_is_all_that_is_said(certified: Certified) -> None:
    certified.services.records.write(head_key("quotes"), b"no head")
    (failure,) = certified.failures()
    assert failure.problem.startswith(f"{head_key('quotes')}: is no head")

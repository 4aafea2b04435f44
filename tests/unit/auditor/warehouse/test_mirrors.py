"""A mirror that is late is found by the audit, called by its table, and found no more when it has followed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.mirrored import Shop

from auditor.repairs.causes import MEANINGS
from auditor.repairs.draft import Plan
from auditor.repairs.triage import triage_findings
from auditor.warehouse.mirrors import find_lagging_mirrors
from core.audit.findings import LaggingMirror, findings_from_data, findings_to_data
from core.mirroring.lag import MirrorPromise
from core.mirroring.names import hint_key
from mirror.commit import mirror_table

SALES = "fact_sale"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.sell(2, created="2026-10-01T00:00:00")
    return shop


def found(shop: Shop, promise: MirrorPromise | None = MirrorPromise(300, 1800)) -> list[LaggingMirror]:  # noqa: B008
    contracts = shop.lake.services.contracts
    services: Any = SimpleNamespace(contracts=contracts, records=shop.objects, now=lambda: shop.now, mirror=promise)
    findings = find_lagging_mirrors(services, contracts.dataset("shop"))
    assert findings_from_data(findings_to_data(findings)) == tuple(findings)
    return findings


def mirror_all(shop: Shop) -> None:
    for table in shop.lake.services.contracts.tables():
        mirror_table(table, shop.services)


def test_a_mirror_is_found_when_it_is_late_and_not_before_and_no_more_when_it_followed(shop: Shop) -> None:
    assert found(shop) == [], "no mirror has begun"
    mirror_all(shop)
    shop.now += timedelta(hours=1)
    assert found(shop) == [], "as long as nothing changes nothing lags"
    shop.sell(1, created="2026-11-01T00:00:00")
    changed = shop.now
    shop.now += timedelta(minutes=29)
    shop.sell(1, created="2026-11-01T00:00:00")
    assert found(shop) == []
    shop.now = changed + timedelta(minutes=31)
    (lagging,) = [finding for finding in found(shop) if finding.table == SALES]
    assert (lagging.behind, lagging.since) == (1, changed.strftime("%Y-%m-%dT%H:%M:%SZ"))
    mirror_all(shop)
    assert found(shop) == []


def test_without_a_schedule_nobody_promised_anything(shop: Shop) -> None:
    mirror_all(shop)
    shop.sell(1, created="2026-11-01T00:00:00")
    shop.now += timedelta(days=1)
    assert found(shop, None) == []


def test_a_mirror_that_cannot_be_read_is_found_and_its_neighbours_are_looked_at(shop: Shop) -> None:
    mirror_all(shop)
    shop.objects.write(hint_key(SALES), b"v1")
    (broken,) = found(shop)
    assert (broken.table, broken.behind) == (SALES, 0)
    assert hint_key(SALES) in broken.problem


def test_the_admins_hear_of_each_table_once_and_the_audit_repairs_nothing(shop: Shop) -> None:
    findings = [LaggingMirror("shop", "fact_sale", 3, "2026-11-20T12:00:00Z"), LaggingMirror("shop", "dim_person", 1)]
    triage = triage_findings(findings, Plan(), [], dataset="shop", feed=None, now=0)
    (cause,) = triage.causes
    assert (cause.name, cause.count) == ("lagging_mirror", 2)
    assert set(cause.places) == {"fact_sale", "dim_person"}
    assert cause.name in MEANINGS

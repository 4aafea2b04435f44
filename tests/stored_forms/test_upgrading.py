"""A lake that an earlier release left is taken over as it is: read, verified, audited, and grown by new forms."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.stored_forms.database import DatabaseLake, database_lake
from tests.stored_forms.documents import Kept, unpacked
from tests.stored_forms.feed import HOUR, NINE, FeedLake, feed_lake

from auditor.prove import verify
from core.audit.certificate import Certificate
from core.evolution.deployments import read_deployments
from core.ports import ObjectStat
from core.warehouse.pointer import DATA_ROOT, POINTER_NAME


def taken_over(lake: FeedLake | DatabaseLake) -> dict[str, Kept]:
    """Put the earlier release's objects in place of all that the lake holds; returns them by key, as they were."""
    prefix = f"{lake.dataset}/"
    objects = {name.removeprefix(prefix): kept for name, kept in unpacked().items() if name.startswith(prefix)}
    for store in (lake.lake.ingest, lake.lake.records):
        store._objects.clear()
    partitions = lake.lake.partitions
    partitions.objects.clear()
    partitions.modified.clear()
    for name, kept in objects.items():
        bucket, _, key = name.partition("/")
        modified = dt.datetime.fromtimestamp(kept.modified, dt.UTC)
        if bucket == "warehouse" and (key.startswith(DATA_ROOT) or key.endswith(f"/{POINTER_NAME}")):
            partitions.objects[key], partitions.modified[key] = kept.body, modified
        else:
            store = lake.lake.ingest if bucket == "ingest" else lake.lake.records
            store.write(key, kept.body, metadata=kept.metadata)
            stat = store.stat(key)
            assert stat is not None
            aged = ObjectStat(key, stat.size, stat.etag, modified, stat.metadata, stat.version_id)
            store._objects[key] = (aged, kept.body)
    return objects


def failures(lake: FeedLake | DatabaseLake) -> list[Any]:
    """What of the certificates does not hold."""
    verified = verify(lake.contracts, lake.dataset, records=lake.lake.records, partitions=lake.lake.partitions)
    assert verified.windows > 0
    return list(verified.failures)


def certificates(lake: FeedLake | DatabaseLake) -> list[Certificate]:
    infos = lake.lake.records.list(f"warehouse/_certificates/{lake.dataset}/0")
    stored = [(info.key, lake.lake.records.read(info.key)) for info in infos]
    return [Certificate.from_json(each.body, key=key) for key, each in stored if each]


def test_a_feed_goes_on_where_the_earlier_release_stopped() -> None:
    with feed_lake() as lake:
        before = taken_over(lake)
        assert failures(lake) == []
        old = certificates(lake)
        assert old
        assert not any(certificate.columns for certificate in old)
        assert read_deployments(lake.lake.records, lake.dataset) == []
        mails = len(lake.mail.sent)
        lake.loses = lambda _symbol, _at: False
        lake.loses_event = lambda _key: False
        lake._go_to(NINE + 3 * HOUR)
        lake.trade(NINE + 3 * HOUR, 6)
        lake.pass_time(minutes=15)
        answers = lake.heal(run="upgraded")
        assert answers["audit"]["missing"] == 3 * 6  # of the hour in which nobody asked
        assert answers["verify"]["missing"] == 0
        (subject,) = [subject for subject, _ in lake.mail.sent[mails:]]
        assert "halted" in subject  # the earlier release did not look for these
        (deployment,) = read_deployments(lake.lake.records, lake.dataset)
        assert deployment.contract == lake.contracts.dataset(lake.dataset).hash
        assert failures(lake) == []
        issued = certificates(lake)
        assert issued[: len(old)] == old
        assert len(issued) > len(old)
        assert all(certificate.columns["fact_price"] for certificate in issued[len(old) :])
        kept = {name.partition("/")[2] for name in before if "/_certificates/prices/0" in name}
        for key in kept:
            stored = lake.lake.records.read(key)
            assert stored is not None
            assert stored.body == before[f"warehouse/{key}"].body


def test_a_database_goes_on_where_the_earlier_release_stopped() -> None:
    lake = database_lake()
    taken_over(lake)
    assert failures(lake) == []
    old = certificates(lake)
    answers = lake.heal(run="upgraded")
    assert answers["verify" if "verify" in answers else "audit"]["missing"] == 0
    assert failures(lake) == []
    assert certificates(lake)[: len(old)] == old
    assert len(read_deployments(lake.lake.records, lake.dataset)) == 1

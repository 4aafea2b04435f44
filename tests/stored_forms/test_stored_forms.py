"""Objects of the lake made before and after a change are the same bytes for the same input."""

from __future__ import annotations

import pytest
from tests.stored_forms.documents import REMEDY, Kept, beside_compression, differences, read_expected, unpacked
from tests.stored_forms.forms import Forms, make_forms

from auditor.state import DatasetState

SHOWN = 20
HASHED = ("ingest/lists", "ingest/tables", "ingest/repair", "warehouse/receipts", "warehouse/warehouse/_data")
# An object that stands halted was no finding when the archive was made: what audits keep of it came later. The texts of
# today's are held by ``expected``. So did the answer about where rows are that a slice has no more, the copy of the
# receipts by day, and the history of contracts. Certificates say their columns since, and so have other hashes, which
# rows of ``completeness`` name. And one answer proved an absence then: the point that the exchange lacks is absent from
# the second audit on now, so that all evidence of its hour is of another time. Keys of rows are written in one form,
# and states say how far partitions were looked at for the contract's columns.
RUNS = ("first", "second", "third", "fourth", "fifth")
SAMPLED = ("sample.json", "sampled.json", "reshaped/")
GROWN = (
    *(f"{dataset}/warehouse/audit/log/" for dataset in ("books", "books_canary", "prices")),
    *(f"{dataset}/warehouse/audit/journal/" for dataset in ("books", "books_canary", "prices")),
    *(f"{dataset}/warehouse/processing_log/" for dataset in ("books", "books_canary", "prices")),
    *(f"{dataset}/warehouse/completeness/" for dataset in ("books", "books_canary", "prices")),
    *(f"{dataset}/warehouse/warehouse/_certificates/" for dataset in ("books", "books_canary", "prices")),
    *(f"{dataset}/warehouse/warehouse/_contracts/" for dataset in ("books", "books_canary", "prices")),
    "books/warehouse/audit/causes/books/orphan_key.json",  # the same members, in words that changed
    "books/warehouse/audit/runs/third/judgement.json",
    "books/warehouse/audit/state/",
    "books_canary/warehouse/audit/state/",
    "books/warehouse/audit/runs/second/source/0-00002.parquet",
    # Lines and rows of databases have the hash of their content since, and receipts name those objects by their ETags.
    *(f"{dataset}/{folder}/" for dataset in ("books", "books_canary") for folder in HASHED),
    "books/warehouse/audit/runs/fifth/audit-0.json",
    # An order says which outdated partitions the run takes up, and how far it looked.
    *(f"{dataset}/warehouse/audit/runs/first/order.json" for dataset in ("books", "books_canary")),
    # It also says which pointers it listed, so that one that is gone later is missed.
    *(f"{dataset}/warehouse/audit/runs/{run}/order.json" for dataset in ("books", "books_canary") for run in RUNS),
    # A mail names keys as they are, without Python's quotation marks.
    "books/warehouse/audit/causes/books/orphan_key.json",
    "books/warehouse/audit/runs/third/judgement.json",
    # Proofs of partitions hold the sums of their rows too.
    *(f"{dataset}/warehouse/audit/proofs/" for dataset in ("books", "books_canary")),
    # A run says which ingest objects it compared the star with, and keeps the rows that their lines gave.
    *(f"books/warehouse/audit/runs/{run}/{name}" for run in RUNS for name in SAMPLED),
    *(f"books_canary/warehouse/audit/runs/{run}/{name}" for run in RUNS[:2] for name in SAMPLED),
    # The memory of audits knows the source's columns.
    *(f"books/warehouse/audit/runs/{run}/memory.json" for run in ("first", "second", "third", "fourth", "fifth")),
    *(f"books_canary/warehouse/audit/runs/{run}/memory.json" for run in ("first", "second")),
    *(f"{dataset}/warehouse/audit/tables/" for dataset in ("books", "books_canary")),
    # An audit of a database says how far extraction had come, and a rollup of which object of facts it was made.
    *(f"books/warehouse/audit/runs/{run}/audit-" for run in RUNS),
    *(f"books_canary/warehouse/audit/runs/{run}/audit-" for run in RUNS[:2]),
    "prices/warehouse/warehouse/_data/fact_price_hourly/",
    # An object that came back had another id and time than S3 gives it, and so had those that were written after it.
    "prices/ingest/feeds/prices/2026/11/20/09/object-000001",
    *(
        f"prices/warehouse/receipts/dataset=prices/source_table=prices/2026-11-20-11-object-0000{n}.json"
        for n in (11, 12)
    ),
    "prices/warehouse/warehouse/_data/fact_price/symbol=AAA/month=2026-11/v000000000012-",
    # What is left amiss is remembered by itself, and a run says what it looked at.
    *(f"{dataset}/warehouse/audit/outstanding/" for dataset in ("books", "books_canary", "prices")),
    *(
        f"{dataset}/warehouse/audit/runs/{run}/outstanding.json"
        for dataset in ("books", "books_canary")
        for run in RUNS
    ),
    # Notes of what halted came later.
    "prices/warehouse/warehouse/_halted/",
    "prices/warehouse/audit/arrivals/",  # repairs of partitions look their objects up since
    "prices/warehouse/audit/absent/",
    "prices/warehouse/audit/causes/prices/",
    "prices/warehouse/audit/claims/",
    "prices/warehouse/audit/runs/",
    "prices/warehouse/audit/state/",
    "prices/warehouse/audit/turns/",  # at the provider; each container counted its own
)


SIZES = "books/warehouse/audit/runs/fifth/audit-0.json"  # says how large objects are that nothing points to


@pytest.fixture(scope="module")
def forms() -> Forms:
    return make_forms()


def test_every_stored_form_is_what_it_was(forms: Forms) -> None:
    told = differences(read_expected(), forms.texts)
    if told:
        more = [f"... and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
        pytest.fail("\n".join([f"{len(told)} stored forms are others. {REMEDY}", *told[:SHOWN], *more]), pytrace=False)


def test_the_archive_holds_the_same_objects_byte_by_byte_but_for_the_codec_of_parquet(forms: Forms) -> None:
    """When the archive was made it was snappy. Its objects are read as today's are."""

    def form(kept: Kept | None) -> Kept | None:
        return kept and beside_compression(kept)

    archive = unpacked()
    names = sorted(name for name in archive.keys() | forms.objects.keys() if not name.startswith((*GROWN, SIZES)))
    changed = [name for name in names if form(archive.get(name)) != form(forms.objects.get(name))]
    if changed:
        listed = "\n".join(changed[:SHOWN])
        pytest.fail(f"{len(changed)} objects are others than in the archive. {REMEDY}\n{listed}", pytrace=False)


def test_the_state_that_an_earlier_release_left_is_read() -> None:
    name = "prices/warehouse/audit/state/prices.json"
    state = DatasetState.from_json(unpacked()[name].body)
    assert (state.frontier, len(state.targets), state.halted) == (1795172400, 3, {})

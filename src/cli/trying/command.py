"""``starmend contract try``: the sample that is asked for, tried, and what came of it shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cli.deployed import deployment
from cli.output import SHOWN, out, show
from cli.ranges import range_of
from cli.trying.feeds import FeedTrial, NoSecret, SavedAnswer, served, try_history, try_live
from cli.trying.lines import Body, Trial, try_bodies
from core.contract.model import Contract, Contracts, Database
from core.errors import Misuse
from core.ports import SecretStore

if TYPE_CHECKING:
    from aws.deployment import Deployment

Sample = Literal["objects", "rows", "call", "answer"]
ROWS, OBJECTS = 1_000, 3  # rows of a table, and ingest objects of a table, that are tried


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """The trial that is asked for. ``table`` and ``entity`` empty: every table, the first entity."""

    file: Path
    sample: str
    table: str = ""
    entity: str = ""
    start: str = ""
    end: str = ""
    saved: SavedAnswer | None = None
    rows: int = ROWS


def contract_of(file: Path, *, today: dt.date) -> tuple[Contracts, Contract]:
    """The contracts of the file's folder, and the one that the file holds. Raises ``BadContracts``."""
    from core.authoring.load import load
    from core.authoring.written import Document

    contracts = load(file.parent, today=today)
    named = Document(file.read_text(encoding="utf-8")).data["dataset"]
    return contracts, contracts.dataset(named)


def run_trial(order: TrialOrder, environment: str, *, now: dt.datetime) -> tuple[Trial, FeedTrial | None]:
    """Try the contract; of a feed's call or answer, what came of the call too."""
    contracts, contract = contract_of(order.file, today=now.date())
    source = contract.source
    if source is None:
        raise Misuse("try contract", contract.dataset, "has no source to try it with", "Name another")
    names = [table.name for table in source.tables]
    if order.table and order.table not in names:
        raise Misuse("try contract", order.table, "is no source table of it", f"Use one of: {', '.join(names)}")
    sample = _sample(order, is_feed=not isinstance(source, Database))
    if sample in ("call", "answer"):
        call = _call(order, contracts, contract, environment)
        return _tried(contracts, contract, [call.body] if call.body.lines else [], now), call
    return _tried(contracts, contract, _bodies(order, contract, environment, sample, now), now), None


def _tried(contracts: Contracts, contract: Contract, bodies: Sequence[Body], now: dt.datetime) -> Trial:
    return try_bodies(contracts, contract.dataset, bodies, now=now, shown=SHOWN)


def _sample(order: TrialOrder, *, is_feed: bool) -> Sample:
    if order.saved is not None or (is_feed and order.sample == "rows"):
        if not is_feed:
            raise Misuse("try contract", "--answer", "a database gives no answers", "Use --sample objects or rows")
        return "call" if order.saved is None else "answer"
    if order.sample == "rows":
        return "rows"
    if order.sample == "objects":
        return "objects"
    raise Misuse("try contract", order.sample, "is no sample", "Use --sample objects or --sample rows")


def _bodies(
    order: TrialOrder, contract: Contract, environment: str, sample: Sample, now: dt.datetime
) -> Sequence[Body]:
    from aws.objects import S3ObjectStore
    from cli.trying.sources import newest_objects, source_rows

    deployed = deployment(environment)
    if sample == "rows" and isinstance(contract.source, Database):
        return [*source_rows(contract.source, _secrets(deployed), table=order.table, most=order.rows)]
    objects = S3ObjectStore(deployed.clients("s3"), deployed.ingest_bucket)
    return newest_objects(objects, contract, table=order.table, most=OBJECTS, now=now)


def _secrets(deployed: Deployment) -> SecretStore:
    from aws.secrets import AwsSecretStore

    return AwsSecretStore(deployed.clients("secretsmanager"), f"{deployed.project}/{deployed.environment}/")


def _call(order: TrialOrder, contracts: Contracts, contract: Contract, environment: str) -> FeedTrial:
    start, end = range_of(order.start, order.end, operation="try contract")
    dataset = contract.dataset

    def called(secrets: SecretStore, urls: Mapping[str, str]) -> FeedTrial:
        if start is None or end is None:
            return try_live(contracts, dataset, order.entity, secrets=secrets, urls=urls)
        return try_history(contracts, dataset, order.entity, start, end, secrets=secrets, urls=urls)

    if order.saved is None:
        return called(_secrets(deployment(environment)), {})
    with served(order.saved) as url:
        return called(NoSecret(), {dataset: url, f"{dataset}.history": url})


# ---------------------------------------------------------------- what is shown


def trial_data(trial: Trial, call: FeedTrial | None) -> dict[str, Any]:
    """The trial as JSON-ready data."""
    data: dict[str, Any] = {"fine": is_fine(trial, call), **asdict(trial)}
    if call is not None:
        data["call"] = {name: value for name, value in asdict(call).items() if name != "body"}
    return data


def is_fine(trial: Trial, call: FeedTrial | None) -> bool:
    """Whether the contract took everything, and a call gave something."""
    return trial.fine and (call is None or call.fine)


def show_trial(trial: Trial, call: FeedTrial | None) -> None:
    """The call first, then the lines and refusals of each source table, then the first rows of the star."""
    if call is not None:
        _show_call(call)
    for source in trial.sources:
        counts = f"{source.lines} lines, {source.accepted} taken, {len(source.refused)} refused"
        outside = f", {source.outside} of them from before the first partition" if source.outside else ""
        out.print(f"{trial.dataset}.{source.table}: {source.problem or counts + outside}")
        for halted in source.halted:
            out.print(f"  halted: {halted}", style="red")
        if source.unknown:
            out.print(f"  fields that the contract does not know: {', '.join(source.unknown)}")
        for refusal in source.refused[:SHOWN]:
            out.print(f"  line {refusal.line}: {refusal.reason}", style="yellow")
            out.print(f"    {refusal.content}")
        if len(source.refused) > SHOWN:
            out.print(f"  and {len(source.refused) - SHOWN} more: --json")
    for name, rows in trial.rows.items():
        if rows:
            show(f"{name}: the first of {trial.counts[name]} rows", rows, as_json=False)


def _show_call(call: FeedTrial) -> None:
    out.print(f"{call.dataset}: {call.asked} of {call.entity}")
    for answer in call.answers:
        out.print(f"  {answer.request} -> {answer.status}: {answer.answer}, {answer.points} points; {answer.why}")
        for record in answer.bad[:SHOWN]:
            out.print(f"    refused: {record}", style="yellow")
    for outcome, spans in call.slots.items():
        listed = ", ".join(f"{start} to {end}" for start, end in spans[:SHOWN])
        out.print(f"  {outcome}: {listed}{' and more' if len(spans) > SHOWN else ''}")
    if call.why:
        out.print(f"  {call.why}", style="yellow")

"""The functions of a deployment, wired as they wire themselves, over AWS in this process."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import auditor.runtime
import processing.runtime
from auditor import steps
from auditor.page.reading.gather import gather
from auditor.page.reading.sources import Range, Sources
from auditor.services import Services as Auditor
from aws.anchors import S3AnchorStore
from aws.settings import Settings
from aws.signing import KmsSigner
from bench.calls.simulated import Answer, SimulatedAws
from bench.quiet import Quiet
from core.contract.model import Contracts
from core.rendering.render import render
from core.time import iso
from notary.sign import sign_chain
from processing.events import ObjectEvent
from processing.process import process_objects
from processing.restating.job import restate_job
from processing.services import Services as Processing

INGEST, WAREHOUSE, ANCHORS = "calls-ingest", "calls-warehouse", "calls-anchors"


class DeployedFunctions:
    """``now`` is the time for all of them; whoever drives them sets it."""

    def __init__(self, contracts: Contracts, now: dt.datetime, *, source: Callable[..., Any] | None = None) -> None:
        self.contracts = contracts
        self.now = now
        self.source = source
        self.aws = SimulatedAws(lambda: self.now, **_SIGNATURES)
        self._clients: dict[str, Any] = {}

    def clients(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.aws.client(service)
        return self._clients[service]

    @cached_property
    def settings(self) -> Settings:
        return Settings(
            project="starmend",
            environment="calls",
            ingest_bucket=INGEST,
            warehouse_bucket=WAREHOUSE,
            contracts_path=Path(),  # the text is given instead
            process_queue_url="https://sqs/process",
            dead_letter_queue_url="https://sqs/dead",
            alarm_topic="arn:aws:sns:us-east-1:0:alarms",
            event_bus="events",
            contracts_text=render(self.contracts).encode(),
        )

    @cached_property
    def processing(self) -> Processing:
        services, _ = processing.runtime.build_services(self.settings, self.clients)  # type: ignore[arg-type]
        return replace(services, now=lambda: self.now, metrics=lambda _: Quiet(), log=Quiet(), workers=4)

    @cached_property
    def auditor(self) -> Auditor:
        services = auditor.runtime.runtime_of(self.settings, self.clients).services  # type: ignore[arg-type]
        limits = replace(services.limits, workers=4)
        quiet: Mapping[str, Any] = {"metrics": lambda _: Quiet(), "log": Quiet(), "source": self.source}
        return replace(services, now=lambda: self.now, limits=limits, **quiet)

    # ------------------------------------------------------------ what they do

    def process(self, *keys: str) -> None:
        errors = process_objects([ObjectEvent("", key, again=False) for key in keys], self.processing)
        assert not errors, errors

    def audit(self, dataset: str, run: str) -> dict[str, Any]:
        """The first step of the state machine, and what it says. Nothing is to be repaired, or it was no quiet hour."""
        carried = {"dataset": dataset, "run": run, "order": {"dataset": dataset}, "attempt": 0}
        answer: dict[str, Any] = steps.audit_step(carried, self.auditor)
        assert answer["idle"], answer
        return {**carried, "counts": answer}

    def certify(self, carried: Mapping[str, Any]) -> dict[str, Any]:
        certified: dict[str, Any] = steps.certify_step(carried, self.auditor)
        return {**carried, "counts": {**carried["counts"], **certified}}

    def restate_rollups(self, carried: Mapping[str, Any]) -> None:
        for job in carried["counts"]["rollups"]:
            restate_job(self.processing, job["job"])

    def conclude(self, carried: Mapping[str, Any]) -> None:
        notices = steps.conclude_step(carried, self.auditor, environment="calls")
        assert not notices["sent"], notices

    def report(self) -> None:
        def newest(tables: Any) -> Any:
            self.aws.calls["athena", "StartQueryExecution"] += 1
            return {table.name: self.now for table in tables}

        now = int(self.now.timestamp())
        page = gather(
            Sources(self.auditor, newest=newest, workers=4), Range.of(None, None, now), project="p", environment="e"
        )
        assert not page.notes, page.notes

    def sign(self, dataset: str) -> None:
        records = self.auditor.records
        anchors = S3AnchorStore(self.clients("s3"), ANCHORS)
        signers = [KmsSigner(self.clients("kms"), "key")]
        sign_chain(dataset, records=records, anchors=anchors, signers=signers, now=self.now)

    def run_name(self) -> str:
        return f"audit-{iso(int(self.now.timestamp()))}".replace(":", "")


def _taken(asked: Answer) -> Answer:
    return {"FailedEntryCount": 0, "Entries": [{} for _ in asked["Entries"]]}


_SIGNATURES: dict[str, Callable[[Answer], Answer]] = {
    "GetPublicKey": lambda _: {"PublicKey": b"key"},
    "Sign": lambda asked: {"Signature": json.dumps(len(asked["Message"])).encode()},
    "PutEvents": _taken,
}

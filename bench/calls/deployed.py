"""The functions of a deployment, wired as they wire themselves, over AWS in this process."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import auditor.runtime
import processing.runtime
from auditor import steps
from auditor.page.publish import publish_page
from auditor.page.reading.gather import gather
from auditor.page.reading.sources import Range, Sources
from auditor.services import Services as Auditor
from aws.anchors import S3AnchorStore
from aws.settings import Settings
from aws.signing import KmsSigner
from bench.calls.quiet_source import QuietExtraction, QuietSource
from bench.calls.simulated import Answer, SimulatedAws
from bench.quiet import Quiet
from core.contract.model import Contracts
from core.evolution.deployments import record_deployment, record_deployments
from core.rendering.render import render
from core.time import iso
from ingestion.check.ask import answer
from ingestion.extract.budget import Budget
from ingestion.extract.flow import Extraction, run_pass
from ingestion.extract.runtime import extraction_of
from notary.sign import sign_chain
from processing.events import ObjectEvent
from processing.process import process_objects
from processing.restating.job import restate_job
from processing.restating.reshape import reshape_lines
from processing.services import Services as Processing

INGEST, WAREHOUSE, ANCHORS = "calls-ingest", "calls-warehouse", "calls-anchors"
MONTH = dt.timedelta(days=30)


class DeployedFunctions:
    """``now`` is the time for all of them; whoever drives them sets it. ``database`` is the source of ``dataset``."""

    def __init__(
        self, contracts: Contracts, now: dt.datetime, *, database: QuietSource | None = None, dataset: str = ""
    ) -> None:
        self.contracts = contracts
        self.now = now
        self._database, self._dataset = database, dataset
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
        quiet: dict[str, Any] = {"metrics": lambda _: Quiet(), "log": Quiet()}
        if self._database is not None:  # they are functions of their own, which the auditor invokes
            quiet["source"] = self._invoked(lambda question: answer(self.extraction, question, services.records))
            quiet["reshape"] = self._invoked(lambda question: reshape_lines(self.processing, question))
        return replace(services, now=lambda: self.now, limits=limits, **quiet)

    def _invoked(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def invoke(question: Any) -> Any:
            self.aws.calls["lambda", "Invoke"] += 1
            return json.loads(json.dumps(function(json.loads(json.dumps(question)))))

        return invoke

    @cached_property
    def extraction(self) -> Extraction:
        """Extraction and check, which a container each keeps; here they share what they know of the lists."""
        built, _ = extraction_of(self._dataset, self.settings, self.clients)  # type: ignore[arg-type]
        given: Any = self._database
        return QuietExtraction(built.contract, given, built.sink, Quiet(), Quiet())

    def deploy_each_month(self, dataset: str, since: dt.datetime, until: dt.datetime) -> None:
        """Contracts of a dataset that differed, one a month; the last is the one that holds."""
        records, contract, at = self.auditor.records, self.contracts.dataset(dataset), since
        while at + MONTH < until:
            before = replace(contract, hash=f"until {at:%Y-%m-%d}")
            others = tuple(before if each is contract else each for each in self.contracts)
            past = replace(self.contracts, contracts=others)
            record_deployment(records, past, dataset, now=int(at.timestamp()), collecting=True)
            at += MONTH
        record_deployments(records, self.contracts, now=int(at.timestamp()), collecting=True)

    # ------------------------------------------------------------ what they do

    def extract(self) -> None:
        """A pass over all tables."""
        run_pass(self.extraction, budget=Budget.of(600, clock=time.monotonic)).raise_failures()

    def process(self, *keys: str) -> None:
        errors = process_objects([ObjectEvent("", key) for key in keys], self.processing)
        assert not errors, errors

    def audit(self, dataset: str, run: str, **order: Any) -> dict[str, Any]:
        """The first step of the state machine, and what it says. Nothing is to be repaired, or it was no quiet hour."""
        carried = {"dataset": dataset, "run": run, "order": {"dataset": dataset, **order}, "attempt": 0}
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

    def page(self) -> None:
        """The page as its function makes it."""
        said = publish_page({}, self.auditor, environment="calls")
        assert not said["unread"], said

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
    "GetTopicAttributes": lambda _: {"Attributes": {"SubscriptionsConfirmed": "1"}},
}

"""Deployments beside each other in one account: another project, and a second region with a suffix to its name.

Each is applied by the commands and has data going through it. Then one after the other is broken, in ways that alarm by
a queue's metric and by one of our own, and mended: only its own alarms go off, only its own admins are mailed, and the
others go on.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.chaos.run import Options, Result
from tests.support import deployed
from tests.support.checkouts import checkout
from tests.support.lake import quote
from tests.support.operators import Operator
from tests.support.waiting import eventually

from aws.deployment import Deployment
from core.contract.model import Feed
from core.time import iso
from local.emulator import Emulator
from local.invoking import await_receipts, invoke, query_rows
from local.market import MarketProcess
from local.provisioning import LAYERS, UNPACKED_LAYERS

ALARM_SCALE = 0.05  # of the alarms' periods
WITHIN = 150.0
APPLY_SECONDS = 900.0
SECOND_REGION = "us-west-2"
AT = "2026-11-20T10:00:00.000"


@dataclass(frozen=True)
class Neighbour:
    """One of the deployments, and the number that tells its rows from the others'."""

    name: str
    number: int
    operator: Operator
    deployment: Deployment

    def alarms(self) -> dict[str, str]:
        """State by name of all alarms that this deployment's region shows under its prefix."""
        self.deployment.enter()
        pages = self.deployment.clients("cloudwatch").get_paginator("describe_alarms")
        prefix = f"{self.deployment.project}-{self.deployment.environment}-"
        return {
            alarm["AlarmName"]: alarm["StateValue"]
            for page in pages.paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            for kind in ("MetricAlarms", "CompositeAlarms")
            for alarm in page.get(kind, [])
            if alarm["AlarmName"] in self.deployment.alarms.values()
        }

    def ringing(self) -> set[str]:
        return {name for name, state in self.alarms().items() if state == "ALARM"}

    def alarm(self, name: str) -> str:
        return self.alarms()[self.deployment.alarms[name]]


def operators(emulator: Emulator, market: MarketProcess, folder: Path) -> Iterator[tuple[str, Operator]]:
    """Three of them, a checkout each: nothing that one has built helps another, but the layers of the same locks."""
    urls = dict.fromkeys(("quotes", "quotes.history"), market.api_url)
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "first": ("dev", {}),
        "another project": ("dev", {"project": "second"}),
        "another region": ("dev-us2", {"region": SECOND_REGION}),
    }
    for name, (to, given) in settings.items():
        place = folder / name.replace(" ", "-")
        place.mkdir()
        copy = checkout(place)
        (copy / "build").mkdir()
        (copy / "build/layers").symlink_to(LAYERS)
        if to != "dev":
            environments = copy / "terraform/environments"
            own = (environments / "dev.tfvars").read_text(encoding="utf-8")
            (environments / f"{to}.tfvars").write_text(f'{own}\nname_suffix = "us2"\n', encoding="utf-8")
        kept = {key: value for key, value in os.environ.items() if key not in ("STARMEND_DEPLOYMENT", "AWS_PROFILE")}
        environment = kept | emulator.environment() | {
            "TEST_PROVIDER_URLS": json.dumps(urls),
            "PYTHONPATH": str(copy / "src"),
        }  # fmt: skip
        yield name, Operator(copy, environment, to, given)


@contextmanager
def neighbours(options: Options) -> Iterator[list[Neighbour]]:
    """All of them applied on one emulator, with what was tried of each found to work."""
    with ExitStack() as ending:
        ending.enter_context(patch.dict("os.environ"))
        os.environ.pop("AWS_PROFILE", None)
        emulator = ending.enter_context(
            Emulator.start(
                options.scratch / "emulator",
                firehose_scale=0.01,
                alarm_scale=ALARM_SCALE,
                alarm_seconds=1,
                as_on_aws=True,
                layers=UNPACKED_LAYERS,
            )
        )
        os.environ.update(emulator.environment())
        market = MarketProcess.start(options.scratch / "market", seed=options.seed)
        ending.callback(market.stop)
        standing = []
        for number, (name, operator) in enumerate(list(operators(emulator, market, options.scratch)), 1):
            options.progress(f"applying: {name}", now=True)
            for command in (("deploy", "bootstrap"), ("deploy", "apply", "--yes", "--json")):
                said = operator.gives(*command, within=APPLY_SECONDS)
                if said.code:
                    raise RuntimeError(f"{name}: {' '.join(command)} ended with {said.code}: {said.err[-1500:]}")
            standing.append(Neighbour(name, number, operator, operator.deployment))
        yield standing


# ---------------------------------------------------------------- data


def send(neighbour: Neighbour, turn: int) -> None:
    """A row of the database and a point of the feed, which no other deployment gets, through to their receipts."""
    deployment, number = neighbour.deployment, 100 * neighbour.number + turn
    deployment.enter()
    row = {"currency_id": number, "currency_code": f"C{number}", "created_at": AT, "last_updated": AT}
    deployed.land(deployment, f"tables/sales/currency/{turn:012d}.jsonl.gz", [row])
    feed = deployment.contracts.dataset("quotes").source
    assert isinstance(feed, Feed)
    opens = deployment.contracts.calendar(feed.calendar).segments[-400][0]
    line = quote(feed.entities[0].name, iso(opens + 60 * turn), f"{number}.5")
    deployed.land(deployment, f"feeds/quotes/2026/11/20/14/{number}.gz", [line])
    for prefix in ("tables/", "feeds/"):
        await_receipts(deployment, prefix, within=WITHIN)


def rows(neighbour: Neighbour) -> dict[str, list[Any]]:
    """What Athena shows of it."""
    neighbour.deployment.enter()
    asked = {
        "currencies": "select currency_code as value from dim_currency order by 1",
        "prices": "select cast(price as varchar) as value from fact_quote order by 1",
    }
    return {name: [row["value"] for row in query_rows(neighbour.deployment, sql)] for name, sql in asked.items()}


def foreign(neighbour: Neighbour, turns: int) -> list[str]:
    """What a deployment should show and does not, or shows and should not."""
    numbers = [100 * neighbour.number + turn for turn in range(1, turns + 1)]
    shown = rows(neighbour)
    wrong = []
    if shown["currencies"] != [f"C{number}" for number in numbers]:
        wrong.append(f"{neighbour.name}: dim_currency shows {shown['currencies']}, {numbers} were sent")
    if [float(price) for price in shown["prices"]] != [number + 0.5 for number in numbers]:
        wrong.append(f"{neighbour.name}: fact_quote shows {shown['prices']}, {numbers} were sent")
    return wrong


# ---------------------------------------------------------------- breaking


@contextmanager
def poisoned(neighbour: Neighbour) -> Iterator[str]:
    """An object of a table that nobody promised: retried, dead-lettered, alarmed by the queue's metric."""
    deployment = neighbour.deployment
    deployment.enter()
    sqs = deployment.clients("sqs")
    url = deployment.queues["arrivals"]
    [name] = ["VisibilityTimeout"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: "1"})
    key = "tables/sales/a_table_that_nobody_promised/000000000001.jsonl.gz"
    try:
        deployed.land(deployment, key, [{"id": 1}])
        yield "dead-letters-arrivals"
    finally:
        deployment.enter()
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before)
        deployed.ingest(deployment).delete([key])
        sqs.purge_queue(QueueUrl=deployment.dead_letter_queues["arrivals"])


@contextmanager
def without_token(neighbour: Neighbour) -> Iterator[str]:
    """A minute asked for without the provider's token: alarmed by a metric of our own."""
    deployment = neighbour.deployment
    deployment.enter()
    feed = deployment.contracts.dataset("quotes").source
    assert isinstance(feed, Feed)
    past = [opens for opens, _ in deployment.contracts.calendar(feed.calendar).segments if opens < time.time() - 86_400]
    invoke(deployment, "request", {"dataset": "quotes", "time": iso(past[-1])})
    yield "secret-missing-quotes"


BREAKS: Mapping[str, Callable[[Neighbour], Any]] = {"poisoned object": poisoned, "missing secret": without_token}


@dataclass
class Watch:
    """Mails of every deployment's topic, by its name."""

    mails: Mapping[str, Callable[[], list[str]]]

    def names(self, neighbour: Neighbour) -> list[str]:
        """The alarms that its admins were mailed the beginning of."""
        neighbour.deployment.enter()
        mails = [json.loads(text) for text in self.mails[neighbour.name]() if text.startswith("{")]
        return sorted({mail["AlarmName"] for mail in mails if mail["NewStateValue"] == "ALARM"})


def break_one(
    neighbour: Neighbour, others: list[Neighbour], kind: str, options: Options
) -> tuple[dict[str, Any], list[str]]:
    """Break it, see its alarm go off and, where it can be mended here, come to rest; what of the others went off."""
    faults: list[str] = []
    with ExitStack() as ending:
        mails = {}
        for number, each in enumerate((neighbour, *others)):
            each.deployment.enter()
            mails[each.name] = ending.enter_context(deployed.mailbox(each.deployment, f"admins-{number}"))
        watch = Watch(mails)
        quiet = {each.name: each.ringing() for each in others}
        began = time.monotonic()
        with BREAKS[kind](neighbour) as alarm:
            eventually(lambda: neighbour.alarm(alarm) == "ALARM", within=WITHIN)
            seconds = time.monotonic() - began
        eventually(lambda: neighbour.alarm(alarm) != "ALARM", within=WITHIN)
        full = neighbour.deployment.alarms[alarm]
        eventually(lambda: full in watch.names(neighbour), within=60)
        own = watch.names(neighbour)
        theirs = {each.name: watch.names(each) for each in others}
        others_ringing = {each.name: each.ringing() - quiet[each.name] for each in others}
    faults += [f"{kind} of {neighbour.name}: {name} was mailed {names}" for name, names in theirs.items() if names]
    faults += [
        f"{kind} of {neighbour.name}: {sorted(names)} of {name} went off"
        for name, names in others_ringing.items()
        if names
    ]
    if stray := [name for name in own if name not in neighbour.deployment.alarms.values()]:
        faults.append(f"{kind} of {neighbour.name}: its admins were mailed of {stray}")
    options.progress(f"{kind} of {neighbour.name}: {', '.join(own)} after {seconds:.0f} s", now=True)
    return {"broken": neighbour.name, "by": kind, "alarms": own, "seconds": round(seconds, 1), "others": theirs}, faults


def two_deployments(options: Options) -> Result:
    """``--runs`` is how often each deployment is broken in each way (once)."""
    chance, faults, breaks = random.Random(options.seed), [], []
    began = time.monotonic()
    with neighbours(options) as standing:
        applied = time.monotonic() - began
        alarms = {each.name: len(each.alarms()) for each in standing}
        turns = 1
        for each in standing:
            send(each, turns)
        for each in standing:
            faults += foreign(each, turns)
        for _ in range(options.amount(1)):
            order = [(each, kind) for each in standing for kind in BREAKS]
            chance.shuffle(order)
            for each, kind in order:
                turns += 1
                try:
                    figures, wrong = break_one(each, [other for other in standing if other is not each], kind, options)
                except AssertionError as error:
                    faults.append(f"{kind} of {each.name}: {error}")
                    continue
                breaks.append(figures)
                faults += wrong
                for every in standing:
                    send(every, turns)
        for each in standing:
            faults += foreign(each, turns)
    figures = {
        "deployments": len(standing),
        "regions": len({each.deployment.region for each in standing}),
        "applied_seconds": round(applied, 1),
        "alarms": alarms,
        "rows_each": 2 * turns,
        "breaks": breaks,
        "alarms_of_others": sum(len(names) for entry in breaks for names in entry["others"].values()),
    }
    return Result(figures, [f"{fault} (seed {options.seed})" for fault in faults])


RUNS: dict[str, Callable[[Options], Result]] = {"two_deployments": two_deployments}

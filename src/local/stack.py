"""The local stack: emulator, what stands in for sources, and the real Terraform, on one machine.

All of it lies below one folder. A stack that was not started detached ends with the process that started it. Each of
its processes is marked with the folder (:mod:`local.processes`), so that it is found whatever became of the files.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from aws.deployment import Deployment
from core.contract.model import Contracts
from core.errors import NotDeployed, OutOfReach
from deploy.terraform import Change, Terraform
from local.database import Database, generator
from local.emulator import Emulator
from local.emulator.schedules import Pace, write_pace
from local.market import MarketProcess
from local.processes import described, end_below, processes_below
from local.provisioning import (
    ENVIRONMENT,
    IN_TIME,
    UNPACKED_LAYERS,
    Plan,
    Say,
    apply,
    apply_again,
    contracts_of,
    initialise,
    pack,
    read_variables,
    remember_adaptation,
    terraform_of,
    variables_of,
)
from local.stand_ins import fill_secrets, market_feeds, own_secrets, values_of, wants_sample
from local.work_lock import end_worker, only_worker, was_worked_on


class Stack:
    """A running stack; commands and functions reach it by its ``deployment``."""

    def __init__(
        self,
        folder: Path,
        emulator: Emulator,
        deployment: Deployment,
        *,
        database: Database | None = None,
        market: MarketProcess | None = None,
    ) -> None:
        self.folder = folder
        self.emulator = emulator
        self.deployment = deployment
        self._database = database
        self._market = market

    @property
    def database(self) -> Database:
        """The sample database; ``OutOfReach`` where no contract asks for it."""
        if self._database is None:
            raise OutOfReach("find the sample database", str(self.folder), "no contract asks for it", "See its secret")
        return self._database

    @property
    def market(self) -> MarketProcess:
        """The market; ``OutOfReach`` where no contract asks for it."""
        if self._market is None:
            raise OutOfReach("find the market", str(self.folder), "no contract asks for it", "See the feed's secret")
        return self._market

    @classmethod
    def up(cls, build: Path, plan: Plan | None = None, *, detached: bool = False, say: Say = lambda _: None) -> Stack:
        """Start a stack below ``build/local``. What was started is stopped again when something fails.

        Raises ``OutOfReach``, and touches nothing, where a stack or a part of one runs there already.
        """
        plan = plan or Plan()
        folder = (build / ENVIRONMENT).resolve()
        _refuse_foreign(folder)
        with only_worker(folder, "start the stack"), ExitStack() as undo:
            _refuse_second(folder)
            _forget(folder)  # leftovers, which nothing uses any more
            folder.mkdir(parents=True)
            undo.callback(_forget, folder)
            contracts = contracts_of(plan.contracts, plan)
            say("starting the emulator and what the contracts ask for")
            emulator = Emulator.start(
                folder / "emulator",
                firehose_scale=plan.firehose_scale,
                alarm_scale=plan.alarm_scale,
                alarm_seconds=plan.alarm_seconds,
                s3_scale=plan.s3_scale,
                as_on_aws=True,
                layers=UNPACKED_LAYERS,
                detached=detached,
            )
            undo.callback(emulator.stop)
            _set_pace(emulator, plan)
            with ThreadPoolExecutor(3) as beside:
                initialising = beside.submit(initialise, folder, emulator)
                packing = beside.submit(pack, folder, contracts, say=say)
                database = _sample(folder, contracts, plan.secrets, detached=detached)
                if database:
                    undo.callback(database.stop)
                filled = beside.submit(_fill, database, plan)
                market = _market(folder, contracts, plan, plan.secrets, detached=detached)
                if market:
                    undo.callback(market.stop)
                packed = packing.result()
                say("applying Terraform")
                variables = variables_of(emulator, _urls(contracts, market, plan.secrets), packed, plan)
                deployment = apply(folder, emulator, initialising.result(), variables, say=say)
                filled.result()
            fill_secrets(deployment, {**values_of(database, market), **plan.secrets})
            remember_adaptation(folder, plan)
            deployment.remember(folder)  # last: what is remembered is whole
            undo.pop_all()
        return cls(folder, emulator, deployment, database=database, market=market)

    @classmethod
    def attach(cls, build: Path) -> Stack:
        """The stack that another process left up; raises ``OutOfReach`` or ``PipelineBug`` where there is none."""
        folder = (build / ENVIRONMENT).resolve()
        emulator = Emulator.attach(folder / "emulator")
        deployment = Deployment.attach(folder)
        database, market = _attached(Database, folder / "database"), _attached(MarketProcess, folder / "market")
        return cls(folder, emulator, deployment, database=database, market=market)

    def contracts(self, plan: Plan) -> Contracts:
        """The contracts that :meth:`apply` would deploy."""
        return contracts_of(plan.contracts, plan)

    def apply(
        self,
        plan: Plan,
        contracts: Contracts | None = None,
        *,
        may_lose_data: bool = False,
        say: Say = lambda _: None,
    ) -> Sequence[Change]:
        """Deploy contracts (None: the plan's) and code as they are now, and start what they newly ask for.

        Secrets that the plan has are filled. No data are touched: neither the lake nor the sources. Raises ``Misuse``
        where Terraform would delete what holds some. Settings that the stack was started with stay, unless the plan's
        variables say otherwise.
        """
        with only_worker(self.folder, "change the stack"):
            contracts = self.contracts(plan) if contracts is None else contracts
            packed = pack(self.folder, contracts, say=say)
            standing_in = values_of(self._database, self._market)
            own = {*plan.secrets, *own_secrets(self.deployment, standing_in)}
            if self._database is None and (database := _sample(self.folder, contracts, own, detached=True)):
                _fill(database, plan)
                self._database = database
            self._market = self._market or _market(self.folder, contracts, plan, own, detached=True)
            say("applying what changed")
            variables = {**read_variables(self.folder), **packed.variables, **plan.variables}
            variables["provider_urls"] = _urls(contracts, self._market, own)
            if plan.speed is not None:
                variables["schedules_enabled"] = plan.speed > 0
            self.deployment, changes = apply_again(
                self.folder, self.emulator, self.deployment, variables, may_lose_data=may_lose_data
            )
            remember_adaptation(self.folder, plan)
            _set_pace(self.emulator, plan)
            standing_in = values_of(self._database, self._market)
            unclaimed = {name: value for name, value in standing_in.items() if name not in own}
            fill_secrets(self.deployment, {**unclaimed, **plan.secrets})
        return changes

    def terraform(self, variables: Mapping[str, Any] | None = None) -> tuple[Terraform, dict[str, Any]]:
        """The runner that this stack was applied with, and its variables with some of them replaced."""
        return terraform_of(self.folder, self.emulator), {**read_variables(self.folder), **(variables or {})}

    def down(self) -> None:
        """Stop every process and remove everything below the folder."""
        down(self.folder.parent)

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for part in (self.emulator, self._market, self._database):
            if part is not None:
                part.stop()
        end_below(self.folder)
        _forget(self.folder)


def down(build: Path) -> int:
    """Stop every process of a stack below ``build/local``, and remove what it left; how many processes there were.

    They are found by their mark, so that lost, half-written or never written files do not matter. A start that is under
    way is ended first. Nothing there is no error, and a folder in which no stack ever was is left alone.
    """
    folder = (build / ENVIRONMENT).resolve()
    if not was_worked_on(folder) and not processes_below(folder):
        return 0
    end_worker(folder)
    with only_worker(folder, "stop the stack"):
        ended = end_below(folder)
        for part, name in ((Emulator, "emulator"), (MarketProcess, "market"), (Database, "database")):
            with suppress(OutOfReach):  # one whose environment this system does not show
                part.attach(folder / name).stop()
        _forget(folder)
    return ended


def is_up(build: Path) -> bool:
    """Whether a whole stack runs below ``build/local``."""
    with suppress(OutOfReach, NotDeployed):
        Stack.attach(build)
        return True
    return False


def _refuse_foreign(folder: Path) -> None:
    """Raise ``OutOfReach`` where this folder holds what no stack has left: a start would remove it."""
    if not was_worked_on(folder) and folder.exists() and any(folder.iterdir()):
        problem, remedy = (
            "it holds files that no stack has left",
            "Move them away, or start in another project's folder",
        )
        raise OutOfReach("start the stack", str(folder), problem, remedy)


def _refuse_second(folder: Path) -> None:
    """Raise ``OutOfReach`` where anything of a stack runs in this folder."""
    if running := processes_below(folder):
        remedy = "Apply to it: starmend up; where it is not whole: starmend down, then starmend up"
        raise OutOfReach("start the stack", str(folder), f"one runs there already: {described(running)}", remedy)


def _attached(part: Any, folder: Path) -> Any:
    with suppress(OutOfReach):
        return part.attach(folder)
    return None


def _set_pace(emulator: Emulator, plan: Plan) -> None:
    if plan.speed:
        write_pace(emulator.state_dir, Pace(plan.speed, IN_TIME))


def _sample(folder: Path, contracts: Contracts, own: Collection[str], *, detached: bool) -> Database | None:
    return Database.start(folder / "database", detached=detached) if wants_sample(contracts, own) else None


def _market(
    folder: Path, contracts: Contracts, plan: Plan, own: Collection[str], *, detached: bool
) -> MarketProcess | None:
    wanted = market_feeds(contracts, own)
    return MarketProcess.start(folder / "market", seed=plan.seed, detached=detached) if wanted else None


def _urls(contracts: Contracts, market: MarketProcess | None, own: Collection[str]) -> dict[str, str]:
    return dict.fromkeys(market_feeds(contracts, own), market.api_url) if market else {}


def _fill(database: Database | None, plan: Plan) -> None:
    """Make the sample's tables and rows."""
    if database is None:
        return
    connection = database.connect()
    try:
        generator.fill(connection, now=plan.now, sales_orders=plan.sales_orders, seed=plan.seed)
    finally:
        connection.close()


def _forget(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

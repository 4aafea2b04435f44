"""Operators and whoever deploys: commands that run beside everything else, from a laptop that sleeps now and then.

A rollback is theirs alone to answer for, so that readers may see fewer keys of that partition until it is healed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from tests.simulation.cloud import Cloud
from tests.simulation.functions import Function
from tests.simulation.judge import FACT, FEED, SHOP, Judge
from tests.simulation.star import StarWitness
from tests.simulation.world import Killed

from auditor.interventions.pauses import change_pauses
from core.errors import InvalidData, StarmendError, TransientFailure
from core.mirroring.names import table_prefix
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import partition_of
from mirror.certified.star import CertifiedStar
from mirror.certified.step import Uncertified, certify_dataset
from mirror.commit import mirror_table
from mirror.reading import MirrorServices
from mirror.scheduled.requests import MOST_PROVEN
from processing.partitions.rollback import rollback
from processing.partitions.vacuum import vacuum
from processing.restating.rebuild import rebuild_table
from processing.restating.replay import replay
from processing.services import Services

DAY, HOUR = 86_400.0, 3600.0
MIRRORED = (FACT, "fact_purchase", "dim_customer")
MIRROR_EVERY = 6 * HOUR
SILENT = "does not answer in this run"
PATIENCE = 24  # looks, five minutes apart, for somebody whom a vacuum may harm


class SilentMirror:
    """The warehouse bucket, of which one table's mirror does not answer in a run."""

    def __init__(self, objects: Any, table: str) -> None:
        self._objects, self._prefix = objects, f"{table_prefix(table)}/"

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._objects, name)

        def asked(first: Any, *given: Any, **more: Any) -> Any:
            if any(key.startswith(self._prefix) for key in ([first] if isinstance(first, str) else first)):
                raise TransientFailure("ask the store", self._prefix, SILENT, "")
            return method(first, *given, **more)

        return asked


class Operators:
    """Several people with a checkout; ``counts`` of the weather says what they did."""

    def __init__(self, cloud: Cloud, judge: Judge, seed: int, until: float) -> None:
        self.cloud = cloud
        self.judge = judge
        self.world, self.weather = cloud.world, cloud.weather
        self.until = until
        self.draw = random.Random(f"operators {seed}")
        self._uniques = random.Random(f"mirror {seed}")
        self._nasty = random.Random(f"certify {seed}")
        self.star_witness, self.stars = StarWitness(cloud, judge), dict[str, CertifiedStar | Uncertified]()
        self._laptop: Function[Services] = Function(
            self.world, self.weather, "operator", seconds=2 * DAY, build=cloud._processing
        )
        self._mirror: Function[MirrorServices] = Function(
            self.world, self.weather, "mirror", seconds=900, build=self._mirroring
        )
        cloud.functions |= {"operator": self._laptop, "mirror": self._mirror}  # a command begins by what is deployed

    def _mirroring(self, container: Any) -> MirrorServices:
        return MirrorServices(
            objects=container.port(self.cloud.records, "warehouse"),
            partitions=container.port(self.cloud.partitions, "warehouse"),
            root="s3://warehouse-bucket/",
            now=container.now,
            unique=lambda: f"{self._uniques.getrandbits(128):032x}",
        )

    # ------------------------------------------------------------ the mirror

    def mirror(self) -> None:
        """The mirror's schedule: each table, one after the other; two runs may meet."""
        while True:
            self.world.sleep(MIRROR_EVERY)
            for name in MIRRORED:
                self.world.spawn(partial(self._mirror_once, name))
                if self.weather.happens("mirrored twice", 0.05):
                    self.world.spawn(partial(self._mirror_once, name))
            self.world.sleep(self.draw.uniform(0, 120))
            for dataset in (FEED, SHOP):
                self.world.spawn(partial(self.certify, dataset))
                if self.weather.happens("certified twice", 0.05):
                    self.world.spawn(partial(self.certify, dataset))

    def certify(self, dataset: str) -> None:
        """What the mirror's function does when a dataset's tables are mirrored: the tags follow the certificates."""
        contracts, is_calm = self.cloud.contracts, self.weather.calm
        most = MOST_PROVEN if is_calm else self._nasty.choice([1, 2, 5, MOST_PROVEN])
        names = ["", "", *(table.name for table in contracts.dataset(dataset).tables)]
        silent = "" if is_calm else self._nasty.choice(names)

        def certified(services: MirrorServices) -> CertifiedStar | Uncertified:
            objects = SilentMirror(services.objects, silent) if silent else services.objects
            return certify_dataset(contracts, dataset, replace(services, objects=objects), most=most)

        try:
            star = self._mirror.call(certified)
        except (Killed, StarmendError) as error:
            self.judge.counts[f"certify: {type(error).__name__}"] += 1
            if SILENT in str(error):
                self.judge.say(
                    f"the mirror of {silent} does not answer, and nothing of {dataset} is certified: {error}"
                )
        else:
            self.stars[dataset] = star
            self.star_witness.see(star)
        for table in contracts.dataset(dataset).tables:
            self.judge.see_mirror(table.name)

    def _mirror_once(self, name: str) -> None:
        table = self.cloud.contracts.table(name)
        try:
            self._mirror.call(lambda services: mirror_table(table, services))
        except (Killed, StarmendError) as error:
            self.judge.counts[f"mirror: {type(error).__name__}"] += 1
        else:
            self.judge.counts["mirrored"] += 1
        self.judge.see_mirror(name)

    # ------------------------------------------------------------ commands

    def work(self) -> None:
        """Now and then somebody gives a command."""
        commands = [self._vacuum, self._vacuum, self._rebuild, self._replay, self._rollback, self._pause]
        while self.world.time < self.until:
            self.world.sleep(self.draw.expovariate(1 / (10 * HOUR)))
            if self.world.time < self.until:
                command = self.draw.choice(commands)
                self.weather.counts[f"operator: {command.__name__.strip('_')}"] += 1
                self.world.spawn(partial(self._give, command))

    def rebuild_or_replay(self) -> None:
        """Somebody writes partitions that are there."""
        if "operators" not in self.weather.off:
            self._give(self.draw.choice([self._rebuild, self._replay]))

    def _give(self, command: Callable[[], None]) -> None:
        try:
            command()
        except (Killed, StarmendError) as error:
            self.judge.counts[f"operator: {type(error).__name__}"] += 1

    def _table(self, *kinds: str) -> str:
        return self.draw.choice([table.name for table in self.cloud.contracts.tables() if table.kind in kinds])

    def _vacuum(self) -> None:
        """``starmend vacuum --grace 1h``, at the worst time: while somebody reads what others have replaced."""
        name = self._table("fact", "dimension", "rollup")
        for _ in range(PATIENCE):
            if replaced := sorted(self.judge.replaced_in_use()):
                name = self.draw.choice(replaced)
                break
            self.world.sleep(300)
        table = self.cloud.contracts.table(name)

        def clean(services: Services) -> None:
            for _ in vacuum(services.partitions, services.records, table, now=services.now(), grace=timedelta(hours=1)):
                pass

        self._laptop.call(clean)

    def _rebuild(self) -> None:
        """``starmend rebuild TABLE``."""
        self._make_again(self._table("fact", "dimension"))

    def mend(self, name: str) -> None:
        """Somebody sees that an object of a table is gone, and does not wait for the auditor."""
        if "operators" not in self.weather.off and self.cloud.contracts.table(name).kind in ("fact", "dimension"):
            self.weather.counts["operator: mend"] += 1
            self._give(partial(self._make_again, name))

    def _make_again(self, name: str) -> None:
        """``starmend rebuild TABLE``: what has all of its ingest objects is made again.

        By the contracts of when it was called. A laptop that slept since may refuse the lines of those of now.
        """
        called_by = self.cloud.contracts

        def make(services: Services) -> None:
            nonlocal called_by
            called_by = services.contracts
            for _ in rebuild_table(services, name):
                pass

        try:
            self._laptop.call(make)
        except InvalidData as refusal:
            if not self.cloud.deleted._versions and called_by == self.cloud.contracts:
                self.judge.say(f"{name} is not rebuilt, and no ingest object was ever lost: {refusal}")
            raise

    def _replay(self) -> None:
        """``starmend replay PREFIX``."""
        keys = [info.key for info in self.cloud.ingest.list(self.draw.choice(["feeds/", "tables/", "repair/"]))]
        chosen = self.draw.sample(keys, min(len(keys), 5))
        self._laptop.call(lambda services: list(replay(services, chosen)))

    def _rollback(self) -> None:
        """``starmend rollback``, without a hold: the next audits heal it forward."""
        table = self.cloud.contracts.table(self._table("fact"))
        targets = [*self.judge.targets(table.name)]
        if not targets:
            return
        partition, target = self.draw.choice(targets)
        body = self.cloud.partitions.objects.get(target)
        parent = open_object(target, body).footer.parent if body else ""
        if not parent:
            return
        path = partition.partition("/")[2]
        made_of_it = [
            each for each in self.cloud.contracts.tables() if each.kind == "rollup" and each.source == table.name
        ]
        self.judge.may_have_fewer |= {partition, *(partition_of(each.folder, path) for each in made_of_it)}

        def back(services: Services) -> None:
            context = services.context_of(services.contracts.dataset(table.dataset))
            rollback(services.partitions, table, path, to=parent, hold=None, context=context)

        self._laptop.call(back)
        self.judge.last_disaster = self.world.time

    def _pause(self) -> None:
        """``starmend pause``, and some hours later ``starmend resume``."""
        dataset = self.draw.choice([FEED, SHOP])
        now = int(self.world.time)
        change_pauses(self.cloud.records, dataset, lambda before: before.paused(now, by="operator", reason="simulated"))
        self.cloud.paused.add(dataset)
        self.world.sleep(self.draw.uniform(0.5, 6) * HOUR)
        self.resume(dataset)

    def resume(self, dataset: str) -> None:
        """The pause of a dataset ends."""
        now = int(self.world.time)
        change_pauses(self.cloud.records, dataset, lambda before: before.resumed(now))
        self.cloud.paused.discard(dataset)
        self.judge.resumed = self.world.time

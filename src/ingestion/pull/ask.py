"""A round of calls: many entities of one provider at once, until there is no use in going on.

A refused token and a missing secret end the round for all entities: one call shows it, a hundred would be a storm. A
limit is waited for once, if the provider names a pause that the round has time for; one without a pause ends the round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, wait
from datetime import datetime
from threading import Event

from core.errors import BadContract, InvalidData
from ingestion.providers.answers import Answer, Data, Limited, NotEntitled
from ingestion.pull.pace import Clock, Pace

CONCURRENT_CALLS = 16  # of a container to one provider
Asked = tuple[Answer, datetime]
Call = Callable[[Sequence[str]], Mapping[str, Answer]]  # entities that are asked for in one call


class Round:
    """One batch's calls to one provider. ``until`` (monotonic) ends it; calls still open then are given up."""

    def __init__(self, *, pace: Pace, clock: Clock, until: float) -> None:
        self._pace = pace
        self._clock = clock
        self._until = until
        self._over = Event()
        self.secret_missing: InvalidData | None = None

    def ask_all(self, entities: Sequence[str], call: Call, pool: Executor, *, together: int = 1) -> Mapping[str, Asked]:
        """The answers that came, with this machine's time of each; a call asks for so many entities ``together``.

        Raises what ``call`` raises, but for a missing secret, which is kept in ``secret_missing``.
        """
        groups = [entities[first : first + together] for first in range(0, len(entities), together)]
        self._pace.announce(min(len(groups), CONCURRENT_CALLS))
        futures = [pool.submit(self.ask, group, call) for group in groups]
        wait(futures, timeout=max(0.0, self._until - self._clock.monotonic()))
        self._over.set()
        answers = [future.result() for future in futures if future.done()]
        for future in futures:
            future.cancel()
        return {entity: answer for group in answers for entity, answer in group.items()}

    def turn(self) -> bool:
        """Wait for the turn of one more call; False where the round ends before it."""
        return not self._over.is_set() and self._pace.enter(until=self._until) and not self._over.is_set()

    def ask(self, entities: Sequence[str], call: Call) -> Mapping[str, Asked]:
        """The answers of one call; none where the round ended before it."""
        for attempt in range(2):
            if not self.turn():
                return {}
            try:
                answers = call(entities)
            except BadContract:
                raise
            except InvalidData as error:
                self.secret_missing = error
                self._over.set()
                return {}
            fetched_at = self._clock.now()
            for answer in answers.values():
                self._note(answer, last=attempt == 1)
            if self._over.is_set() or not any(isinstance(answer, Limited) for answer in answers.values()):
                break
        return {entity: (answer, fetched_at) for entity, answer in answers.items()}

    def _note(self, answer: Answer, *, last: bool) -> None:
        if isinstance(answer, Data) and answer.provider_time is not None:
            self._pace.set_time(answer.provider_time)
        if isinstance(answer, Limited):
            self._pace.close(answer.retry_after or 0.0)
            if last or answer.retry_after is None:
                self._over.set()
        if isinstance(answer, NotEntitled) and answer.what == "token":
            self._over.set()

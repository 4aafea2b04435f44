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

Asked = tuple[Answer, datetime]


class Round:
    """One batch's calls to one provider. ``until`` (monotonic) ends it; calls still open then are given up."""

    def __init__(self, *, pace: Pace, clock: Clock, until: float) -> None:
        self._pace = pace
        self._clock = clock
        self._until = until
        self._over = Event()
        self.secret_missing: InvalidData | None = None

    def ask_all(self, entities: Sequence[str], call: Callable[[str], Answer], pool: Executor) -> Mapping[str, Asked]:
        """The answers that came, with this machine's time of each.

        Raises what ``call`` raises, but for a missing secret, which is kept in ``secret_missing``.
        """
        futures = {entity: pool.submit(self.ask, entity, call) for entity in entities}
        wait(futures.values(), timeout=max(0.0, self._until - self._clock.monotonic()))
        self._over.set()
        answers = {entity: future.result() for entity, future in futures.items() if future.done()}
        for future in futures.values():
            future.cancel()
        return {entity: answer for entity, answer in answers.items() if answer is not None}

    def ask(self, entity: str, call: Callable[[str], Answer]) -> Asked | None:
        """One answer; None where the round ended before the call."""
        for attempt in range(2):
            if self._over.is_set() or not self._pace.enter(until=self._until) or self._over.is_set():
                return None
            try:
                answer = call(entity)
            except BadContract:
                raise
            except InvalidData as error:
                self.secret_missing = error
                self._over.set()
                return None
            fetched_at = self._clock.now()
            self._note(answer, last=attempt == 1)
            if not isinstance(answer, Limited) or self._over.is_set():
                break
        return answer, fetched_at

    def _note(self, answer: Answer, *, last: bool) -> None:
        if isinstance(answer, Data) and answer.provider_time is not None:
            self._pace.set_time(answer.provider_time)
        if isinstance(answer, Limited):
            self._pace.close(answer.retry_after or 0.0)
            if last or answer.retry_after is None:
                self._over.set()
        if isinstance(answer, NotEntitled) and answer.what == "token":
            self._over.set()

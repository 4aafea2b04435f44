"""A round of calls: many entities of one provider at once, until there is no use in going on.

A refused token and a secret that is missing or cannot be read end the round for all entities: one call shows it, a
hundred would be a storm. What was answered until then counts. A limit is waited for once, if the provider names a pause
that the round has time for; one without a pause ends the round. Whatever else goes wrong with an answer is the fault of
its own entities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from threading import Event

from core.audit.history import Evidence
from core.errors import BadContract, InvalidData, PipelineBug, StarmendError, TransientFailure, shown
from ingestion.providers.answers import Answer, Broken, Data, Limited, NotEntitled
from ingestion.pull.pace import Clock, Pace
from ingestion.pull.suspects import Asked, Suspects

CONCURRENT_CALLS = 16  # of a container to one provider
Call = Callable[[Sequence[str]], Mapping[str, Answer]]  # entities that are asked for in one call


class Round:
    """One batch's calls to one provider. ``until`` (monotonic) ends it; calls still open then are given up.

    ``secret_unread`` says why the secret was not read where that ended the round. ``failure`` is what ended it for a
    reason that is no entity's: whoever has no answer is to be asked for again.
    """

    def __init__(self, *, pace: Pace, clock: Clock, until: float, at_once: int = CONCURRENT_CALLS) -> None:
        self._pace = pace
        self._at_once = at_once
        self._clock = clock
        self._until = until
        self._over = Event()
        self.secret_unread: InvalidData | PipelineBug | None = None
        self.failure: StarmendError | None = None

    def ask_all(
        self, entities: Sequence[str], call: Call, *, together: int = 1, suspects: Suspects | None = None
    ) -> Mapping[str, Asked]:
        """The answers that came, with this machine's time of each; a call asks for so many entities ``together``.

        Then ``suspects`` are searched for, and those known before are left out with the answer that they had.
        """
        suspects, now = suspects or Suspects(), self._clock.now()
        answers = suspects.left_out(entities, now)
        groups = suspects.groups([name for name in entities if name not in answers], together)
        answers |= self._ask_groups(groups, call)
        if together > 1:
            for halves in suspects.search(groups, answers, now):
                if self._over.is_set():
                    break
                answers |= self._ask_groups(halves, call)
        self._over.set()
        return answers

    def _ask_groups(self, groups: Sequence[Sequence[str]], call: Call) -> dict[str, Asked]:
        """The answers to these calls; they are over by the round's end.

        The threads are its own: calls that a provider leaves hanging take none from another's.
        """
        self._pace.announce(min(len(groups), CONCURRENT_CALLS))
        pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="provider")
        futures = [pool.submit(self.ask, group, call) for group in groups]
        if wait(futures, timeout=max(0.0, self._until - self._clock.monotonic())).not_done:
            self._over.set()
        answers = [future.result() for future in futures if future.done()]
        pool.shutdown(wait=False, cancel_futures=True)
        return {entity: answer for group in answers for entity, answer in group.items()}

    def turn(self) -> bool:
        """Wait for the turn of one more call; False where the round ends before it."""
        return not self._over.is_set() and self._pace.enter(until=self._until) and not self._over.is_set()

    def ask(self, entities: Sequence[str], call: Call) -> Mapping[str, Asked]:
        """The answers of one call; none where the round ended before it."""
        for attempt in range(2):
            if not self.turn():
                return {}
            asked_at = self._clock.now()
            answers = self._answers(entities, call)
            fetched_at = self._clock.now()
            for answer in answers.values():
                self._note(answer, asked_at, last=attempt == 1)
            if self._over.is_set() or not any(isinstance(answer, Limited) for answer in answers.values()):
                break
        return {entity: (answer, fetched_at) for entity, answer in answers.items()}

    def _answers(self, entities: Sequence[str], call: Call) -> Mapping[str, Answer]:
        """The answers of a call; none where the round is over by what it raised."""
        try:
            return call(entities)
        except (BadContract, TransientFailure) as error:
            self.failure = error
        except (InvalidData, PipelineBug) as error:  # the secret store's: there is no other in a call
            self.secret_unread = error
        except Exception as error:  # noqa: BLE001 - whatever it is, it is these entities' and not their neighbours'
            broken = Broken(f"its answer could not be read ({shown(error)})", Evidence("", 0, "", ""))
            return dict.fromkeys(entities, broken)
        self._over.set()
        return {}

    def _note(self, answer: Answer, asked_at: datetime, *, last: bool) -> None:
        if isinstance(answer, Data) and answer.provider_time is not None:
            self._pace.set_time(answer.provider_time, asked_at=asked_at)
        if isinstance(answer, Limited):
            self._pace.close(answer.retry_after or 0.0)
            if last or answer.retry_after is None:
                self._over.set()
        if isinstance(answer, NotEntitled) and answer.what == "token":
            self._over.set()

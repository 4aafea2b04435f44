"""Entities that spoil the calls they are in: one delisted symbol gets its whole group refused, minute after minute.

A group that is refused (4xx) is halved until its bad entities stand alone, after all other calls of the round, by a few
calls of each and in turns of the plan; the next round goes on where one stopped. Who was refused alone while others
were answered is left out for a while, longer each time, and its last refusal is its answer until then; then it is asked
for apart from the others. Where halves bring nothing at all it is no entity's fault, and nobody searches for an hour.

A memory of this container: another one finds out by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingestion.providers.answers import Answer, Broken, Data, NoData, NotEntitled

Asked = tuple[Answer, datetime]  # with this machine's time
Groups = list[list[str]]

CALLS_A_ROUND = 16  # more than one bad entity in a hundred needs
SHORTEST, LONGEST = timedelta(minutes=2), timedelta(hours=1)  # that nobody is asked for
_OTHERS = (401, 408, 425, 429)  # of the token, of time, of a limit


@dataclass(frozen=True, slots=True)
class _Refusal:
    asked: Asked
    times: int
    until: datetime


class Suspects:
    """What is known of a feed's entities that are asked for in groups."""

    def __init__(self) -> None:
        self._apart: set[str] = set()  # of refused groups
        self._refused: dict[str, _Refusal] = {}
        self._searched_from = datetime.min.replace(tzinfo=UTC)

    def left_out(self, entities: Iterable[str], now: datetime) -> dict[str, Asked]:
        """Those that were refused alone and are not asked for now, each with its refusal."""
        refusals = {name: self._refused[name] for name in entities if name in self._refused}
        return {name: refusal.asked for name, refusal in refusals.items() if now < refusal.until}

    def groups(self, entities: Iterable[str], together: int) -> Groups:
        """The calls of a round: suspects are in none with anybody else."""
        clean: list[str] = []
        apart: list[str] = []
        for name in entities:
            (apart if name in self._apart or name in self._refused else clean).append(name)
        return [*_chunks(clean, together), *_chunks(apart, together)]

    def search(self, groups: Sequence[list[str]], answers: Mapping[str, Asked], now: datetime) -> Iterator[Groups]:
        """The calls that are to be made yet, some at a time; ``answers`` has what came of them when it goes on."""
        refused = self._note(groups, answers, now)
        left = CALLS_A_ROUND if now >= self._searched_from else 0
        is_in_vain = bool(refused and left)
        while halves := [half for group in refused if len(group) > 1 for half in _halves(group)][:left]:
            left -= len(halves)
            yield halves
            refused = self._note(halves, answers, now)
            is_in_vain = is_in_vain and len(refused) == len(halves)
        if is_in_vain:
            self._searched_from = now + LONGEST

    def _note(self, groups: Sequence[list[str]], answers: Mapping[str, Asked], now: datetime) -> Groups:
        """Remember what came of these calls; returns those that were refused."""
        refused = []
        is_alive = any(isinstance(answer, Data | NoData) for answer, _ in answers.values())
        for group in groups:
            came = [answers[name] for name in group if name in answers]
            if len(came) < len(group):
                continue
            if not _is_refused([answer for answer, _ in came]):
                self._apart.difference_update(group)
                for name in group:
                    self._refused.pop(name, None)
                continue
            refused.append(group)
            if len(group) == 1 and is_alive and group[0] in self._apart:
                self._leave_out(group[0], came[0], now)
            self._apart.update(group if len(group) > 1 else ())
        return refused

    def _leave_out(self, name: str, asked: Asked, now: datetime) -> None:
        before = self._refused.get(name)
        times = before.times + 1 if before else 0
        self._refused[name] = _Refusal(asked, times, now + min(LONGEST, SHORTEST * 2 ** min(times, 10)))


def _is_refused(answers: Sequence[Answer]) -> bool:
    """Whether one refusal was the answer to all of them."""
    first = answers[0]
    return (
        isinstance(first, Broken | NotEntitled)
        and 400 <= first.evidence.status < 500
        and first.evidence.status not in _OTHERS
        and all(answer is first for answer in answers)
    )


def _chunks(names: Sequence[str], size: int) -> Groups:
    return [list(names[first : first + size]) for first in range(0, len(names), size)]


def _halves(group: list[str]) -> Groups:
    middle = len(group) // 2
    return [group[:middle], group[middle:]]

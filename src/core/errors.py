"""The errors of the pipeline; the class of each says what to do next.

::

    StarmendError
    ├── InvalidData          the input breaks a rule: quarantine or refuse it, a retry cannot help
    │   ├── UnknownTable     (KeyError) no contract names it
    │   ├── MissingColumns   (KeyError) the rows lack what was promised
    │   ├── BadContract      (ValueError) file, path inside it, problem and remedy
    │   └── Misuse           a command or setting that cannot be meant as it was given
    │       └── OtherContract  the contract here is not the deployed one, which the command would go by
    ├── TransientFailure     something outside failed: retry, later or elsewhere
    │   ├── OutOfReach       (ConnectionError) a service or database did not answer
    │   └── NotDeployed      there is no such deployment, or it is not up: make it first
    └── PipelineBug          an assumption of the code is wrong: stop, keep the message
        ├── NotGranted       AWS refuses the call: what it asked for is neither there nor absent, it was not seen
        ├── LostCommit  what a pointer promises is not there: it is not "no commit yet"; make it again
        │   └── BrokenPointer  the pointer itself names no object of its partition
        ├── AlteredProof     what was certified and signed is not there any more: nothing is signed over it
        ├── OtherLayout      rows that were written by other rules of the contract: make the partition again
        ├── ObjectConflict   (FileExistsError) an object of that name has other content
        └── IdOutOfOrder     (ValueError) a sequential id that is not exactly the next one

An error carries the operation that failed, the place (key, table, URL without secrets) and the remedy: what a human
can do about it. ``str(error)`` holds all of them on one line.
"""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import TypeVar

T = TypeVar("T")


class StarmendError(Exception):
    """An error of the pipeline: what failed, where, why, and what to do about it."""

    def __init__(self, operation: str, place: str, problem: str, remedy: str = "") -> None:
        super().__init__(operation, place, problem, remedy)
        self.operation = operation
        self.place = place
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.operation}: {self.place}: {self.problem}"
        return f"{text}. {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        return type(self), (self.operation, self.place, self.problem, self.remedy)


class InvalidData(StarmendError):
    """The input breaks a rule; a retry cannot help."""


class UnknownTable(InvalidData, KeyError):
    """No contract names this table, or no parameter was made for it."""


class MissingColumns(InvalidData, KeyError):
    """The rows lack columns that the contract promises."""


class BadContract(InvalidData, ValueError):
    """A contract was refused. ``place`` is ``file: path.inside.it``."""


class Misuse(InvalidData):
    """A command or a setting cannot be meant as it was given; the command exits as on a usage error."""


class OtherContract(Misuse):
    """The contract files at hand are not the deployed ones, which the command would go by."""


class TransientFailure(StarmendError):
    """Something outside failed; the same call may succeed later."""


class OutOfReach(TransientFailure, ConnectionError):
    """A service or a database could not be reached or did not answer in time."""


class NotDeployed(TransientFailure):
    """There is no deployment of that name, or it is not up; the remedy says how to make it."""


class PipelineBug(StarmendError):
    """An assumption of the pipeline is wrong; stop before anything is overwritten."""


class NotGranted(PipelineBug):
    """AWS refuses a call to this role: nothing was seen, so that nothing may be taken for absent, broken or empty."""


class AlteredProof(PipelineBug):
    """What was certified and signed is not there any more, or what follows it does not: somebody rewrote the past."""


class LostCommit(PipelineBug):
    """A partition was committed, and what its pointer promises is not there: nothing may be made of it or on it."""


class BrokenPointer(LostCommit):
    """A pointer that names no object of its own partition; a swap that replaces it has to expect its ``etag``."""

    def __init__(self, operation: str, place: str, problem: str, remedy: str = "", etag: str = "") -> None:
        super().__init__(operation, place, problem, remedy)
        self.etag = etag

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        return type(self), (self.operation, self.place, self.problem, self.remedy, self.etag)


class OtherLayout(PipelineBug):
    """The rows of a partition were written by another key or version rule than the contract's."""


class ObjectConflict(PipelineBug, FileExistsError):
    """An immutable object of that name exists with other content."""


class IdOutOfOrder(PipelineBug, ValueError):
    """A sequential id that is not exactly one greater than the stored one."""


def shown(error: BaseException) -> str:
    """An error for a log: in its own words where they are ours, else its type and the line that raised it.

    The words of a library's error may hold what it was given, a secret even.
    """
    if isinstance(error, StarmendError):
        return str(error)
    places = [
        f" at {PurePath(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
    ]
    return type(error).__name__ + (places[-1] if places else "")


def of_kind(value: object, kind: type[T], operation: str, place: str) -> T:
    """The value, which whoever calls promises to be of a kind. Raises ``PipelineBug`` where it is of another."""
    if not isinstance(value, kind):
        problem = f"is of type {type(value).__name__}, promised is {kind.__name__}"
        raise PipelineBug(operation, place, problem, "Report it with the log's lines")
    return value


def present(value: T | None, operation: str, place: str) -> T:
    """The value, which whoever calls promises to be there. Raises ``PipelineBug`` where there is none."""
    if value is None:
        raise PipelineBug(operation, place, "is not there, though it is promised", "Report it with the log's lines")
    return value

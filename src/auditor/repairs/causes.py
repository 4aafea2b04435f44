"""Causes of messages to the admins: their names, what each means, what to do, and the form in which they travel. Pure.

Triage makes them (``auditor.repairs.triage``); mails, events, alarms, the page, stories and commands tell of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from auditor.evidence.failures import failure_of

NAMED = 5  # partitions in a remedy; of more, that there are others
REBUILD = "starmend rebuild TABLE --partition P"  # in a remedy: with the partitions themselves where they are known

# The mail to the admins, by cause: what it means and what to do. The runbook has a section of the same name.
MEANINGS: Mapping[str, tuple[str, str]] = {
    "not_entitled": (
        "the provider refuses to give its history",
        "Look at the provider's plan and the token (starmend secret set), or name another history provider in the "
        "contract's `history` setting: the contract shows one that free keys may use. Then: starmend heal",
    ),
    "secret_missing": ("the provider's secret has no value", "Fill it: starmend secret set. Then: starmend heal"),
    "limited": (
        "the provider limits us, and the points are overdue",
        "Lower the load, raise the plan, or lower the contract's rate_limit. The next audit goes on by itself",
    ),
    "broken": ("the provider's answers make no sense", "Ask the provider. The next audit tries again by itself"),
    "unproven_absence": (
        "the provider says that it has nothing, and something speaks against it",
        "Look at the provider: no entity has anything there, live answers of the same time made no sense, or its "
        "answers lack more. It is asked again; answers that agree for a day are believed, unless they lack points that "
        "it gave before",
    ),
    "refused_record": (
        "records of the provider cannot be taken",
        "Look at them (starmend quarantine list), then mend the contract's columns or ask the provider. They are asked "
        "for again, more and more rarely. At once: starmend heal",
    ),
    "repair_failed": ("repairs failed", "Look at the repair function's log and its dead letters. Then: starmend heal"),
    "not_arrived": (
        "repaired points are in the stream but not in the warehouse",
        "Look at the delivery to S3, the arrivals queue and the process function. Then: starmend heal",
    ),
    "overdue": (
        "points are missing for longer than the contract allows",
        "They wait for the budget or the provider. Give the audit a larger budget, or look at the provider",
    ),
    "repair_backlog": (
        "more waits for repairs than the audits' budget allows, for longer than the contract allows",
        "Nothing is lost, and the next audits go on, each table in its turn. Mend first what other mails of this "
        "dataset name: what no repair heals takes its share of the budget in every audit. Then raise the setting that "
        "is named (audit_limits in the variables file) and deploy",
    ),
    "unprocessed_object": (
        "ingest objects are not processed although they were queued again",
        "Look at the process function's log, the dead letters and the quarantine: starmend quarantine list",
    ),
    "halted_object": (
        "ingest objects stand halted: nothing of them was taken, for most of their lines break the contract",
        "Look at their lines (starmend quarantine list), then mend the source or the contract, or write the object "
        "anew. Then: starmend replay OBJECT",
    ),
    "lost_object": (
        "ingest objects that were processed are gone, and S3 has no old version of them",
        "Their rows are in the warehouse, but it could not be rebuilt from them. Find out who deleted them",
    ),
    "broken_object": ("partitions are broken and could not be made again", f"Run: {REBUILD}"),
    "outdated_partition": (
        "partitions hold rows of an earlier contract and could not be made again",
        f"Look at the restate function's log, then: {REBUILD}",
    ),
    "stale_derived": ("derived tables do not show what their inputs say", "Look at the restate function's log"),
    "broken_rule": (
        "rows of the warehouse break a rule of the contract, and their ingest objects say the same",
        f"Mend the contract or the source; then: {REBUILD}",
    ),
    "disputed_value": (
        "observed values differ from the provider's history by more than the contract's tolerance",
        "Ask the provider which is right; then mend the contract's columns or the tolerance of its `sample`",
    ),
    "missing_object": (
        "ingest objects are missing, and the source could not be asked for their rows",
        "Look at the check function's log and the database. Then: starmend heal",
    ),
    "missing_row": (
        "the source has rows that do not come into the warehouse",
        "Look at the quarantine (starmend quarantine list), then at the check function's log",
    ),
    "stale_row": (
        "rows stay in another version than the source has",
        "Look at the quarantine (starmend quarantine list), then at the check function's log",
    ),
    "changed_row": (
        "rows say something else than the source, under the same time of change",
        "Look at the quarantine (starmend quarantine list), then at the check function's log",
    ),
    "unfilled_row": (
        "rows were fetched again for a column that the contract has by now, and still lack it",
        "Look at the quarantine (starmend quarantine list), then at the check function's log",
    ),
    "refused_row": (
        "the contract refuses rows as the source has them; they are not fetched again until they or it change",
        "Look at the quarantine (starmend quarantine list): mend the contract or the source",
    ),
    "unplaced_row": (
        "rows have no place in time: their time of change is null, infinite, before Christ or in the future, or the "
        "time that their fact is partitioned by is none",
        "No extraction holds them: audits alone find what changes in them. Set the source's clock or its rows' times; "
        "or let the contract compare the table by keys (changed_at: none). Without the time of a partition no fact "
        "takes them: those with a key are fetched once and lie in quarantine (starmend quarantine list)",
    ),
    "deleted_row": (
        "rows that the source deleted cannot be marked, for no ingest object holds them",
        "Look at the check function's log; a lost ingest object may hold them: starmend rebuild TABLE",
    ),
    "moved_row": (
        "rows changed a column that the contract declares immutable, and their old versions cannot be marked",
        "Look at the check function's log and at the quarantine (starmend quarantine list); a lost ingest object may "
        "hold the old versions. If the column changes often, partition the table by another",
    ),
    "wrong_parameter": (
        "parameters do not say what the objects prove, and could not be put right",
        "Look at the queue step's log and its right to write parameters",
    ),
    "dead_letter": (
        "messages that processing gave up on came back after another chance, or could not be moved back",
        "Look at the process function's log and mend what it names; then give them back, or drop them: the runbook "
        "(dead-letters) has the commands",
    ),
    "unclaimed_message": (
        "messages in the dead-letter queue of processing name no dataset that is deployed",
        "No audit gives them another chance. Look at them and at who may send to the queue; then give them back, or "
        "drop them: the runbook (dead-letters) has the commands",
    ),
    "broken_chain": (
        "the chain of certificates is damaged: one of them was removed or altered, or its end was cut off",
        "Run: starmend verify. It names every certificate that does not hold; then put back what it names, as it was: "
        "the runbook (broken-chain) has the commands. The warehouse's rows are not touched by it",
    ),
    "slow_sweep": (
        "the sweep of all history takes longer than the contract says, for the budget of rows slows it down",
        "Raise audit_limits.sweep_rows in the variables file, or the contract's `sweep`, and deploy",
    ),
    "unreadable_table": (
        "the database does not show a table as the contract says; nothing of it is extracted or compared meanwhile",
        "Put the table, its columns or the grants back, or change the contract; then its rows are compared again",
    ),
    "changed_source": (
        "the database changed by itself, and the contract does not say so",
        "Look at each change: starmend contract suggest writes the contract's lines. What keeps a promise from being "
        "held stops its table alone, under its name. Nothing is lost: what is new stays in the database",
    ),
    "lagging_mirror": (
        "the Iceberg tables of other engines have been behind the star for longer than the contract says",
        "Look at the mirror function's log and its dead letters; starmend mirror run names what a table waits for",
    ),
    "unreferenced_object": (
        "objects of the warehouse that nothing points to could not be removed",
        "Look at the restate function's log and its right to delete objects. They cost storage, nothing else",
    ),
    "orphan_key": (
        "rows refer to dimension rows that do not exist, at the source neither",
        "Mend the source. Some of the keys are named at most; all of them: starmend query 'SELECT DISTINCT column FROM "
        "table WHERE column NOT IN (SELECT key FROM dimension)'",
    ),
    "calendar_ends": (
        "the exchange's calendar ends soon, and nothing is expected after its end",
        "Render the contracts with a newer exchange_calendars, and deploy: starmend contract check says until when",
    ),
    "audit_failed": ("the audit itself failed", "starmend audits show says of the run what its failed step said"),
}


CAUSES_OF_POINTS = (
    "not_entitled",
    "secret_missing",
    "limited",
    "broken",
    "unproven_absence",
    "refused_record",
    "repair_failed",
    "not_arrived",
    "overdue",
)

Places = Mapping[str, tuple[tuple[str, str], ...]]  # spans (ISO 8601) by entity


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for a message: what is wrong, with whom, since when, what was tried and what came back.

    ``spans`` are the first few, ``places`` for each entity the spans of all its missing points, a day's in one.
    ``partitions`` are those that can be made again by a command, as ``table/path``: one more than are told, at most.
    """

    name: str
    dataset: str
    count: int
    entities: tuple[str, ...] = ()
    spans: tuple[tuple[str, str], ...] = ()
    tried: tuple[str, ...] = ()
    attempts: int = 0
    answer: str = ""
    details: tuple[str, ...] = ()
    places: Places = field(default_factory=dict)
    partitions: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value or name not in ("places", "partitions")}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Cause:
        return cls(
            **{
                **{name: value for name, value in data.items() if name in cls.__slots__},
                "entities": tuple(data["entities"]),
                "spans": tuple((start, end) for start, end in data["spans"]),
                "tried": tuple(data["tried"]),
                "details": tuple(data["details"]),
                "places": {name: tuple((s, e) for s, e in spans) for name, spans in data.get("places", {}).items()},
                "partitions": tuple(data.get("partitions", ())),
            }
        )


def listed(lines: Sequence[str], most: int) -> tuple[str, ...]:
    """The first few lines, each once; of more, how many there are besides."""
    each = tuple(dict.fromkeys(lines))
    return (*each[:most], f"and {len(each) - most:,} more") if len(each) > most else each


def meaning_of(name: str) -> str:
    """What a cause of this name is about; the name itself of one that another release told of."""
    return MEANINGS[name][0] if name in MEANINGS else name.replace("_", " ")


def remedy_of(cause: Mapping[str, Any]) -> str:
    """What to do about a cause (``Cause.to_data``), with the command for each partition that it names.

    Of an audit that failed it is what its failed step's own error says.
    """
    _, remedy = MEANINGS.get(cause["name"], ("", "See the runbook"))
    if cause["name"] == "audit_failed":
        return failure_of(cause.get("answer", "")).remedy or remedy
    partitions = cause.get("partitions", ())
    if not partitions:
        return remedy
    more = "; and the others likewise" if len(partitions) > NAMED else ""
    return remedy.replace(REBUILD, "; ".join(map(_rebuild, partitions[:NAMED])) + more)


def _rebuild(place: str) -> str:
    table, _, path = place.partition("/")
    return f"starmend rebuild {table}" + (f" --partition {path}" if path else "")

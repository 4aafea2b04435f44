"""The message to the admins: one per cause, in words that say what to do next. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.notifications.compose import section_url
from auditor.repairs.causes import Cause, meaning_of, remedy_of

SUBJECT = 99  # characters; SNS takes less than 100 (API reference, Publish)
NAMED = 20


def compose(
    cause: Cause, *, environment: str, runbook: str, report: str = "", notes: Sequence[str] = ()
) -> tuple[str, str]:
    """Subject and text. ``report`` is where the health page can be read; empty: it is not published.

    ``notes`` say what operators decided: that the dataset is paused, that this mail was held back.
    """
    meaning = meaning_of(cause.name)
    subject = f"[{environment}] {cause.dataset}: {meaning}"
    lines = [f"{cause.dataset}: {meaning}.", ""]
    if cause.entities:
        names = ", ".join(cause.entities[:NAMED]) + (", ..." if len(cause.entities) > NAMED else "")
        lines.append(f"Missing:   {cause.count} points of {names}")
    else:
        lines.append(f"Found:     {cause.count}")
    lines += [f"           from {start} to {end}" for start, end in cause.spans]
    lines += [f"           {detail}" for detail in cause.details]
    lines.append(f"Tried:     {'; '.join(cause.tried) or _nothing(cause)}")
    lines.append(f"Attempts:  {cause.attempts}")
    if cause.answer:
        lines.append(f"Answer:    {cause.answer}")
    lines += [f"Note:      {note}" for note in notes]
    lines += ["", f"What to do: {remedy_of(cause.to_data())}.", f"Runbook:    {section_url(runbook, cause.name)}"]
    lines += [f"Health page: {report}", ""] if report else [""]
    lines.append("This is sent once, and a mail follows when it is over.")
    return _cut(subject), "\n".join(lines) + "\n"


def compose_end(dataset: str, since: Mapping[str, str], *, environment: str, report: str = "") -> tuple[str, str]:
    """Subject and text of causes that are over, by name with when each of them was told (ISO 8601)."""
    (first, *others) = sorted(since)
    what = f"{len(since)} causes" if others else meaning_of(first)
    lines = [f"{dataset}: over, for the audit that just ended found nothing of it any more:", ""]
    lines += [f"- {meaning_of(name)} ({name}, told {since[name]})" for name in sorted(since)]
    lines += ["", "Nothing is to be done."] + ([f"Health page: {report}"] if report else [])
    return _cut(f"[{environment}] {dataset}: over: {what}"), "\n".join(lines) + "\n"


def compose_alarm_end(
    alarm: str, *, since: str, until: str, reason: str, description: str, environment: str
) -> tuple[str, str]:
    """Subject and text of an alarm of CloudWatch that is over; times and reason are CloudWatch's own."""
    lines = [f"{alarm}: over, for CloudWatch measures nothing of it any more.", ""]
    lines += [f"On since:   {since}"] * bool(since) + [f"OK since:   {until}"] * bool(until)
    lines += [f"CloudWatch: {reason}"] * bool(reason)
    lines += [f"It was:     {description}"] * bool(description)
    lines += [
        "",
        "Nothing is to be done where its cause was mended. If it ended by itself, its section says where to look.",
    ]
    return _cut(f"[{environment}] over: {alarm}"), "\n".join(lines) + "\n"


def _nothing(cause: Cause) -> str:
    """Why nothing was tried."""
    if cause.name == "audit_failed":
        return "no repair yet, for the audit failed before; the next one begins anew"
    return "nothing, for no repair can help"


def _cut(subject: str) -> str:
    """The subject, of one that is too long the words that fit."""
    if len(subject) <= SUBJECT:
        return subject
    words, _, _ = subject[: SUBJECT - 3].rpartition(" ")
    return f"{words.rstrip(',;:')}..."

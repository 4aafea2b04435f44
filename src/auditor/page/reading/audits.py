"""Reading of audits and alarms: the runs that the range knows of, and the causes that admins were told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from auditor.evidence.chain import ChainReader
from auditor.evidence.journal import Entry
from auditor.interventions.silences import read_silences
from auditor.page.reading.sources import Notes, Sources
from auditor.page.report import Alarm, AuditView, shape_alarm, shape_audit
from auditor.repairs.cause_memory import ROOT as CAUSES
from auditor.repairs.cause_memory import understood
from auditor.run_files import find_run_file, run_file_if_any

MOST_RUNS = 24  # audits
MOST_ATTEMPTS = 10
MOST_CERTIFICATES = 500  # that are read to learn which audits there were

Known = tuple[str, str, int]  # of an audit: instant, run, and a certificate that it issued (0: none)


def read_known_audits(sources: Sources, dataset: str, rows: Sequence[Mapping[str, Any]]) -> list[Known]:
    """The audits that the range's windows name.

    A row of ``completeness`` names the last audit of its window, its certificates those that found it whole.
    """
    known = [(row["audited_at"], row["run"], 0) for row in rows]
    chain = ChainReader(sources.records, dataset)
    wanted = {row["certificate"] for row in rows if row["certificate"]}
    seen: set[int] = set()
    while wanted and len(seen) < MOST_CERTIFICATES:
        wanted = set(sorted(wanted, reverse=True)[: MOST_CERTIFICATES - len(seen)])
        seen |= wanted
        with ThreadPoolExecutor(sources.workers) as pool:
            read = pool.map(chain.certificate, sorted(wanted))
            certificates = [certificate for certificate in read if certificate is not None]
        known += [(certificate.verified_at, certificate.run, certificate.number) for certificate in certificates]
        wanted = {certificate.replaces for certificate in certificates if certificate.replaces} - seen
    return known


def read_audits(
    sources: Sources, known: Sequence[Known], journal: Mapping[str, Entry], notes: Notes
) -> list[AuditView]:
    """The newest audits, the newest first: those of the journal, those that ``runs`` names, those that windows name."""
    newest = {run: entry.began_at or entry.ended_at for run, entry in journal.items()}
    issued: dict[str, set[int]] = {}
    for at, run, certificate in known:
        newest[run] = max(newest.get(run, ""), at)
        issued.setdefault(run, set()).update({certificate} - {0})
    latest: list[str] = notes.unless("the list of audits", [], lambda: list(sources.runs())[:MOST_RUNS])
    names = dict.fromkeys([*latest, *sorted(newest, key=lambda run: newest[run], reverse=True)[:MOST_RUNS]])

    def read(run: str) -> AuditView | None:
        view = notes.unless(f"audit {run}", None, _audit, sources, run, len(issued.get(run, ())))
        return _with_end(view, journal[run]) if view and run in journal else view

    with ThreadPoolExecutor(sources.workers) as pool:
        ordered = sorted((view for view in pool.map(read, names) if view), key=lambda view: view.at, reverse=True)
    return ordered[:MOST_RUNS]


def _audit(sources: Sources, run: str, certified: int) -> AuditView | None:
    attempts = []
    for attempt in range(MOST_ATTEMPTS + 1):
        result = find_run_file(sources.records, run, f"audit-{attempt}")
        if result is None:
            break
        attempts.append(result)
    triage = run_file_if_any(sources.records, run, "judgement", dict) or {}
    return shape_audit(run, attempts, alarmed=int(triage.get("alarmed", 0)), certified=certified)


def _with_end(view: AuditView, entry: Entry) -> AuditView:
    """The audit with what the journal says of its end."""
    certified = max(view.certified, entry.certificates)
    return replace(view, ended=entry.ended_at, causes=entry.causes, error=entry.error, certified=certified)


def read_alarms(sources: Sources, dataset: str, *, now: int) -> list[Alarm]:
    """The causes that admins were told of, open or over, the open ones first, then the newest."""
    silences = {name: str(silence) for name, silence in read_silences(sources.records, dataset, now=now).items()}
    keys = [info.key for info in sources.records.list(f"{CAUSES}{dataset}/")]
    alarms = [shape_alarm(memory, silences=silences) for memory in map(understood, sources.read_all(keys)) if memory]
    alarms.sort(key=lambda alarm: alarm.since, reverse=True)
    return sorted(alarms, key=lambda alarm: not alarm.open)

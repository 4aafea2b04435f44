"""The page: one HTML text that needs nothing else. Pure but for the drawing of charts, which asks nobody.

Every text that comes from outside (names, keys, answers of providers) is escaped where it is put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from cli.report import charts, words
from cli.report.coverage import STATES, FeedView, Row
from cli.report.shape import Alarm, AuditView, Freshness, Processed, Report, Subject, lately
from cli.report.style import CSS, PATTERNS
from cli.report.svg import draw

MEANS = {
    "observed": "observed in its minute",
    "late": "observed, but stored late",
    "repaired": "fetched again by the auditor",
    "absent": "proven absent at the source",
    "missing": "missing",
}


def page(report: Report) -> str:
    """The whole page, UTF-8 text."""
    name = f"{report.project} / {report.environment}"
    body = "\n".join(
        [
            _header(report, name),
            *(_feed(feed) for feed in report.feeds),
            _nothing(report),
            _subjects(report.subjects),
            _alarms(report.alarms),
            _audits(report.audits, report.feeds),
            _freshness(report.freshness),
            _processed(report.processed),
            _notes(report.notes),
            _footer(),
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Is it complete? {escape(name)}, {report.made_at:%Y-%m-%d %H:%M} UTC</title>\n"
        f"<style>{CSS}</style></head>\n<body>{PATTERNS}<main>\n{body}\n</main></body></html>\n"
    )


def _header(report: Report, name: str) -> str:
    return (
        f"<header><h1>Is it complete? <span class='soft'>{escape(name)}</span></h1>"
        f"<small>Made {report.made_at:%Y-%m-%d %H:%M:%S} UTC for deployment <b>{escape(report.environment)}</b>. "
        f"Asked for {words.moment(report.start)} to {words.moment(report.end)}. All times are UTC.</small></header>"
    )


# ---------------------------------------------------------------- feeds


def _feed(view: FeedView) -> str:
    since, until = words.instant(view.start), words.instant(view.end)
    sign, title, text = _verdict(view)
    return (
        f"<section class='card'><div class='verdict {view.verdict}'><span class='sign' aria-hidden='true'>{sign}</span>"
        f"<div><h2>{escape(view.dataset)} <span class='soft'>{escape(view.table)}, {since} to {until}</span></h2>"
        f"<strong>{title}</strong><p>{text}</p></div></div>"
        f"{_tiles(view)}{_bar(view)}"
        f"<h3>Coverage, by entity and {view.unit}</h3>{_legend(view)}"
        f"<div class='wide'>{draw(charts.heat_map(view), label=_spoken(view))}</div>"
        f"{_slots(view)}{_hidden(view)}{_held(view)}{_gaps(view)}{_as_table(view)}</section>"
    )


def _verdict(view: FeedView) -> tuple[str, str, str]:
    """A sign, a short answer, and what it means for somebody who wants to use a number."""
    counts = view.total
    expected = words.count(counts.expected, "expected point")
    if view.verdict == "complete":
        text = "Every expected point is there or proven absent, and certified. Numbers of this range can be used."
        return "✓", f"Complete: all {words.count(counts.expected, 'point')}", text
    if view.verdict == "uncertified":
        text = f"All {expected} are there or proven absent. {_certified(view)}, so the rest may still be corrected."
        return "◐", "Nothing missing, not all certified", text
    if view.verdict == "empty":
        return "○", "Nothing has arrived", f"None of the {expected} is there."
    share = f"{words.percent(counts.present + counts.absent, counts.expected)} of {expected} are accounted for"
    missing = f"{words.number(counts.missing)} of {words.number(counts.expected)} points missing"
    if view.verdict == "filling":
        text = f"{share}; the rest may still come within the time that the contract allows. {_certified(view)}."
        return "…", f"Not complete yet: {missing}", text
    title = f"Incomplete: {missing}"
    if view.overdue:
        part = "" if view.overdue == counts.missing else f"{words.number(view.overdue)} of them "
        title += f", {part}for longer than the contract allows"
    worst = max(range(len(view.columns)), key=lambda place: view.all.cells[place].missing)
    most = f"; most are missing on {words.column(view.columns[worst], view.unit)}" if len(view.columns) > 1 else ""
    can = ": those can be used" if view.certified else ""
    return "!", title, f"{share}{most}. {_certified(view)}{can}."


def _certified(view: FeedView) -> str:
    windows = words.count(view.windows, "window")
    if not view.certified:
        return f"None of {windows} is certified" if view.windows > 1 else "It is not certified"
    return f"{view.certified} of {windows} {'is' if view.certified == 1 else 'are'} certified"


def _tiles(view: FeedView) -> str:
    counts = view.total
    tiles = [f"<li><b>{words.number(counts.expected)}</b><small>expected</small></li>"]
    for name in STATES:
        points = getattr(counts, name)
        share = words.percent(points, counts.expected)
        tiles.append(
            f"<li><b><span class='swatch {name}'></span>{words.number(points)}</b><small>{name}, {share}</small></li>"
        )
    tiles.append(f"<li><b>{view.certified} / {view.windows}</b><small>windows certified</small></li>")
    return f"<ul class='tiles'>{''.join(tiles)}</ul>"


def _bar(view: FeedView) -> str:
    parts = [
        f"<i class='{name}' style='flex:{points}'></i>" for name in STATES if (points := getattr(view.total, name))
    ]
    return f"<div class='bar' role='img' aria-label='{escape(words.breakdown(view.total))}'>{''.join(parts)}</div>"


def _legend(view: FeedView) -> str:
    swatches = "".join(f"<li><span class='swatch {name}'></span>{MEANS[name]}</li>" for name in STATES)
    shown = dict.fromkeys(column.status for column in view.columns)
    standings = "".join(f"<li><b>{words.SYMBOLS[status]}</b> {words.SAYS[status]}</li>" for status in shown)
    numbers = (
        "<li><b>60</b> points, none missing</li><li><b>57/60</b> or <b>−3</b> three are missing</li>"
        "<li><b>57+3</b> or <b>+3</b> three are proven absent</li>"
    )
    return f"<ul class='legend'>{swatches}</ul><ul class='legend soft'>{numbers}{standings}</ul>"


def _spoken(view: FeedView) -> str:
    return f"Coverage of {view.dataset}: {words.breakdown(view.total)}. The same figures are in the table below."


def _slots(view: FeedView) -> str:
    """Every point by itself, where they are few."""
    if not view.slots:
        return ""
    label = f"Where the gaps of {view.dataset} lie; they are listed below."
    return f"<h3>Point by point</h3><div class='wide'>{draw(charts.slot_map(view), label=label)}</div>"


def _hidden(view: FeedView) -> str:
    hidden = view.entities - len(view.rows)
    if not hidden:
        return ""
    return (
        f"<p class='soft'>The {len(view.rows)} entities that miss most; {words.number(hidden)} more are in the sum.</p>"
    )


def _held(view: FeedView) -> str:
    items = "".join(
        f"<li><code>{escape(path)}</code> is held back: {escape(reason)}</li>" for path, reason in view.held
    )
    return f"<ul>{items}</ul>" if items else ""


def _gaps(view: FeedView) -> str:
    if not view.gaps:
        return ""
    rows = [
        [escape(gap.entity), words.instant(gap.start), words.instant(gap.end), words.number(gap.points)]
        for gap in view.gaps
    ]
    title = "The longest of " + words.count(view.gap_count, "gap") if view.gap_count > len(rows) else "Every gap"
    return _details(title, _table(("entity", "first point", "until", "#points"), rows))


def _as_table(view: FeedView) -> str:
    """The heat map for those who read it as text."""
    columns = [words.column(column, view.unit) for column in view.columns]
    names: list[tuple[str, Row]] = [(f"all {view.entities}", view.all), *((row.name, row) for row in view.rows)]
    rows = [
        [escape(name), columns[place], *_figures(row, place), escape(row.gaps[place])]
        for name, row in names
        for place in range(len(columns))
        if row.cells[place].expected
    ]
    heads = ("entity", view.unit, "#expected", "#present", *(f"#{state}" for state in STATES), "which are missing")
    standing = [[words.column(column, view.unit), escape(words.standing(column))] for column in view.columns]
    return _details("The same as a table", _table(heads, rows)) + _details(
        "What the auditor says", _table((view.unit, "state"), standing)
    )


def _figures(row: Row, place: int) -> list[str]:
    counts = row.cells[place]
    return [
        words.number(counts.expected),
        words.number(counts.present),
        *(words.number(getattr(counts, state)) for state in STATES),
    ]


def _nothing(report: Report) -> str:
    if report.feeds or report.subjects:
        return ""
    return "<section class='card'><h2>Nothing was expected</h2><p>No feed owes a point in this time.</p></section>"


def _subjects(subjects: Sequence[Subject]) -> str:
    if not subjects:
        return ""
    rows = [
        [
            escape(f"{subject.dataset}.{subject.name}"),
            f"{subject.certified} / {subject.windows}",
            *(words.number(count) for count in (subject.expected, subject.present, subject.repaired)),
            words.number(subject.missing),
            escape(subject.audited_at),
        ]
        for subject in subjects
    ]
    heads = (
        "table of the source",
        "#windows certified",
        "#rows expected",
        "#present",
        "#repaired",
        "#missing",
        "audited",
    )
    return f"<section><h3>Rows of databases</h3>{_table(heads, rows)}</section>"


# ---------------------------------------------------------------- audits and alarms


def _alarms(alarms: Sequence[Alarm]) -> str:
    return "".join(
        "<section class='card'><div class='verdict alarm'><span class='sign' aria-hidden='true'>!</span><div>"
        f"<h2>Alarm: {escape(alarm.meaning or alarm.name)}</h2>"
        f"<p>{escape(': '.join(filter(None, (alarm.dataset, ', '.join(alarm.entities)))))} since "
        f"{escape(alarm.since)}, "
        f"{words.number(alarm.count)} affected then. {escape(alarm.remedy)}.</p>"
        + (f"<p><small>Last answer: <code>{escape(alarm.answer)}</code></small></p>" if alarm.answer else "")
        + "</div></div></section>"
        for alarm in alarms
    )


def _audits(audits: Sequence[AuditView], feeds: Sequence[FeedView]) -> str:
    head = "<section><h3>Gaps found and healed, by audit</h3>"
    if not audits:
        missing = sum(feed.total.missing for feed in feeds)
        wait = f" {words.count(missing, 'missing point')} wait for one." if missing else ""
        return f"{head}<p class='soft'>No audit has looked at this range yet.{wait}</p></section>"
    legend = "".join(
        f"<li><span class='swatch {name}'></span>{text}</li>"
        for name, text in (("repaired", "healed"), ("absent", "proven absent"), ("missing", "left"))
    )
    chart = ""
    if any(audit.detected for audit in audits):
        label = "; ".join(charts.audit_text(audit) for audit in audits)
        chart = f"<ul class='legend'>{legend}</ul><div class='wide'>{draw(charts.audits(audits), label=label)}</div>"
    return f"{head}{chart}{_audit_table(audits)}</section>"


def _audit_table(audits: Sequence[AuditView]) -> str:
    rows = [
        [
            words.moment(audit.at),
            escape(audit.dataset),
            f"<code>{escape(audit.run)}</code>",
            *(words.number(number) for number in (audit.windows, audit.detected, audit.healed, audit.absent)),
            _bad(audit.left),
            _bad(audit.alarmed),
            words.number(audit.attempts),
            words.number(audit.certified),
            escape(", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in audit.other.items())) or "-",
        ]
        for audit in audits
    ]
    counted = ("#windows", "#missing", "#healed", "#absent", "#left", "#alarmed", "#attempts", "#certified")
    return _table(("began", "dataset", "audit", *counted, "else found"), rows)


# ---------------------------------------------------------------- freshness and processing


def _freshness(facts: Sequence[Freshness]) -> str:
    if not facts:
        return ""
    label = "; ".join(f"{fact.table}: {charts.freshness_text(fact)}" for fact in facts)
    return (
        "<section><h3>Freshness</h3><p class='soft'>The newest row of each fact against what its contract allows "
        "(the dashed line). A feed is behind its calendar. A database's table is as old as its newest row: "
        "older than allowed is either a quiet source or one that nothing comes from, which "
        "<code>starmend status</code> tells apart.</p>"
        f"<div class='wide'>{draw(charts.freshness(facts), label=label)}</div></section>"
    )


def _processed(receipts: Sequence[Processed]) -> str:
    head = "<section><h3>Processing, lately</h3>"
    if not receipts:
        return f"{head}<p class='soft'>No receipt yet: nothing has been processed.</p></section>"
    rows = [
        [
            escape(f"{table.dataset}.{table.table}"),
            words.moment(table.last),
            *(words.number(number) for number in (table.objects, table.lines, table.rows)),
            _bad(table.rejected),
            _bad(table.halted),
            f"{table.median:,.0f}",
        ]
        for table in lately(receipts)
    ]
    heads = ("source table", "last receipt", "#newest objects", "#lines", "#rows", "#rejected", "#halted", "#median ms")
    return f"{head}{_table(heads, rows)}{_receipts(receipts)}</section>"


def _receipts(receipts: Sequence[Processed]) -> str:
    rows = [
        [
            words.moment(receipt.at),
            f"<code>{escape(receipt.object)}</code>",
            *(words.number(number) for number in (receipt.lines, receipt.rows)),
            _bad(receipt.rejected),
            words.number(receipt.partitions),
            f"{receipt.milliseconds:,.0f}",
            escape(f"{receipt.outcome}: {receipt.reason}" if receipt.reason else receipt.outcome),
        ]
        for receipt in receipts
    ]
    heads = ("processed", "object", "#lines", "#rows", "#rejected", "#partitions", "#ms", "outcome")
    return _details(f"Each of the {len(rows)} newest receipts", _table(heads, rows))


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<section class='card'><h2>What could not be read</h2><ul>{items}</ul></section>" if items else ""


def _footer() -> str:
    return (
        "<footer>A point is missing when its time to settle has passed and it is neither there nor proven absent. "
        "Certified: the auditor has found the window whole, and its rows are still those of the certificate; "
        "<code>starmend verify</code> proves it again.</footer>"
    )


# ---------------------------------------------------------------- parts


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already; heads that begin with ``#`` are of numbers."""
    kinds = [" class='n'" if head.startswith("#") else "" for head in heads]
    top = "".join(f"<th scope='col'{kind}>{head.lstrip('#')}</th>" for head, kind in zip(heads, kinds, strict=True))
    body = "".join(f"<tr>{''.join(_cells(row, kinds))}</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _cells(row: Sequence[str], kinds: Sequence[str]) -> Iterator[str]:
    for value, kind in zip(row, kinds, strict=True):
        yield f"<td{kind}>{value}</td>"


def _bad(value: int) -> str:
    """A number that should be 0."""
    return f"<strong style='color:var(--bad)'>{words.number(value)}</strong>" if value else "0"


def _details(title: str, inside: str) -> str:
    return f"<details><summary>{title}</summary>{inside}</details>"

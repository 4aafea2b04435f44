"""The page: it needs nothing else, trusts no text, and says what the figures say."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.unit.cli.report.views import MADE, column, feed_view, report_of

from cli.report.coverage import STATES, Counts, Gap, Row, Stretch
from cli.report.page import page
from cli.report.shape import Alarm, AuditView, Freshness, Processed, Report, Subject

EVIL = '<script>alert("x")</script>&\'<b>'


@dataclass
class Read(HTMLParser):
    """What a browser would find: tags, attributes and texts."""

    tags: set[str] = field(default_factory=set)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def says(self, text: str) -> bool:
        return text in " ".join(" ".join(self.texts).split())


def test_the_page_refers_to_nothing_outside_itself() -> None:
    text = page(everything(answer="GET https://example.com/history -> 403"))
    read = Read(text)
    assert not read.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "use", "image"}
    names = {name for name, _ in read.attributes}
    assert not {name for name in names if name in ("src", "href", "action", "srcset", "data") or name.startswith("on")}
    assert not [value for name, value in read.attributes if "//" in value and name != "aria-label"]
    assert set(re.findall(r"url\(([^)]*)\)", text)) == {"#missing", "#absent"}
    assert "@import" not in text
    for name in ("missing", "absent"):
        assert ("id", name) in read.attributes
    assert len(text) < 200_000


def test_texts_from_outside_are_shown_and_never_obeyed() -> None:
    text = page(everything(answer=EVIL, name=EVIL))
    read = Read(text)
    assert "script" not in read.tags
    assert "b" in read.tags  # the page's own
    assert "alert" in text
    assert EVIL not in text
    assert sum(EVIL in text for text in read.texts) >= 10  # names in charts, tables, notes, alarms


def test_the_page_says_when_it_was_made_and_for_which_deployment() -> None:
    read = Read(page(report_of()))
    assert read.says("starmend / prod")
    assert read.says("Made 2026-11-20 17:00:05 UTC for deployment prod")


def test_the_page_is_there_when_there_is_nothing_to_show() -> None:
    read = Read(page(report_of()))
    assert read.says("Nothing was expected")
    assert read.says("No audit has looked at this range yet")
    assert read.says("nothing has been processed")


def test_the_verdict_comes_first_and_says_whether_numbers_can_be_used() -> None:
    whole = feed_view((Counts(observed=58, repaired=2),), verdict="complete", certified=1)
    assert Read(page(report_of(feeds=(whole,)))).says("Numbers of this range can be used")
    gap = feed_view((Counts(observed=55, missing=5),), verdict="incomplete", overdue=2)
    read = Read(page(report_of(feeds=(gap,))))
    assert read.says("Incomplete: 5 of 60 points missing, 2 of them for longer than the contract allows")
    assert read.says("91.7 % of 60 expected points are accounted for")
    still = feed_view((Counts(observed=55, missing=5),), verdict="filling")
    assert Read(page(report_of(feeds=(still,)))).says("may still come within the time that the contract allows")


def test_every_cell_has_its_number_and_a_text_with_all_of_them() -> None:
    cells = (Counts(observed=60), Counts(observed=50, late=3, repaired=2, absent=1, missing=4))
    read = Read(page(report_of(feeds=(feed_view(cells, gaps=("", "15:03, 15:17-15:19")),))))
    assert {"60", "56/60"} <= set(read.texts)
    tip = (
        "AAPL, Fri 20 Nov 16:00 UTC: 55 of 60 present (50 observed, 3 late, 2 repaired), 1 proven absent, 4 missing: "
        "15:03, 15:17-15:19. Not audited yet."
    )
    assert tip in read.texts


def test_the_charts_take_their_colours_from_the_page_in_light_and_in_dark() -> None:
    text = page(report_of(feeds=(feed_view((Counts(observed=1, late=1, repaired=1, absent=1, missing=1),)),)))
    light, _, dark = text.partition("prefers-color-scheme: dark")
    for name in STATES:
        assert f"--{name}:" in light
        assert f"--{name}:" in dark
    charts = "".join(re.findall(r"<svg width.*?</svg>", text, re.DOTALL))
    assert set(re.findall(r'fill="([^"]*)"', charts)) <= {
        *(f"var(--{name})" for name in ("observed", "late", "repaired", "ink", "soft")),
        "url(#missing)",
        "url(#absent)",
        "transparent",
        "none",
    }


def test_an_audit_is_shown_with_what_it_found_healed_and_left() -> None:
    audit = AuditView(
        "run-7", "quotes", MADE, 4, detected=60, healed=57, absent=2, left=1, alarmed=1, attempts=3, certified=3
    )
    read = Read(page(report_of(audits=(audit,))))
    assert (
        "quotes, Fri 20 Nov 17:00 UTC, 4 windows: 60 points missing: 57 healed, 2 proven absent, 1 left in 3 attempts"
        in read.texts
    )
    assert "run-7" in read.texts


def test_audits_without_a_gap_need_no_chart() -> None:
    audit = AuditView(
        "run-7", "quotes", MADE, 4, detected=0, healed=0, absent=0, left=0, alarmed=0, attempts=0, certified=4
    )
    text = page(report_of(audits=(audit,)))
    assert "run-7" in text
    assert "<svg width" not in text


def everything(*, answer: str, name: str = "AAPL") -> Report:
    """A report with something in every part, and the same text from outside wherever one can stand."""
    counts = Counts(observed=50, late=3, repaired=2, absent=1, missing=4)
    view = feed_view(
        (counts,),
        name=name,
        gaps=(name,),
        listed=(Gap(name, MADE_SECONDS, MADE_SECONDS + 60, 1),),
        held=((name, name),),
    )
    feed = Freshness("sales", name, True, MADE, MADE, dt.timedelta(hours=3), dt.timedelta(hours=2))
    return report_of(
        feeds=(view,),
        subjects=(Subject("sales", name, 1, 1, 10, 10, 0, 0, name),),
        audits=(AuditView(name, name, MADE, 1, 4, 2, 1, 1, 1, 3, 0, {name: 2}),),
        alarms=(Alarm("quotes", name, name, name, 4, (name,), name, answer),),
        freshness=(feed,),
        processed=(Processed("sales", name, name, MADE, 10, 9, 1, 12.5, "halted", name, 2),),
        notes=(name,),
    )


MADE_SECONDS = int(MADE.timestamp())


def test_few_points_are_also_shown_one_by_one() -> None:
    row = Row(
        "AAPL", (Counts(observed=2, missing=1),), ("15:01",), (Stretch(0, 1, "observed"), Stretch(1, 2, "missing"))
    )
    view = feed_view((Counts(observed=2, missing=1),), rows=(row,), slots=(1795186800, 1795186860, 1795186920))
    assert "AAPL, 15:01: missing" in Read(page(report_of(feeds=(view,)))).texts


def test_a_column_of_a_certified_hour_names_its_certificate() -> None:
    view = feed_view((Counts(observed=60),), columns=(column("15:00", "certified", (17,)),))
    assert Read(page(report_of(feeds=(view,)))).says("certified: certificate 17")

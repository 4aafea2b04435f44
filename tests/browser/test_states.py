"""A dataset in every state, in a browser: banner, card, dataset's page and table's page say so."""

from __future__ import annotations

from dataclasses import replace

from tests.browser.conftest import Opener
from tests.support.pages import STATES_PLANTED, dataset, months, planted, window

from auditor.page.condition import LOOK_AT, banner
from auditor.page.document import pages

WORDS = {"canary_failed": "canary failed", "unplaced": "unplaced rows", "outdated": "outdated contract"}


def test_every_state_is_shown_in_banner_card_and_table(open_page: Opener) -> None:
    report = planted()
    tab = open_page(pages(report, "page.html"))
    banner = tab.text("#banner")
    assert "Not complete: 5 of 9 datasets need somebody" in banner
    assert "The next audit comes at 17:55, in 35 min." in banner
    seen = {}
    for state, name in STATES_PLANTED.items():
        word = WORDS.get(state, state)
        assert word in tab.text(f"#card-{name} .badges"), name
        assert (f"{name}:" in banner) == (state in LOOK_AT), "the banner names those who need somebody"
        seen[name] = word
    tables = {table.dataset: table.name for table in report.tables if table.kind == "fact"}
    for name, word in seen.items():
        tab.go(f"#/table/{tables[name]}")
        assert word in tab.text(".badges"), f"the page of {tables[name]}"
        tab.go(f"#/dataset/{name}")
        assert word in tab.text("#conditions"), f"the page of {name}"


def test_what_a_state_rests_on_is_told_where_it_is_shown(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    assert "14 of 36 months under the new contract" in tab.text("#card-ledger")
    tab.go("#/dataset/ledger")
    assert tab.page.locator("progress").get_attribute("value") == "14"
    tab.go("#/dataset/sales")
    assert "tables/sales/sales_order/000000000017.jsonl.gz" in tab.text("#halts")
    tab.go("#/dataset/funds")
    assert "the provider refuses to give its history" in tab.text("#alarms")
    tab.go("#/alarm/quotes/limited")
    assert "over" in tab.text(".lead")
    tab.go("#/audit/audit-stock-20261127T1220")
    assert "TimeoutError: the check function did not answer" in tab.text()


def test_monthly_windows_of_databases_are_on_the_page_that_shows_a_week(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    tab.go("#/dataset/stock")
    assert tab.texts(".heat thead th") == ["table", "Sep 2026", "Oct 2026", "Nov 2026"]
    tab.page.locator(".heat a.cell").last.click()
    assert "stock_move · Nov 2026" in tab.text("h1")
    assert "certificate 40" in tab.text(".facts")


COLOURS = """(element) => {
    const bad = element.appendChild(document.createElement("i"));
    bad.style.color = "var(--bad)";
    return [getComputedStyle(element).color, getComputedStyle(bad).color];
}"""


def test_a_window_that_is_held_has_a_sign_words_and_a_colour_of_its_own(open_page: Opener) -> None:
    held = "fact_order/created_at_month=2026-11 is held: wrong sums, by an admin"
    windows = months("orders", 3, status="held", missing=3)
    windows[-1] = replace(windows[-1], held=held)
    view = dataset("shop", windows, held=(held,))
    report = replace(planted(), datasets=(view,), tables=(), banner=banner([(view.facts, view.conditions)]))
    tab = open_page(pages(report, "held.html"))
    assert "Not complete: 1 of 1 dataset needs somebody" in tab.text("#banner")
    assert f"shop: {held}." in tab.text("#banner .doing")
    assert "⊘ held" in tab.text("#card-shop .badges")
    tab.go("#/dataset/shop")
    assert tab.texts(".heat a.cell .mark") == ["✓", "✓", "⊘"]
    tab.page.locator(".heat a.cell").last.click()
    assert tab.text(".lead .badge") == "⊘ held: nothing heals it until it is released"
    shown, bad = tab.page.locator(".lead .badge").evaluate(COLOURS)
    assert shown == bad
    tab.go("#/dataset/shop")
    tab.page.locator(".heat a.cell").first.click()
    assert tab.text(".lead .badge") == "✓ certified"
    assert tab.page.locator(".lead .badge").evaluate(COLOURS)[0] != bad


def test_counts_add_up_wherever_they_are_shown(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    for view in planted().datasets:
        counts = view.counts
        parts = f"{counts.present:,} present + {counts.absent:,} absent + {counts.missing:,} missing"
        assert tab.text(f"#card-{view.name} .figures") == f"{counts.expected:,} expected = {parts}"


def test_a_deployment_of_which_nothing_is_known_yet_has_a_page_too(open_page: Opener) -> None:
    views = (dataset("sales", audited_at=None, next_audit=None, fine_since=None), dataset("quotes", audited_at=None))
    empty = replace(
        planted(), datasets=views, tables=(), audits=(), alarms=(), freshness=(), processed=(), stories={},
        banner=banner([(view.facts, view.conditions) for view in views]), notes=("freshness: no answer",),
    )  # fmt: skip
    tab = open_page(pages(empty, "page.html"))
    assert "Not complete yet: 2 of 2 datasets on the way" in tab.text("#banner")
    assert "freshness: no answer" in tab.text("#notes")
    for address in ("#/dataset/sales", "#/dataset/quotes", "#/dataset/quotes/at/2026-11-25", "#/point/quotes/A/x"):
        tab.go(address)
        assert tab.text()
    tab.go("#/dataset/sales")
    assert "not audited yet" in tab.text("#conditions")
    assert "The range owes nothing." in tab.text("#coverage")
    bare = open_page(pages(replace(empty, datasets=(), banner=banner([])), "bare.html"))
    assert "Nobody can tell" in bare.text("#banner")


def test_a_window_is_found_where_another_table_has_one_that_begins_with_it(open_page: Opener) -> None:
    days = [window("event", f"2026-11-{day:02d}T00:00:00Z", f"2026-11-{day + 1:02d}T00:00:00Z") for day in (1, 2)]
    views = (dataset("shop", [*days, *months("orders", 1)]),)
    tab = open_page(pages(replace(planted(), datasets=views, tables=()), "page.html"))
    for name, title in (("orders", "orders · Nov 2026"), ("event", "event · Sun 1 Nov")):
        tab.go(f"#/dataset/shop/window/{name}/2026-11-01T00:00:00Z")
        assert title in tab.text("h1")


def test_an_address_that_is_no_more_says_so(open_page: Opener) -> None:
    tab = open_page(pages(planted(), "page.html"))
    for kind in ("dataset", "table", "audit", "alarm", "no-such-kind"):
        tab.go(f"#/{kind}/<b>gone/x")
        assert "nothing of that name" in tab.text()


def test_each_state_alone_is_the_banner_s_verdict(open_page: Opener) -> None:
    """With eight others beside it a state may hide; alone it says what is so, in words, sign and colour."""
    report = planted()
    views = {view.name: view for view in report.datasets}
    verdicts = {}
    for state, name in STATES_PLANTED.items():
        view = views[name]
        alone = replace(report, datasets=(view,), tables=(), banner=banner([(view.facts, view.conditions)]))
        tab = open_page(pages(alone, f"{state}.html"))
        head = tab.page.locator("#banner")
        shade = "complete" if state == "paused" else state  # all that is owed is there, and nothing new is
        assert shade in str(head.get_attribute("class")).split(), state
        verdicts[state] = tab.text("#banner h1")
        if state != "complete":
            first = next(condition for condition in view.conditions if condition.state == state)
            assert f"{name}: {first.text}. {first.doing}." in tab.text("#banner .doing"), state
        assert tab.page.title().startswith(verdicts[state])
        tab.page.close()
    somebody = dict.fromkeys(LOOK_AT & set(verdicts), "Not complete: 1 of 1 dataset needs somebody")
    on_the_way = dict.fromkeys(["repairing", "outdated"], "Not complete yet: 1 of 1 dataset on the way")
    whole = dict.fromkeys(["complete", "paused"], "Complete: the one dataset")
    assert verdicts == {**somebody, **on_the_way, **whole}
    assert set(somebody) == {"alarmed", "halted", "canary_failed", "late", "unplaced"}

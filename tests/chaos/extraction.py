"""Extraction under transactions that commit out of order, and a first load that no invocation can finish."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.scenarios.extraction_backlog import run_backlog
from tests.scenarios.extraction_schedules import Tally, run_schedules

MOST_MB = 64


def schedules(options: Options) -> Result:
    """``lost`` counts rows whose newest version was not extracted; the naive cursor beside it must lose some. Every
    fiftieth schedule fails over to a standby that has fallen behind."""
    wanted = options.amount(1_000)

    def say(tally: Tally) -> None:
        options.progress(f"{tally.runs} of {wanted} schedules, lost {tally.lost}, naive cursor lost {tally.naive_lost}")

    report = run_schedules(wanted, options.seed, progress=say)
    faults = [f"{name}: {report[name]} (seed {options.seed})" for name in ("lost", "twice", "holes") if report[name]]
    if not report["naive_lost"] and wanted >= 50:
        faults.append("the naive cursor lost nothing: the schedules are too tame")
    return Result(report, faults)


def backlog(options: Options) -> Result:
    """``--runs`` is the number of rows, by default two million; three invocations end in a time-out."""
    rows = options.amount(2_000_000)
    report = run_backlog(
        rows, rows_per_object=max(rows // 20, 1), progress=lambda text: options.progress(text, now=True)
    )
    faults = [f"{name}: {report[name]}" for name in ("lost", "twice") if report[name]]
    if report["timeouts"] != 3 or not report["finished"]:
        faults.append(f"{report['timeouts']} time-outs, finished: {report['finished']}")
    if report["peak_mb"] is not None and report["peak_mb"] > MOST_MB:
        faults.append(f"{report['peak_mb']} MB above the start")
    return Result(report, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"schedules": schedules, "backlog": backlog}

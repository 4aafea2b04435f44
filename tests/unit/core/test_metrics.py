"""The list of metrics, held to the functions that emit them and to what Terraform's alarms and dashboard read."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from core import metrics
from core.metrics import METRICS, NAMESPACE, Metric

ROOT = Path(__file__).parents[3]
WORD = r'"([A-Z][A-Za-z]+)"'
NAMES = {metric.name for metric in METRICS}


def terraform() -> str:
    """All of the configuration, without its tests and without comments."""
    paths = sorted(path for path in (ROOT / "terraform").rglob("*.tf") if ".terraform" not in path.parts)
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return re.sub(r"(?m)(^|\s)#.*$", "", text)


def of_alarms(text: str) -> Iterator[str]:
    """Names in ``metric = …`` and ``metric_name = …``, but for those with AWS's own namespace beside them."""
    for match in re.finditer(r"\bmetric(?:_name)?\s*=\s*([^,\n]+)", text):
        nearby = text[max(0, match.start() - 120) : match.start()].rsplit("dimensions", 1)[-1]
        namespaces = re.findall(r'\bnamespace\s*=\s*("AWS/|\S+)', nearby)
        if not (namespaces and namespaces[-1] == '"AWS/'):
            yield from re.findall(WORD, match[1])


def of_dashboard(text: str) -> set[str]:
    """Metrics of ours that the dashboard shows, and the fields of log lines that it adds up."""
    shown = set(re.findall(r"\bby_dataset\.([A-Z][A-Za-z]+)", text))
    return shown | set(re.findall(r"\b(?:max|sum|pct)\(([A-Z][A-Za-z]+)", text))


def test_every_name_is_declared_once_with_its_meaning() -> None:
    assert [name for name, count in Counter(metric.name for metric in METRICS).items() if count > 1] == []
    assert all(metric.meaning for metric in METRICS)


def test_what_an_alarm_reads_is_a_metric_and_nothing_else_is() -> None:
    assert sorted(set(of_alarms(terraform()))) == sorted(metric.name for metric in METRICS if metric.watched)


def test_the_dashboard_shows_metrics_as_metrics_and_fields_of_the_log_out_of_the_log() -> None:
    watched = {metric.name for metric in METRICS if metric.watched}
    text = terraform()
    metrics = set(re.findall(r"\bby_dataset\.([A-Z][A-Za-z]+)", text))
    fields = of_dashboard(text) - metrics
    assert metrics <= watched
    assert fields <= NAMES - watched
    assert len(fields) >= 10


def test_the_alarms_read_the_namespace_that_the_functions_write() -> None:
    text = terraform()
    assert re.findall(r'(?m)^\s*namespace\s*=\s*"(?!AWS/)(\w+)"', text) in ([NAMESPACE], [])
    assert set(re.findall(r'POWERTOOLS_METRICS_NAMESPACE\s*=\s*"(\w+)"', text)) <= {NAMESPACE}


def test_every_metric_is_emitted_somewhere() -> None:
    constants = {name for name, value in vars(metrics).items() if isinstance(value, Metric)}
    used = {
        node.id
        for path in (ROOT / "src").rglob("*.py")
        if path.parts[-2:] != ("core", "metrics.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and node.id in constants
    }
    assert sorted(constants - used) == []

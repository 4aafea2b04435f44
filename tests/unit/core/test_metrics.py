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


def of_dashboard(text: str) -> Iterator[str]:
    """Names in lists of nothing but names, at least half of which are metrics of ours."""
    for match in re.finditer(rf"\[\s*((?:{WORD}\s*,?\s*)+)\]", text):
        names = set(re.findall(WORD, match[1]))
        if 2 * len(names & NAMES) >= len(names):
            yield from names
    yield from re.findall(r"\bby_dataset\.([A-Z][A-Za-z]+)", text)


def test_every_name_is_declared_once_with_its_meaning() -> None:
    assert [name for name, count in Counter(metric.name for metric in METRICS).items() if count > 1] == []
    assert all(metric.meaning for metric in METRICS)


def test_what_terraform_reads_is_emitted_and_what_is_to_be_watched_is_read() -> None:
    text = terraform()
    read = set(of_alarms(text)) | set(of_dashboard(text))
    assert sorted(read) == sorted(metric.name for metric in METRICS if metric.watched)


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

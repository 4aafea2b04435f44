"""Functions in a clean Python of Lambda's version, with nothing to import from but their unpacked packages.

Whatever else is installed on the machine is out of reach: what the layers lack, have in another version or leave out
of a package fails here as it would on AWS.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from tests.architecture.test_function_packages import functions
from tests.support.lake import order, quote, shipped_contracts
from tests.support.layers import run_alone, unpacked_layers

from core.landing.ingest_objects import TableObject
from core.rendering.render import render
from deploy.folders import ROOT
from deploy.layers.build import layer_pins, used_services
from deploy.packaging import build_code_zip

BEGIN = """
import json, sys
code, repository, *packages = json.loads(sys.argv[1])
sys.path[:] = [code, *packages, *sys.path]
def places(names):
    return [sys.modules[name].__file__ for name in names if name in sys.modules]
"""

IMPORT = """
import importlib
handlers, late = sys.argv[2].split(","), sys.argv[3].split(",")
for name in handlers:
    importlib.import_module(name)
heavy = sorted({"pandas", "awswrangler"} & set(sys.modules))
for name in filter(None, late):
    importlib.import_module(name)
versions = {}
from importlib.metadata import distributions
for distribution in distributions(path=packages):
    versions[distribution.name.lower().replace("_", "-").replace(".", "-")] = distribution.version
standard = sys.path[1 + len(packages):]
strange = [
    module.__file__ for module in list(sys.modules.values())
    if getattr(module, "__file__", None) and not module.__file__.startswith((code, *packages, *standard))
]
modules = sorted({name.split(".")[0] for name in sys.modules})
print(json.dumps({"versions": versions, "strange": strange, "modules": modules, "heavy": heavy}))
"""

PROCESS = """
sys.path.append(repository)  # the tests' stores in memory, which import nothing that the functions do not
import gzip, time
from datetime import datetime, timezone
from pathlib import Path
import pyarrow as pa
from core.contract.codec import load_rendered
from core.warehouse.order import sort_rows
from core.warehouse.pointer import ROOT
from processing.events import ObjectEvent
from processing.partitions.commit import read_partition
from processing.process import process_objects
from processing.services import Services
from tests.fakes.log import MemoryLog
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.objects import MemoryObjects
from tests.fakes.parameters import MemoryParameters
from tests.fakes.partitions import MemoryPartitions, MemoryWarehouse

order, first = sort_rows([pa.array(["b", None, "a", None]), pa.array([None, 2, 3, None])])
contracts = load_rendered((Path(code) / "contracts.json").read_text())
ingest, partitions, metrics = MemoryObjects(), MemoryPartitions(), {}
parameters = MemoryParameters()
parameters.make("/starmend/test/sales/sales_order/latest_object", "0")
services = Services(
    contracts=contracts, ingest=ingest, records=MemoryWarehouse(partitions), partitions=partitions,
    parameters=parameters, parameter_prefix="/starmend/test",
    metrics=lambda dataset: metrics.setdefault(dataset, MemoryMetrics()),
    log=MemoryLog(), code_version="test", ingest_bucket="ingest-bucket",
    now=lambda: datetime(2026, 11, 20, 15, tzinfo=timezone.utc), timer=time.perf_counter, workers=2,
)
objects = json.loads(sys.argv[2])
for key, lines in objects.items():
    ingest.write(key, gzip.compress("".join(lines).encode(), 1, mtime=0))
failed = process_objects([ObjectEvent("", key) for key in objects], services)
facts = {}
for name in ("fact_sales_order", "fact_quote"):
    table = contracts.table(name)
    keys = [info.key for info in partitions.list(f"{ROOT}{name}/") if info.key.endswith("/symlink.txt")]
    paths = [key.removeprefix(f"{ROOT}{name}").removesuffix("symlink.txt").strip("/") for key in keys]
    facts[name] = sum(read_partition(partitions, table, path).table.num_rows for path in paths)
import zoneinfo
from processing.lines.instants import in_utc
zoneinfo.reset_tzpath(())  # as in an image of Lambda's without time zones
noon = in_utc(pa.chunked_array([["2026-07-01T12:00:00", "2040-07-01T12:00:00"]]), "Europe/Berlin")
print(json.dumps({
    "noon": [str(instant) for instant in noon.to_pylist()],
    "order": order.tolist(), "first": first.tolist(), "failed": {key: str(error) for key, error in failed.items()},
    "facts": facts, "pandas": "pandas" in sys.modules, "arrow": [pa.__version__, pa.__file__],
}))
"""

CLIENTS = """
import botocore.session
session = botocore.session.get_session()
urls = {}
for service in sys.argv[2].split(","):
    client = session.create_client(service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    urls[service] = client.meta.endpoint_url
    client.meta.service_model.operation_names
print(json.dumps(urls))
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked code package."""
    folder = tmp_path_factory.mktemp("code")
    contracts = folder / "contracts.json"
    contracts.write_text(render(shipped_contracts()), encoding="utf-8")
    with zipfile.ZipFile(build_code_zip(folder / "code.zip", contracts).file) as opened:
        opened.extractall(folder / "code")
    return folder / "code"


def run(script: str, code: Path, layers: tuple[str, ...], *arguments: str) -> dict[str, object]:
    packages = [str(unpacked_layers()[layer]) for layer in layers]
    path = json.dumps([str(code), str(ROOT), *packages])
    environment = {"AWS_LAMBDA_FUNCTION_NAME": "any", "AWS_REGION": "eu-west-1"}
    return dict(json.loads(run_alone(BEGIN + script, path, *arguments, environment=environment)))


@pytest.mark.parametrize("layers", sorted(set(functions().values())), ids="+".join)
def test_every_handler_imports_from_its_own_packages_alone(layers: tuple[str, ...], code: Path) -> None:
    modules = [handler for handler, given in functions().items() if given == layers]
    late = ["awswrangler"] if "athena" in layers else []  # the first query imports it
    report = run(IMPORT, code, layers, ",".join(modules), ",".join(late))
    pins = layer_pins()
    assert report["versions"] == {name: pin.version for layer in layers for name, pin in pins[layer].items()}
    assert report["strange"] == []
    imported = set(report["modules"])  # type: ignore[call-overload]
    assert {"pyarrow", "orjson", "botocore"} <= imported
    of_commands = {"pydantic", "yaml", "exchange_calendars", "typer", "rich", "duckdb"}
    assert imported.isdisjoint(of_commands - {name for layer in layers for name in pins[layer]})
    assert ("pandas" in imported) == ("athena" in layers)
    assert report["heavy"] == [], "a value of Arrow's made at import alone imports pandas, 300 ms of each cold start"


def test_an_object_becomes_facts_with_the_layer_of_all_functions(code: Path) -> None:
    """Rows are sorted with a place for nulls per key: pyarrow has it from 25 on, and AWS's managed layers had no 25."""
    objects = {
        TableObject("sales", "sales_order", 1).key: [json.dumps(order(number)) + "\n" for number in (3, 1, 2)],
        "feeds/quotes/2026/11/20/14/quotes-1.gz": [
            quote(symbol, "2026-11-20T14:31:00Z", "1.5").decode() for symbol in ("TSLA", "AAPL", "AAPL")
        ],
    }
    report = run(PROCESS, code, ("base",), json.dumps(objects))
    assert report["failed"] == {}
    assert report["order"] == [3, 1, 2, 0], "nulls first, in every column"
    assert report["first"] == [True] * 4
    assert report["noon"] == ["2026-07-01 10:00:00", "2040-07-01 10:00:00"], "time zones are the layer's own"
    assert report["facts"] == {"fact_sales_order": 3, "fact_quote": 2}
    assert report["pandas"] is False


def test_botocore_makes_a_client_of_every_service_that_the_functions_use(code: Path) -> None:
    urls = run(CLIENTS, code, ("base",), ",".join(sorted(used_services())))
    assert set(urls) == used_services()
    assert all(re.fullmatch(r"https://[a-z0-9.-]+\.amazonaws\.com", str(url)) for url in urls.values())

"""Files of a wheel that a function needs: what Lambda's 250 MB have no room for is left out.

Left out is what no import of ours reaches: tests, headers and sources of compiled code, Arrow Flight, second copies of
a library under another name, clients of other catalogs, and the descriptions of AWS services that no function speaks
to. ``libarrow_substrait`` has to stay, ``pyarrow.lib`` is linked against it. Licences stay.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from core.errors import InvalidData

_NO_CODE = re.compile(
    r"""
    (^|/)tests?/ .*
    | \.(pyi|pyx|pxd|pxi|h|hpp|c|cc|cpp|a|lib|cmake)$
    | (^|/)__pycache__/ .*                      # made by another Python than the one that runs
    | \.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json)$   # RECORD would name files that are not here
    """,
    re.VERBOSE,
)
_LEFT_OUT = {
    "pyarrow": re.compile(
        r"""
        pyarrow/(include|includes|src)/ .*
        | pyarrow/lib\w+flight\w*\. .* | pyarrow/_flight\. .* | pyarrow/flight\.py
        | pyarrow/_pyarrow_cpp_tests\. .*
        | pyarrow/lib\w+\.so(\.\d+\.\d+\.\d+)?$      # the same library as lib….so.<number>, which is what is linked
        | pyarrow/lib\w+\.\d+\.\d+\.\d+\.dylib$ | pyarrow/lib[a-z_]+\.dylib$
        """,
        re.VERBOSE,
    ),
    "numpy": re.compile(
        r"numpy/(f2py|_pyinstaller)/ .* | numpy/\w+/include/ .* | numpy/.*_tests\.cpython.*", re.VERBOSE
    ),
    "aws_lambda_powertools": re.compile(r"aws_lambda_powertools/event_handler/openapi/swagger_ui/.*\.(js|css)$"),
    "boto3": re.compile(r"boto3/(data|examples)/.*"),  # resources: only clients are used
    "pyiceberg": re.compile(r"(hive_metastore|fb303)/.*"),  # of another catalog
    "pydantic": re.compile(r"pydantic/v1/.*"),  # what it was, for whoever imports that by name
    "zstandard": re.compile(r"zstandard/(_cffi\..*|backend_cffi\.py)"),  # a second way to the same library, for PyPy
}
_SERVICE = re.compile(r"botocore/data/(?P<service>[^/]+)/.+")
_UNUSED_OF_A_SERVICE = re.compile(r"/examples-1\.json(\.gz)?$")


def kept_files(wheel: Path, services: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Path below ``site-packages`` and content of each file that is kept; ``services``: botocore's names."""
    package = wheel.name.split("-")[0]
    with zipfile.ZipFile(wheel) as opened:
        for entry in opened.infolist():
            name = None if entry.is_dir() else _installed_name(wheel, entry.filename)
            if name is not None and is_kept(package, name, services):
                yield name, opened.read(entry)


def is_kept(package: str, name: str, services: Collection[str]) -> bool:
    """Whether a file is needed. ``package`` is the wheel's first word, ``name`` its path below ``site-packages``."""
    service = _SERVICE.fullmatch(name)
    if service:
        return service["service"] in services and not _UNUSED_OF_A_SERVICE.search(name)
    left_out = _LEFT_OUT.get(package)
    return not _NO_CODE.search(name) and not (left_out and left_out.fullmatch(name))


def _installed_name(wheel: Path, name: str) -> str | None:
    """Where an installer would put a file of a wheel; None: not among the modules (scripts, headers, data)."""
    folder, _, rest = name.partition("/")
    if not folder.endswith(".data"):
        return name
    scheme, _, path = rest.partition("/")
    if scheme in ("purelib", "platlib"):
        return path
    if scheme in ("scripts", "headers", "data"):
        return None
    raise InvalidData(
        "unpack a wheel", wheel.name, f"has a part {scheme!r}", "Look into the wheel, then into this rule"
    )

"""Packages that a function may import beside its own code: those of its layers.

Functions on the emulator get a folder with these packages and nothing else, so that one which is only in the
developers' environment is missing there as it would be on AWS. What pyarrow was built with cannot be taken from it, so
tests look at the objects that it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

RUNTIME = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
PANDAS_LAYER = (  # "AWSSDKPandas", as far as it is sure to be there
    "asn1crypto", "awswrangler", "certifi", "charset-normalizer", "idna", "numpy", "packaging", "pandas", "pg8000",
    "pyarrow", "requests", "scramp", "typing_extensions", "tzdata",
)  # fmt: skip
POWERTOOLS_LAYER = ("aws-lambda-powertools", "aws-xray-sdk", "wrapt")
OUR_LAYER = ("isal", "orjson")  # of the layer "base"
PACKAGES = (*RUNTIME, *PANDAS_LAYER, *POWERTOOLS_LAYER, *OUR_LAYER)

# Codecs that AWS's build of pyarrow lacks: a Parquet object that uses one could be neither written nor read there.
REFUSED_CODECS = ("zstd", "lz4", "lz4_raw", "brotli")


def lay_out(folder: Path) -> Path:
    """Link every package of :data:`PACKAGES` into the folder, with the metadata that it reads about itself."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        for source in _parts(package):
            link = folder / source.name
            if not link.exists():
                link.symlink_to(source)
    return folder


def _parts(package: str) -> Iterator[Path]:
    """The files and folders of a distribution that lie beside each other; none where it is not installed."""
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        return
    for name in {file.parts[0] for file in installed.files or ()}:
        if name not in ("..", "__pycache__"):
            yield Path(str(installed.locate_file(name)))

"""Measures that keep a cold start short."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder


class _NoPandas(MetaPathFinder):
    """Answers an import of pandas as if it were not installed."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is kept out of this function", name=fullname)


def keep_pandas_out() -> None:
    """In a Lambda: stop pyarrow from importing pandas when it is given its first values.

    pyarrow checks once whether those are a Series, which imports pandas (250 to 400 ms) where it is installed, as
    in AWS's managed layer; it does without where it is not. Outside of a Lambda nothing is done, for others in the
    process may want pandas.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas())

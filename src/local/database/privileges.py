"""PostgreSQL refuses to run as root, so root starts it as the user ``nobody``.

Making the folders above the data and above the binaries open to everybody (a checkout may lie below a home folder
with mode 700) would change what does not belong to us. Instead the process keeps one of root's capabilities: to read
and walk through folders whatever their mode. It can write only what it owns.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable
from pathlib import Path

UNPRIVILEGED_USER = "nobody"

# linux/prctl.h and linux/capability.h
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522


def give_away(folder: Path) -> None:
    """Give the folder to the user that PostgreSQL will run as, where that is another one."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def before_exec() -> Callable[[], None]:
    """A function for a child between fork and exec: drop root, and end (fast shutdown) when its parent ends."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    entry = pwd.getpwnam(UNPRIVILEGED_USER) if os.geteuid() == 0 else None

    def prepare() -> None:
        if entry is not None:
            if libc is not None:
                libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            if libc is not None:
                _keep_reading(libc)
        if libc is not None:
            # After setuid, which clears it.
            libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)

    return prepare


def _keep_reading(libc: ctypes.CDLL) -> None:
    """Keep CAP_DAC_READ_SEARCH across the exec. A container may not grant it; then folders must be open, as always."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_READ_SEARCH
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; low word, high word
    if libc.capset(header, sets) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0)

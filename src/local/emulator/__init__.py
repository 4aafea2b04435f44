"""The embedded AWS: MiniStack as a child process, patched where it does not do as AWS does.

``Emulator`` starts, finds, resets and stops it; :mod:`local.emulator.launch` is what runs inside the child, and
:mod:`local.emulator.patches` holds one module per patch.
"""

from local.emulator.process import ACCOUNT, REGION, Emulator

__all__ = ["ACCOUNT", "REGION", "Emulator"]

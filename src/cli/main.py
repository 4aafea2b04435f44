"""``starmend``: the operator's and the analyst's command.

Exit codes: 0 fine, 1 findings, 2 usage (a bad contract, too), 3 failure, 130 after Ctrl-C, 141 where whoever read the
output has gone. Errors are one line on standard error: what failed, where, why, and what to do.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Give the command that the arguments name; nothing is imported before Ctrl-C is silent."""
    try:
        from cli.running import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()

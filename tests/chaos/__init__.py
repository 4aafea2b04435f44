"""The long randomised and fault runs: ``make chaos`` or ``python -m tests.chaos`` into ``build/chaos.json``.

A run is a function ``(Options) -> Result``. A module of this package offers its runs by their names::

    RUNS: dict[str, Callable[[Options], Result]] = {"schedules": schedules}

Every module directly below ``tests.chaos`` that has ``RUNS`` is found; nothing needs to be registered elsewhere.
Everything that is random in a run follows from ``Options.seed``, and every fault that it finds says which numbers bring
it back. ``make test`` has each run in a short form: the same function with small numbers.

The file is grown: a run that did not take part this time keeps its entry.
"""

"""Side by side with peers: ``make bench`` or ``python -m bench [--quick] [--only NAME ...]`` into ``build/bench.json``.

A measure is a function ``(Options) -> Record``. A module of this package offers its measures by their names::

    MEASURES: dict[str, Callable[[Options], Record]] = {"extract_1m": extract_1m}

Every module directly below ``bench`` that has ``MEASURES`` is found, in the modules' order of name; nothing needs to be
registered elsewhere. Such a module must import where the peers are not installed, so it names contestants as text.

Most measures are a race (``bench.race``): each contestant is a function ``(**arguments) -> run`` in some module, named
``"module:function"``. It sets itself up, unmeasured, and returns what is measured: a function without arguments that
does the work once and returns its result (bytes, the path of a file, or anything else where nothing is compared). It
is also given ``threads=``. The race starts every contestant in a process of
its own with its threads bounded, checks that all results hold the same rows, warms each up, and lets them take turns::

    result = race([Contestant("ours", "bench.ours:transform", {"path": str(path)}), ...], threads=2, options=options)
    return result.record("transform_1m_2threads")

A measure that is no race makes its ``Record`` with ``Record.of_times`` or ``Record.of_rates`` from figures of its own.
The file is grown: entries of names that were not measured this time stay.
"""

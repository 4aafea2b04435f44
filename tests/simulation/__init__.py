"""A simulation of everything at once: one process, one virtual clock, one seed.

The real code of request, pull, extraction, processing, auditor, vacuum and mirror runs in functions that are killed,
repeated and overtaken, over models of AWS's services with their documented misbehaviour (``services``), of a database
with transactions (``database``) and of a provider. A workload that is nasty on purpose drives it (``workload``), and a
judge who knows the truth holds everything that readers, certificates and mails say against it (``judge``). Others read
as users do, an analyst by ``starmend_reader`` (``analyst``) and an engine the certified snapshots (``star``), and tell
the judge. What follows from the same bytes is worked out once (``remembered``).

``python -m tests.simulation --seed N --days D`` runs one and tells what it saw; ``make chaos`` runs fresh ones into
``ledger.json``. The same seed gives the same run, event by event (``trace``).
"""

"""Fuzzing of everything that reads what others wrote: a typed error or a quarantined line, never a crash or a hang.

``targets`` are the readers with their seeds; ``python -m tests.fuzz`` drives one of them with atheris, as the ``fuzz``
part of ``make chaos`` does for minutes each; ``kept`` holds inputs that once were a fault, which ``make test`` gives
to every reader again.
"""

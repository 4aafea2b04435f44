"""Execution environments of Lambda's Python runtime, made of the zips that were uploaded and of nothing else.

Each is a process of the Python of :mod:`.python` with a root of its own where the machine can (:mod:`.bootstrap`): the
function's code at ``/var/task`` and its layers at ``/opt``, read-only, ``/tmp`` as large as the function says, and the
system's programs and libraries. Nothing of the developer's home, checkout or virtual environment is there.
"""

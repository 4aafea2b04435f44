"""What lies in the lake, byte by byte: objects made before and after a change are the same for the same input.

``expected/`` holds every object of two small lakes and every form that travels between functions; ``lake.tar.gz`` the
objects as they are stored. Whoever changes a stored form on purpose makes them again: ``python -m tests.stored_forms``.
"""

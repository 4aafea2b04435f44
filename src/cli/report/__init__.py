"""The report: is a number complete? One page that needs nothing else: what was owed, what is there, what was healed.

``gather`` reads (effects), ``shape`` counts (pure), ``charts`` and ``page`` draw (pure).
"""

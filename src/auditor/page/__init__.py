"""The page: is a number complete? What was owed, what is there, what was healed, and how to prove it.

``reading`` reads (effects); ``coverage``, ``condition``, ``tables`` and ``report`` count (pure); ``encode`` and
``document`` write it as files (pure), which the scripts of ``templates`` draw in whatever browser opens them.
"""

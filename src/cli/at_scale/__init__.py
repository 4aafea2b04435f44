"""``--at-scale``: what one machine would take days for, carried out by many functions side by side."""

"""Every definition in plain NumPy, as the papers have it: for reading and for tests, not for speed.

Nothing here imports the rest of the package, and nothing in the package calls it.
"""

from transferscore.reference.h_score import h_score

__all__ = ["h_score"]

"""Rankings of models and sources, and how they agree with what was measured."""

from transferscore.ranking.evaluate import footrule

__all__ = ["footrule"]

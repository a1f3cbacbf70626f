"""Scores as losses for PyTorch. Needs the extra `torch`; nothing else of the package loads it."""

from transferscore._checks import from_extra

from_extra("torch", "torch")

from transferscore.learn.losses import h_score_loss, otce_loss, soft_hgr_loss  # noqa: E402

__all__ = ["h_score_loss", "otce_loss", "soft_hgr_loss"]

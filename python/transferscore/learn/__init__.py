"""Scores as losses for PyTorch, and fine-tuning with them. Needs the extra `torch`.

Nothing else of the package loads it.
"""

from transferscore._checks import from_extra

from_extra("torch", "torch")

from transferscore.learn.empirical import (  # noqa: E402
    EmpiricalTransferability,
    empirical_transferability,
    retrain_head,
)
from transferscore.learn.finetuning import (  # noqa: E402
    FineTuned,
    FineTuningError,
    finetune,
)
from transferscore.learn.losses import h_score_loss, otce_loss, soft_hgr_loss  # noqa: E402

__all__ = [
    "EmpiricalTransferability",
    "FineTuned",
    "FineTuningError",
    "empirical_transferability",
    "finetune",
    "h_score_loss",
    "otce_loss",
    "retrain_head",
    "soft_hgr_loss",
]

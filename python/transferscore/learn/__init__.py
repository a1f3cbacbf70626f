"""Learning with scores, for PyTorch. Needs the extra `torch`; nothing else loads it."""

from transferscore._checks import from_extra

from_extra("torch", "torch")

from transferscore.learn._epochs import Epoch, TrainingDiverged  # noqa: E402
from transferscore.learn._hgr import HGR, fit_hgr  # noqa: E402
from transferscore.learn._regression import (  # noqa: E402
    MaximalCorrelationClassifier,
    MaximalCorrelationRegressor,
)
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
    "HGR",
    "EmpiricalTransferability",
    "Epoch",
    "FineTuned",
    "FineTuningError",
    "MaximalCorrelationClassifier",
    "MaximalCorrelationRegressor",
    "TrainingDiverged",
    "empirical_transferability",
    "finetune",
    "fit_hgr",
    "h_score_loss",
    "otce_loss",
    "retrain_head",
    "soft_hgr_loss",
]

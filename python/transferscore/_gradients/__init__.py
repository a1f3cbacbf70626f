"""Scores as functions to be optimised: values with derivatives by the features."""

from transferscore._gradients.h_score_gradient import h_score_value_and_grad
from transferscore._gradients.soft_hgr import soft_hgr_value_and_grad

__all__ = ["h_score_value_and_grad", "soft_hgr_value_and_grad"]

"""What a figure shows, read back from its marks."""

import numpy as np


def collection(ax, kind, label=None):
    """The one collection of a kind in the axes."""
    (found,) = (c for c in ax.collections if type(c) is kind and label in (None, c.get_label()))
    return found


def tick_names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def titles(ax):
    return " ".join([ax.get_title("left"), *(text.get_text() for text in ax.texts)])


def nan_to(values, fill=-1e9):
    return np.where(np.isnan(values), fill, values)

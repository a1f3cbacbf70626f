"""Figures of scores, rankings and transports, with the data behind their marks.

Each function draws into a figure of its own, or into axes that it is given, and returns a `Plot`:
figure, axes and data. None shows a window, needs a display, or changes the state of
`matplotlib.pyplot`, which isn't even imported. They need the extra `plot`:
pip install 'transferscore[plot]'.
"""

from transferscore.plots._plot import Plot
from transferscore.plots.accuracies import score_against_accuracy
from transferscore.plots.matrices import dendrogram, heat_map
from transferscore.plots.pixels import score_map_plot
from transferscore.plots.rankings import layer_curve, ranking_plot
from transferscore.plots.transport import coupling_plot, label_table

__all__ = [
    "Plot",
    "coupling_plot",
    "dendrogram",
    "heat_map",
    "label_table",
    "layer_curve",
    "ranking_plot",
    "score_against_accuracy",
    "score_map_plot",
]

"""Figures of the talk's experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from transfer_report import (
    SHORT,
    auxiliary_curve,
    bootstrap,
    evaluated,
    fusion_arms,
)
from transfer_results import TITLES, Results, correlation
from transfer_tasks import FAMILIES, SETTINGS

# Okabe and Ito's colours, which all kinds of colour vision tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
STYLES = ("-", "--", "-.", ":", (0, (1, 1)))
DPI = 110


def write_plots(results: Results, folder: Path) -> None:
    """All figures, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        figure = draw(results)
        # No dates or versions inside: the same results give the same file.
        figure.savefig(folder / f"task_transfer_{name}.png", dpi=DPI, metadata={"Software": None})


def tidy(ax: Axes) -> None:
    """A light grid and two sides of the frame."""
    ax.grid(alpha=0.3, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)


def correlations(results: Results) -> Figure:
    """Mean rank correlation of every score in every setting."""
    figure = Figure(figsize=(9.5, 5.2), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for ax, setting in zip(axes, SETTINGS, strict=True):
        blocks = results.setting(setting)
        for place, name in enumerate(TITLES):
            found = evaluated(blocks, name)
            if found is None:
                continue
            mean, interval = found["spearman"].value, found["spearman"].interval
            colour = COLOURS[1] if name.startswith(("otce", "jc")) else COLOURS[0]
            colour = COLOURS[7] if name in ("classes", "majority", "control") else colour
            if interval is not None:
                ax.plot(interval, (place, place), color=colour, linewidth=1.4)
            ax.plot(mean, place, "o", color=colour, markersize=4.5)
        ax.axvline(0, color="#444444", linewidth=0.8)
        ax.set_xlim(-1, 1)
        ax.set_title(setting, fontsize=10)
        tidy(ax)
    axes[0].set_yticks(range(len(TITLES)), TITLES.values(), fontsize=8)
    axes[0].invert_yaxis()
    figure.supxlabel(
        "Spearman's ρ of score and accuracy within a target, mean over pairs", fontsize=9
    )
    return figure


def auxiliary(results: Results) -> Figure:
    """The talk's curve: correlation by the share of auxiliary tasks, for each source domain."""
    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    blocks, curve = results.setting("standard"), auxiliary_curve(results)
    for ax, (family, domains) in zip(figure.subplots(1, 2), FAMILIES.items(), strict=True):
        for i, source in enumerate(domains):
            mine = np.array([block.source == source for block in blocks])
            if not mine.any():
                continue
            ax.plot(
                [100 * ratio for ratio in curve],
                [_mean(values[mine]) for values in curve.values()],
                marker="o",
                markersize=3.5,
                color=COLOURS[i],
                linestyle=STYLES[i],
                label=SHORT[source],
            )
        ax.set_title(family, fontsize=10)
        ax.set_xlabel("auxiliary tasks, % (0: -W_T alone)", fontsize=9)
        ax.set_ylabel("Spearman's ρ on the other tasks", fontsize=9)
        ax.legend(fontsize=8, frameon=False)
        tidy(ax)
    return figure


def fusion(results: Results) -> Figure:
    """Accuracies of fused features beside those of single sources."""
    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, setting in zip(axes, ("standard", "few-shot"), strict=True):
        arms = fusion_arms(results, setting)
        for place, values in enumerate(arms.values()):
            low, high = bootstrap(values)
            ax.plot((100 * low, 100 * high), (place, place), color=COLOURS[0], linewidth=1.4)
            ax.plot(100 * values.mean(), place, "o", color=COLOURS[0], markersize=4.5)
        names = [name.replace("otce/", "OTCE, temperature ") for name in arms]
        ax.set_yticks(range(len(arms)), names, fontsize=8)
        ax.set_title(setting, fontsize=10)
        tidy(ax)
    axes[0].invert_yaxis()
    figure.supxlabel("mean accuracy, %, with its interval over tasks", fontsize=9)
    return figure


def examples(results: Results) -> Figure:
    """Tasks of one pair in two settings: what correlations look like."""
    figure = Figure(figsize=(9.5, 5.6), layout="constrained")
    axes: Any = figure.subplots(2, 3, sharey="row")
    for row, setting in zip(axes, ("standard", "fixed"), strict=True):
        block = results.setting(setting)[0]
        y = block.measured["accuracy"]
        for ax, name in zip(row, ("otce_sim", "leep", "h_score_shrinkage"), strict=True):
            x = block.values(name)
            ax.plot(x, 100 * y, "o", color=COLOURS[0], markersize=3.5, alpha=0.7)
            pair = f"{SHORT[block.source]} to {SHORT[block.target]}, {setting}"
            ax.set_title(f"{pair}: ρ = {correlation(x, y):.2f}", fontsize=9)
            ax.set_xlabel(TITLES[name], fontsize=8)
            tidy(ax)
        row[0].set_ylabel("accuracy of a new head, %", fontsize=8)
    return figure


FIGURES = {
    "correlations": correlations,
    "auxiliary": auxiliary,
    "fusion": fusion,
    "examples": examples,
}


def _mean(values: np.ndarray) -> float:
    """Of those there are; NaN of none, which is not drawn."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")

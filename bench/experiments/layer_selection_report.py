"""Tables and plot of the section on layers, from results/layer_selection.csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from report_table import PAGE, RESULTS, interval, read_rows, replace_block, save, table

from transferscore.ranking import compare_scores, evaluate_scores

Values = npt.NDArray[np.float64]

RESULT, PLOT = RESULTS / "layer_selection.csv", "layer_selection.png"
SCORES = {"plain": "plain", "shrinkage": "shrinkage", "adjusted": "shrinkage, adjusted for chance"}
BASELINES = {"position": "depth", "n_features": "number of features"}
NAMES = {"fashion_mnist": "Fashion", "mnist": "MNIST", "kmnist": "KMNIST", "usps": "USPS"}
LOSSES = {"train_log_loss": "training", "test_log_loss": "test"}
# Measures of a choice, and how they are printed.
CHOICES = {
    "spearman": (2, "+"),
    "kendall": (2, "+"),
    "selection_accuracy": (2, ""),
    "regret": (3, ""),
}
N_RESAMPLES = 2000


@dataclass(frozen=True)
class Curve:
    """The layers of a network on a target: columns of the CSV file as arrays."""

    source: str
    seed: str
    target: str
    layers: tuple[str, ...]
    columns: Mapping[str, Values]

    @property
    def pair(self) -> str:
        """Where it learned, and what it is asked for."""
        return f"{NAMES[self.source]} to {NAMES[self.target]}"

    def same_width(self) -> Curve:
        """The layers of the stage that has most of them."""
        widths, counts = np.unique(self.columns["n_features"], return_counts=True)
        at = np.flatnonzero(self.columns["n_features"] == widths[counts.argmax()])
        columns = {name: values[at] for name, values in self.columns.items()}
        return Curve(
            self.source, self.seed, self.target, tuple(self.layers[i] for i in at), columns
        )


def curves(share: float) -> list[Curve]:
    """All curves with this share of labels replaced."""
    found: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in read_rows(RESULT):
        if float(row["replaced"]) == share:
            found.setdefault((row["source"], row["seed"], row["target"]), []).append(row)
    texts = {"source", "seed", "target", "layer"}
    return [
        Curve(
            *key,
            tuple(row["layer"] for row in rows),
            {name: np.array([float(r[name]) for r in rows]) for name in rows[0].keys() - texts},
        )
        for key, rows in found.items()
    ]


def shares() -> list[float]:
    """The shares of replaced labels."""
    return sorted({float(row["replaced"]) for row in read_rows(RESULT)})


def bootstrap(values: Values) -> tuple[float, Values]:
    """A mean over curves with its 95 % interval, other curves being drawn."""
    drawn = np.random.default_rng(0).integers(len(values), size=(N_RESAMPLES, len(values)))
    return float(values.mean()), np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])


def explained(x: Values, y: Values) -> Any:
    """R^2 of a line, or of each of many (..., n); nan where x or y doesn't vary."""
    x, y = (values - values.mean(axis=-1, keepdims=True) for values in (x, y))
    with np.errstate(invalid="ignore"):
        return (x * y).sum(axis=-1) ** 2 / ((x**2).sum(axis=-1) * (y**2).sum(axis=-1))


def slope(x: Values, y: Values) -> float:
    """Of a line."""
    return float(np.polyfit(x, y, 1)[0])


def over_layers(x: Values, y: Values) -> tuple[float, Values]:
    """R^2 of a line with its 95 % interval, other layers being drawn."""
    drawn = np.random.default_rng(0).integers(len(x), size=(N_RESAMPLES, len(x)))
    varied = drawn[[len(set(at)) > 2 for at in drawn]]  # a line fits two layers in any case
    return explained(x, y), np.percentile(explained(x[varied], y[varied]), [2.5, 97.5])


def left_out(x: Values, y: Values, degree: int) -> float:
    """Root mean square error for layers that a polynomial was not fitted to."""
    errors = []
    for i in range(len(x)):
        others = np.arange(len(x)) != i
        fit = np.polynomial.Polynomial.fit(x[others], y[others], degree)
        errors.append(fit(x[i]) - y[i])
    return float(np.sqrt(np.mean(np.square(errors))))


def _mean(values: Iterable[float], digits: int = 2, sign: str = "") -> str:
    mean, ends = bootstrap(np.array(list(values)))
    return interval(mean, ends, digits, sign)


def _labels(share: float) -> str:
    return f"{share:.0%} replaced" if share else "as they are"


def report() -> Iterator[str]:
    """Markdown, paragraph by paragraph."""
    first = curves(0.0)[0]
    n = len(curves(0.0))
    yield f"One curve, {first.pair}:"
    columns = (
        "n_features",
        "plain",
        "adjusted",
        "train_accuracy",
        "test_accuracy",
        "train_log_loss",
        "test_log_loss",
    )
    yield table(
        [
            "block",
            "features",
            "H, plain",
            "H, adjusted",
            "training accuracy",
            "test accuracy",
            "training log-loss",
            "test log-loss",
        ],
        [
            [layer, *(f"{first.columns[c][i]:.{0 if c == 'n_features' else 3}f}" for c in columns)]
            for i, layer in enumerate(first.layers)
        ],
    )
    yield f"R^2 of a line through H-score and log-loss, the mean over {n} curves:"
    lines = []
    for share in shares():
        for title, cut in (("all ten", lambda c: c), ("2a to 2f", Curve.same_width)):
            some = [cut(curve) for curve in curves(share)]
            for loss, word in LOSSES.items():
                cells = [
                    _mean(explained(c.columns[score], c.columns[loss]) for c in some)
                    for score in SCORES
                ]
                lines.append([_labels(share), title, word, *cells])
    yield table(["labels", "blocks", "log-loss", *SCORES.values()], lines)
    share = shares()[-1]
    yield "Curve by curve, R^2 of log-loss and the plain score, intervals over the ten blocks:"
    yield table(
        [
            "curve",
            "seed",
            "test, labels as they are",
            f"training, {_labels(share)}",
            f"test, {_labels(share)}",
        ],
        [
            [
                a.pair,
                a.seed,
                _over_layers(a, "test_log_loss"),
                _over_layers(b, "train_log_loss", 3),
                _over_layers(b, "test_log_loss"),
            ]
            for a, b in zip(curves(0.0), curves(share), strict=True)
        ],
    )
    yield "Slopes of these lines, nats of log-loss for a unit of the H-score:"
    lines = []
    for share in shares():
        for loss, word in LOSSES.items():
            cells = [
                _mean((slope(c.columns[score], c.columns[loss]) for c in curves(share)), 3, "+")
                for score in SCORES
            ]
            lines.append([_labels(share), word, *cells])
    yield table(["labels", "log-loss", *SCORES.values()], lines)
    yield "Error of predicted test log-loss for a block that was left out, in nats:"
    lines = []
    for share in shares():
        for score, title in SCORES.items():
            errors = np.array(
                [
                    [left_out(c.columns[score], c.columns["test_log_loss"], k) for k in range(3)]
                    for c in curves(share)
                ]
            )
            cells = [_mean(values, 3) for values in errors.T]
            cells.append(_mean(errors[:, 1] - errors[:, 2], 3, "+"))
            lines.append([_labels(share), title, *cells])
    yield table(["labels", "score", "constant", "line", "parabola", "line - parabola"], lines)
    yield f"Which block has the best test accuracy? {n} curves of ten blocks each:"
    yield _choices(curves(0.0))


def _over_layers(curve: Curve, loss: str, digits: int = 2) -> str:
    value, ends = over_layers(curve.columns["plain"], curve.columns[loss])
    return interval(value, ends, digits, sign="")


def _choices(some: Sequence[Curve]) -> str:
    measured = np.array([curve.columns["test_accuracy"] for curve in some])
    lines = []
    for name, title in (SCORES | BASELINES).items():
        found = evaluate_scores(
            np.array([curve.columns[name] for curve in some]),
            measured,
            measures=list(CHOICES),
            n_resamples=N_RESAMPLES,
        )
        cells = [interval(one.value, one.interval, *CHOICES[one.measure]) for one in found]
        lines.append([title, *cells, _plain_minus(name, some, measured)])
    header = ["score", "Spearman", "Kendall", "chose the best", "accuracy lost"]
    return table([*header, "Spearman, plain - this one"], lines)


def _plain_minus(name: str, some: Sequence[Curve], measured: Values) -> str:
    if name == "plain":
        return ""
    a, b = (np.array([curve.columns[of] for curve in some]) for of in ("plain", name))
    found = compare_scores(a, b, measured, n_resamples=N_RESAMPLES)["spearman"]
    return interval(found.difference, found.interval)


def draw() -> None:
    """H-score against accuracy as in the talk, and against log-loss, for all curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    (one, clean), (training, test) = figure.subplots(2, 2)
    _accuracies(one, curves(0.0)[0])
    share = shares()[-1]
    _losses(clean, curves(0.0), "test_log_loss", "labels as they are")
    _losses(training, curves(share), "train_log_loss", f"labels {_labels(share)}")
    _losses(test, curves(share), "test_log_loss", f"labels {_labels(share)}")
    ends = np.array(training.get_xlim())
    training.plot(ends, np.log(10) - ends / 2, "k--", lw=1, label="log 10 - H / 2")
    clean.legend(frameon=False, fontsize=8)
    training.legend(handles=training.lines[-1:], frameon=False)
    for ax in (one, clean, training, test):
        ax.spines[["top", "right"]].set_visible(False)
    save(figure, PLOT)


def _accuracies(ax: Any, curve: Curve) -> None:
    x = curve.columns["plain"]
    order = np.argsort(x)
    for name, label in (("train_accuracy", "training"), ("test_accuracy", "test")):
        ax.plot(x[order], curve.columns[name][order], marker="o", ms=4, label=label)
    for layer, *point in zip(curve.layers, x, curve.columns["test_accuracy"], strict=True):
        ax.annotate(layer, point, (3, -9), textcoords="offset points", fontsize=7)
    ax.set(xlabel="H-score", ylabel="accuracy", title=f"one curve, {curve.pair}")
    ax.legend(frameon=False)


def _losses(ax: Any, some: Sequence[Curve], loss: str, title: str) -> None:
    targets = sorted({curve.target for curve in some})
    for curve in some:
        x, y = curve.columns["plain"], curve.columns[loss]
        order = np.argsort(x)
        marker = "o" if curve.source == some[0].source else "^"
        label = curve.pair if curve.seed == some[0].seed else None
        colour = f"C{targets.index(curve.target)}"
        ax.plot(x[order], y[order], marker=marker, ms=4, lw=1, color=colour, label=label)
    ax.set(xlabel="H-score", ylabel=f"{LOSSES[loss]} log-loss (nats)", title=title)


def write_report() -> None:
    """Replace the tables of the page, and the plot."""
    replace_block(PAGE, "layer_selection", "\n\n".join(report()))
    draw()

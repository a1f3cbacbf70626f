"""Maximal correlation regression beside cross-entropy and least squares, on real data.

    python bench/experiments/maximal_correlation_regression.py --data FOLDER \
        [--repeats 10] [--seed 0] [--csv FILE] [--out report.md]

FOLDER has mnist.npz and usps.npz with x_train, y_train, x_test, y_test. The diabetes data come with
scikit-learn. Every repeat draws other training samples and other weights; all methods of a repeat
have the same samples, network, optimiser and share that is held out. Needs the extras `torch` and
`bench`; some ten minutes on one core.
"""

from __future__ import annotations

import argparse
import copy
import csv
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from report_table import table
from scipy.stats import t as student
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from torch.nn.functional import cross_entropy, mse_loss

from transferscore import ConvergenceWarning
from transferscore.learn import MaximalCorrelationClassifier, MaximalCorrelationRegressor
from transferscore.ranking import linear_probe

Matrix = NDArray[Any]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

HIDDEN = 128
# One setting for all methods, found on KMNIST, which no table uses.
TRAINING: Mapping[str, Any] = {
    "hidden": (HIDDEN,),
    "max_epochs": 400,
    "learning_rate": 1e-3,
    "weight_decay": 1e-2,
    "validation_fraction": 0.15,
    "patience": 30,
}
BATCH = 256
SIZES = (300, 1000, 4000)
LEAST = 1e-12  # of a probability: log-losses stay finite


@dataclass(frozen=True)
class Split:
    """Samples to learn from, and others."""

    x: Matrix
    y: Matrix
    x_test: Matrix
    y_test: Matrix


def digits(path: Path, n: int, rng: np.random.Generator) -> Split:
    """n of the training images as rows, and all test images."""
    with np.load(path, allow_pickle=False) as file:
        x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    taken = rng.choice(len(x), n, replace=False)
    rows = [part.reshape(len(part), -1).astype(np.float32) / 255 for part in (x[taken], x_test)]
    return Split(rows[0], y[taken].astype(int), rows[1], y_test.astype(int))


def diabetes(rng: np.random.Generator) -> Split:
    """Three quarters of the 442 patients, and the others."""
    x, y = load_diabetes(return_X_y=True)
    order = rng.permutation(len(x))
    train, test = order[:331], order[331:]
    return Split(x[train], y[train], x[test], y[test])


def lower_halves(path: Path, n: int, rng: np.random.Generator) -> Split:
    """The lower half of a digit, 128 numbers, from its upper half."""
    with np.load(path, allow_pickle=False) as file:
        x, x_test = (
            file[name].reshape(-1, 256).astype(np.float32) / 255 for name in ("x_train", "x_test")
        )
    x = x[rng.choice(len(x), n, replace=False)]
    return Split(x[:, :128], x[:, 128:], x_test[:, :128], x_test[:, 128:])


# ------------------------------------------------------------------------------ what competes


def network_output(data: Split, targets: torch.Tensor, width: int, loss: Loss, seed: int) -> Matrix:
    """Outputs on the test samples of the network that maximal correlations have, too."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x, x_test = (torch.from_numpy(part).float() for part in (data.x, data.x_test))
    order = rng.permutation(len(x))
    held, train = np.split(order, [round(TRAINING["validation_fraction"] * len(x))])
    mean, deviation = x.mean(dim=0), x.std(dim=0, correction=0)
    deviation[deviation == 0] = 1
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.GELU(), torch.nn.Linear(HIDDEN, width)
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=TRAINING["learning_rate"], weight_decay=TRAINING["weight_decay"]
    )
    x, x_test = (x - mean) / deviation, (x_test - mean) / deviation
    best, state, waited = np.inf, copy.deepcopy(network.state_dict()), 0
    for _ in range(TRAINING["max_epochs"]):
        for rows in np.array_split(rng.permutation(train), max(1, -(-len(train) // BATCH))):
            optimiser.zero_grad()
            loss(network(x[rows]), targets[rows]).backward()
            optimiser.step()
        with torch.no_grad():
            found = loss(network(x[held]), targets[held]).item()
        waited += 1
        if found < best * (1 - 1e-4):
            best, state, waited = found, copy.deepcopy(network.state_dict()), 0
        if waited == TRAINING["patience"]:
            break
    network.load_state_dict(state)
    with torch.no_grad():
        return np.asarray(network(x_test).double().numpy())


def of_probabilities(p: Matrix, y: Matrix) -> dict[str, float]:
    log_loss = -np.log(np.maximum(p[np.arange(len(y)), y], LEAST)).mean()
    return {"accuracy": float(np.mean(p.argmax(axis=1) == y)), "log_loss": float(log_loss)}


def by_ridge(data: Split, seed: int) -> dict[str, float]:
    found = linear_probe(data.x, data.y, data.x_test, data.y_test, random_state=seed)
    return {"accuracy": found.accuracy, "log_loss": found.log_loss}


def by_cross_entropy(data: Split, seed: int) -> dict[str, float]:
    outputs = network_output(data, torch.from_numpy(data.y), 10, cross_entropy, seed)
    return of_probabilities(torch.softmax(torch.from_numpy(outputs), dim=1).numpy(), data.y_test)


def by_squared_error(data: Split, seed: int) -> dict[str, float]:
    """Outputs below p(y) / n are raised to that, as those of maximal correlation."""
    indicators = torch.nn.functional.one_hot(torch.from_numpy(data.y), 10).float()
    outputs = network_output(data, indicators, 10, mse_loss, seed)
    raised = np.maximum(outputs, np.bincount(data.y, minlength=10) / len(data.y) ** 2)
    return of_probabilities(raised / raised.sum(axis=1, keepdims=True), data.y_test)


def by_correlation(objective: str) -> Callable[[Split, int], dict[str, float]]:
    def run(data: Split, seed: int) -> dict[str, float]:
        model = MaximalCorrelationClassifier(
            **TRAINING, batch_size=BATCH, objective=objective, random_state=seed
        ).fit(data.x, data.y)
        return of_probabilities(model.predict_proba(data.x_test), data.y_test)

    return run


def r_squared(predicted: Matrix, y: Matrix) -> dict[str, float]:
    """Of all columns together."""
    residual = np.sum((predicted - y) ** 2)
    return {"r2": float(1 - residual / np.sum((y - y.mean(axis=0)) ** 2))}


def numbers_by_ridge(data: Split, seed: int) -> dict[str, float]:
    del seed
    mean, deviation = data.x.mean(axis=0), data.x.std(axis=0)
    deviation[deviation == 0] = 1
    model = RidgeCV(alphas=np.logspace(-2, 5, 29)).fit((data.x - mean) / deviation, data.y)
    return r_squared(model.predict((data.x_test - mean) / deviation), data.y_test)


def numbers_by_squared_error(data: Split, seed: int) -> dict[str, float]:
    y = data.y.reshape(len(data.y), -1)
    mean, deviation = y.mean(axis=0), y.std()  # one unit for all columns
    targets = torch.from_numpy((y - mean) / deviation).float()
    outputs = network_output(data, targets, y.shape[1], mse_loss, seed)
    return r_squared((mean + deviation * outputs).reshape(data.y_test.shape), data.y_test)


def numbers_by_correlation(k: int, readout: str) -> Callable[[Split, int], dict[str, float]]:
    def run(data: Split, seed: int) -> dict[str, float]:
        model = MaximalCorrelationRegressor(
            **TRAINING, batch_size=BATCH, n_features=k, readout=readout, random_state=seed
        ).fit(data.x, data.y)
        return r_squared(model.predict(data.x_test), data.y_test)

    return run


CLASSIFIERS = {
    "ridge on pixels": by_ridge,
    "network, cross-entropy": by_cross_entropy,
    "network, squared error": by_squared_error,
    "maximal correlation, H-score": by_correlation("h_score"),
    "maximal correlation, Soft-HGR": by_correlation("soft_hgr"),
}


def regressors(k: int) -> dict[str, Callable[[Split, int], dict[str, float]]]:
    return {
        "ridge": numbers_by_ridge,
        "network, squared error": numbers_by_squared_error,
        "maximal correlation, linear": numbers_by_correlation(k, "linear"),
        "maximal correlation, density": numbers_by_correlation(k, "density"),
    }


# ----------------------------------------------------------------------------------- the table


@dataclass(frozen=True)
class Task:
    """Data of a repeat, the methods, and the one that others are compared with."""

    name: str
    draw: Callable[[np.random.Generator], Split]
    methods: Mapping[str, Callable[[Split, int], dict[str, float]]]
    rival: str


def tasks(folder: Path) -> Iterator[Task]:
    for name in ("mnist", "usps"):
        for n in SIZES:
            path = folder / f"{name}.npz"
            yield Task(
                f"{name.upper()}, {n} samples",
                lambda rng, path=path, n=n: digits(path, n, rng),  # type: ignore[misc]
                CLASSIFIERS,
                "network, cross-entropy",
            )
    yield Task("diabetes, 331 samples", diabetes, regressors(4), "ridge")
    for n in SIZES[1:]:
        yield Task(
            f"USPS lower halves, {n} samples",
            lambda rng, n=n: lower_halves(folder / "usps.npz", n, rng),  # type: ignore[misc]
            regressors(32),
            "network, squared error",
        )


def run(task: Task, repeats: int, seed: int) -> Iterator[dict[str, Any]]:
    for repeat in range(repeats):
        data = task.draw(np.random.default_rng([seed, repeat]))
        for name, method in task.methods.items():
            begin = time.perf_counter()
            values = method(data, 1000 * seed + repeat)
            seconds = time.perf_counter() - begin
            for measure, value in values.items():
                yield {
                    "task": task.name,
                    "method": name,
                    "repeat": repeat,
                    "measure": measure,
                    "value": f"{value:.6f}",
                    "seconds": f"{seconds:.2f}",
                }


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half of a 95 % interval, by Student's t over repeats."""
    array = np.asarray(values)
    if len(array) < 2:
        return float(array.mean()), float("nan")
    half = student.ppf(0.975, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array))
    return float(array.mean()), float(half)


def report(task: Task, rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each method, with paired differences to the rival."""
    ordered = sorted(rows, key=lambda row: row["measure"])
    measures = {key: list(group) for key, group in groupby(ordered, lambda row: row["measure"])}
    lines = []
    for name in task.methods:
        line = [name]
        for group in measures.values():
            own, other = (
                np.array([float(row["value"]) for row in group if row["method"] == method])
                for method in (name, task.rival)
            )
            line.append("{:.4f} ± {:.4f}".format(*interval(own)))
            line.append(
                "" if name == task.rival else "{:+.4f} ± {:.4f}".format(*interval(own - other))
            )
        seconds = [float(row["seconds"]) for row in rows if row["method"] == name]
        lines.append([*line, f"{np.median(seconds):.1f}"])
    header = ["method"]
    for measure in measures:
        header += [measure.replace("_", "-").replace("r2", "R²"), "difference"]
    return f"**{task.name}**\n\n{table([*header, 'seconds'], lines)}"


def main() -> None:
    """Run all tasks; print or write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)  # the most epochs are the same for all
    everything: list[dict[str, Any]] = []
    parts = []
    for task in tasks(arguments.data):
        rows = list(run(task, arguments.repeats, arguments.seed))
        everything += rows
        parts.append(report(task, rows))
        print(parts[-1], flush=True, file=sys.stderr)
    if arguments.csv:
        with arguments.csv.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(everything[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(everything)
    text = "\n\n".join(parts) + "\n"
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8", newline="\n")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()

"""Results of the talk's tables as arrays: files of rows in, blocks of tasks out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from result_rows import number, read
from transfer_tasks import FAMILY

from transferscore import OTCECalibration
from transferscore.ranking import relative_accuracy, spearman

Values = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

AUXILIARY = 0.1  # share of a pair's tasks whose measured accuracy calibrates OTCE
LEAST_AUXILIARY = 5  # for three coefficients
TITLES = {
    "otce": "OTCE, calibrated",
    "otce_sim": "OTCE without auxiliary, -W_T",
    "jc_otce": "JC-OTCE",
    "w_d": "-W_D alone",
    "leep": "LEEP",
    "nce": "NCE",
    "h_score": "H-score",
    "h_score_shrinkage": "H-score, shrinkage",
    "h_score_adjusted": "H-score, shrinkage, adjusted for chance",
    "h_score_share": "H-score, shrinkage, / (classes - 1)",
    "logme": "LogME",
    "nleep": "N-LEEP",
    "transrate": "TransRate",
    "gbc": "GBC",
    "sfda": "SFDA",
    "parc": "PARC",
    "knn": "k-NN",
    "classes": "baseline: fewer classes",
    "majority": "baseline: largest class",
    "control": "control: LEEP and classes, calibrated alike",
}
MEASURED = {
    "accuracy": "accuracy",
    "log_likelihood": "log-likelihood",
    "relative": "accuracy beyond the largest class",
}


@dataclass(frozen=True)
class Block:
    """A network's tasks of one target in one setting: what was measured, and all scores."""

    source: str
    network: str
    target: str
    setting: str
    measured: Mapping[str, Values]  # by MEASURED
    scores: Mapping[str, Values]  # by TITLES but those that are calibrated

    @property
    def name(self) -> str:
        """For evaluations."""
        return f"{self.source} > {self.target}, {self.network}"

    def __len__(self) -> int:
        return len(self.measured["accuracy"])

    @property
    def auxiliary(self) -> Places:
        """The first tasks, whose order is random, for calibration."""
        return np.arange(max(LEAST_AUXILIARY, round(AUXILIARY * len(self))))

    @property
    def others(self) -> Places:
        """All but the auxiliary ones: those that are reported."""
        return np.setdiff1d(np.arange(len(self)), self.auxiliary)

    def values(self, name: str, auxiliary: Places | None = None) -> Values:
        """A score of all tasks, calibrated where it is one of these."""
        given = self.auxiliary if auxiliary is None else auxiliary
        if name == "otce":
            return self._otce(given)
        if name == "control":
            return self._control(given)
        if name == "auxiliary_mean":
            return np.full(len(self), self.measured["accuracy"][given].mean())
        return self.scores[name]

    def _otce(self, auxiliary: Places) -> Values:
        terms = -self.scores["w_d"], -self.scores["otce_sim"]
        known = (term[auxiliary] for term in terms)
        calibration = OTCECalibration().fit(*known, self.measured["accuracy"][auxiliary])
        found: Values = calibration.predict(*terms)
        return found

    def _control(self, auxiliary: Places) -> Values:
        """Least squares as for OTCE, of a score that needs no source data and the classes."""
        terms = [np.ones(len(self)), self.scores["leep"], self.scores["classes"]]
        A = np.stack(terms, axis=1)
        weights = np.linalg.lstsq(A[auxiliary], self.measured["accuracy"][auxiliary], rcond=None)[0]
        return A @ weights


@dataclass(frozen=True)
class Results:
    """All blocks, and the folder for what else there is."""

    folder: Path
    blocks: Sequence[Block]

    @classmethod
    def of(cls, folder: Path) -> Results:
        """From the files."""
        tasks = {_key(row): row for row in read(folder / "tasks.csv")}
        blocks = []
        for path in sorted((folder / "scores").glob("*.csv")):
            source, _, network = path.stem.partition("-")
            scores, truth = read(path), read(folder / "truth" / path.name)
            measured = {_key(row): row for row in truth}
            groups = defaultdict(list)
            for row in scores:
                groups[row["target"], row["setting"]].append(row)
            for (target, setting), rows in groups.items():
                facts = [tasks[_key(row)] for row in rows]
                known = [measured[_key(row)] for row in rows]
                parts = _measured(known, facts), _scores(rows, facts)
                blocks.append(Block(source, network, target, setting, *parts))
        blocks.sort(key=lambda one: (list(FAMILY).index(one.source), one.network))
        return cls(folder, blocks)

    def where(self, keep: Callable[[Block], bool]) -> list[Block]:
        """Some of the blocks."""
        return [block for block in self.blocks if keep(block)]

    def setting(self, setting: str) -> list[Block]:
        """Those of a setting."""
        return self.where(lambda block: block.setting == setting)

    def read(self, name: str) -> list[dict[str, str]]:
        """Rows of a file of the whole experiment."""
        return read(self.folder / f"{name}.csv")

    def read_all(self, what: str) -> list[dict[str, str]]:
        """Rows of all files of a folder."""
        return [row for path in sorted((self.folder / what).glob("*.csv")) for row in read(path)]


def _key(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["target"], row["setting"], row["task"]


def column(rows: Iterable[Mapping[str, str]], name: str) -> Values:
    """A column as numbers."""
    return np.array([number(row[name]) for row in rows])


def correlation(x: Values, y: Values) -> float:
    """Spearman's of those that both have, NaN where either doesn't vary."""
    there = np.isfinite(x) & np.isfinite(y)
    varies = all(len(np.unique(values[there])) > 1 for values in (x, y))
    return spearman(x[there], y[there]) if varies else float("nan")


def _measured(
    known: Sequence[Mapping[str, str]], facts: Sequence[Mapping[str, str]]
) -> dict[str, Values]:
    accuracy = column(known, "accuracy")
    return {
        "accuracy": accuracy,
        "log_likelihood": column(known, "log_likelihood"),
        "relative": relative_accuracy(accuracy, column(facts, "test_majority")),
    }


def _scores(
    rows: Sequence[Mapping[str, str]], facts: Sequence[Mapping[str, str]]
) -> dict[str, Values]:
    classes = column(facts, "n_classes")
    found = {name: column(rows, name) for name in TITLES if name in rows[0]}
    return found | {
        "otce_sim": -column(rows, "task_difference"),
        "w_d": -column(rows, "domain_difference"),
        "h_score_share": found["h_score_shrinkage"] / (classes - 1),
        "classes": -classes,
        "majority": column(facts, "majority"),
    }

"""``transferscore rank``: features of many models, labels of one task, best model first."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._scores import REGISTRY, Score
from transferscore.cli import _formats
from transferscore.cli._output import CommandError, Exit, Outcome, Talk
from transferscore.cli._report import FailedModel, RankReport, ScoredModel
from transferscore.cli._scoring import compute, one_line
from transferscore.io import (
    FeatureFile,
    FileError,
    is_one_file,
    list_feature_files,
    load_features,
    load_labels,
    printable,
)


def run(args: argparse.Namespace) -> Outcome:
    """Score all files; what fails is said and left out."""
    write = _formats.rank_writer(args.form)
    labels, n_classes = _load_labels(args.labels)
    files = list_feature_files(args.files, labels=args.labels)
    if not files:
        raise CommandError("no feature files given, only the labels file")
    scores = [REGISTRY[name] for name in args.scores]
    scored, failed = _score_all(files, labels, scores, args)
    report = RankReport(
        labels_path=Path(args.labels),
        n=len(labels),
        n_classes=n_classes,
        scores=scores,
        sort_by=REGISTRY[args.sort_by],
        ranking=ranked(scored, REGISTRY[args.sort_by]),
        failed=failed,
    )
    return Outcome(write(report), code_of(report))


def _load_labels(path: str) -> tuple[NDArray[Any], int]:
    """Return the labels and the number of classes; fit for no score means fit for no file."""
    try:
        labels = load_labels(path)
    except (FileError, ModuleNotFoundError) as error:
        raise CommandError(str(error)) from error
    n_classes = len(np.unique(labels))
    if n_classes < 2:
        raise CommandError(f"'{printable(path)}' must hold at least two classes, holds one")
    return labels, n_classes


def _score_all(
    files: Sequence[FeatureFile],
    labels: NDArray[Any],
    scores: Sequence[Score],
    args: argparse.Namespace,
) -> tuple[list[ScoredModel], list[FailedModel]]:
    scored, failed = [], []
    with Talk(len(files), quiet=args.quiet) as talk:
        for file in files:
            talk.working_on(printable(file.name))
            try:
                model = _score_file(file, labels, scores, args.threads)
            except FileError as error:
                failed.append(FailedModel(file, str(error)))
                talk.error(str(error))
            else:
                scored.append(model)
                for text in model.warnings:
                    talk.warning(f"'{printable(file.path)}': {text}")
            talk.done()
    return scored, failed


def _score_file(
    file: FeatureFile, labels: NDArray[Any], scores: Sequence[Score], n_threads: int | None
) -> ScoredModel:
    name = f"'{printable(file.path)}'"
    if not is_one_file(file.path):
        raise FileError(f"{name} must be a file or a folder with files of features, holds none")
    try:
        features = load_features(file.path)
    except ModuleNotFoundError as error:  # the other files may need nothing more
        raise FileError(f"{name}: {error}") from error
    n, d = features.shape
    if n != len(labels):
        raise FileError(f"{name} must have {len(labels):,} rows, one per label, has {n:,}")
    try:
        result = compute(features, labels, scores, n_threads)
    except (ValueError, TypeError, MemoryError) as error:
        reason = one_line(error) or type(error).__name__
        raise FileError(f"{name}: {reason}") from error
    return ScoredModel(file, n, d, result.values, result.warnings)


def ranked(models: Sequence[ScoredModel], by: Score) -> list[tuple[int, ScoredModel]]:
    """Sort best first. Equal scores share the best rank and keep the order they were given in."""
    sign = -1.0 if by.higher_is_better else 1.0
    keys = [sign * model.scores[by.name] for model in models]
    best_first = sorted(range(len(keys)), key=keys.__getitem__)
    ordered = sorted(keys)
    return [(1 + ordered.index(keys[i]), models[i]) for i in best_first]


def code_of(report: RankReport) -> Exit:
    """Whether all, some or no files were scored."""
    if not report.ranking:
        return Exit.NO_RESULT
    return Exit.SOME_FAILED if report.failed else Exit.OK

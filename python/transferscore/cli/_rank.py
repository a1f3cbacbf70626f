"""``transferscore rank``: features of many models, labels of tasks, best model first."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferscore._scores import REGISTRY, Score
from transferscore.cli import _formats
from transferscore.cli._output import CommandError, Exit, Outcome, Talk
from transferscore.cli._report import FailedModel, RankReport, ScoredModel
from transferscore.cli._scoring import Scores, compute, one_line
from transferscore.io import (
    FeatureFile,
    FileError,
    is_one_file,
    list_feature_files,
    load_features,
    load_labels,
    printable,
)

if TYPE_CHECKING:
    from transferscore.cli._estimate import DryRun
    from transferscore.cli._kept import Kept
    from transferscore.ranking import Ranking
    from transferscore.ranking._log import Log


@dataclass(frozen=True)
class Target:
    """The labels of one task."""

    name: str
    path: Path
    labels: NDArray[Any]
    n_classes: int


def run(args: argparse.Namespace) -> Outcome:
    """Score all files for every task; what fails is said and left out."""
    _refuse_what_does_not_fit(args)
    if args.bootstrap is not None or args.dry_run:
        from transferscore.cli._print import printer

        write_result = printer(args.form)
    else:
        write = _formats.ranks_writer(args.form)
    targets = _targets(args.labels)
    files = _files(args)
    with Talk(len(files) * len(targets), quiet=args.quiet) as talk:
        if args.dry_run:
            estimated = _estimated(files, targets[0], args, talk)
            return Outcome(write_result(estimated), _code(estimated.estimates, estimated.errors))
        if args.bootstrap is not None:
            ranking = _resampled(files, targets[0], args, talk)
            return Outcome(write_result(ranking), _code(ranking.names, ranking.errors))
        reports = _reports(files, targets, args, talk)
    return Outcome(write(reports), max(code_of(report) for report in reports))


def _refuse_what_does_not_fit(args: argparse.Namespace) -> None:
    if args.bootstrap is not None and args.dry_run:
        raise CommandError("--bootstrap and --dry-run are two different questions")
    for option in ("bootstrap", "dry_run"):
        if getattr(args, option) and len(args.labels) > 1:
            raise CommandError(f"--{option.replace('_', '-')} is for one task; name one --labels")
    if args.bootstrap is not None and args.resume:
        raise CommandError("--resume keeps scores, not resamples; leave out --bootstrap")


def _targets(paths: Sequence[str]) -> list[Target]:
    named = [file.name for file in list_feature_files(paths)]
    return [_target(name, path) for name, path in zip(named, dict.fromkeys(paths), strict=True)]


def _target(name: str, path: str) -> Target:
    """The labels and the number of classes; fit for no score means fit for no file."""
    try:
        labels = load_labels(path)
    except (FileError, ModuleNotFoundError) as error:
        raise CommandError(str(error)) from error
    n_classes = len(np.unique(labels))
    if n_classes < 2:
        raise CommandError(f"'{printable(path)}' must hold at least two classes, holds one")
    return Target(name, Path(path), labels, n_classes)


def _files(args: argparse.Namespace) -> list[FeatureFile]:
    """The files of features, without those that hold only labels."""
    paths: list[Any] = list(args.files)
    for labels in args.labels:
        paths = [file.path for file in list_feature_files(paths, labels=labels)]
    if not paths:
        raise CommandError("no feature files given, only the labels file")
    return list_feature_files(paths)


def _reports(
    files: Sequence[FeatureFile], targets: Sequence[Target], args: argparse.Namespace, talk: Talk
) -> list[RankReport]:
    from transferscore.ranking._log import Log

    try:
        with Log(args.resume) if args.resume else nullcontext() as log:
            return [_report(files, target, args, talk, log) for target in targets]
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise CommandError(f"'{printable(args.resume)}' cannot be written: {reason}") from error
    except ValueError as error:  # it is no log
        raise CommandError(one_line(error)) from error


def _report(
    files: Sequence[FeatureFile],
    target: Target,
    args: argparse.Namespace,
    talk: Talk,
    log: Log | None,
) -> RankReport:
    scores = [REGISTRY[name] for name in args.scores]
    scored, failed = [], []
    for file in files:
        talk.working_on(printable(file.name))
        try:
            model = _score_file(file, target, scores, args.threads, log)
        except FileError as error:
            failed.append(FailedModel(file, str(error)))
            talk.error(str(error))
        else:
            scored.append(model)
            for text in model.warnings:
                talk.warning(f"'{printable(file.path)}': {text}")
        talk.done()
    return RankReport(
        labels_path=target.path,
        n=len(target.labels),
        n_classes=target.n_classes,
        scores=scores,
        sort_by=REGISTRY[args.sort_by],
        ranking=ranked(scored, REGISTRY[args.sort_by]),
        failed=failed,
    )


def _score_file(
    file: FeatureFile,
    target: Target,
    scores: Sequence[Score],
    n_threads: int | None,
    log: Log | None,
) -> ScoredModel:
    features = _features(file, len(target.labels))
    try:
        kept = (
            None if log is None else _kept(log, (file.name, target.name), features, target.labels)
        )
        result = _scores(features, target.labels, scores, n_threads, kept)
    except (ValueError, TypeError, MemoryError) as error:
        reason = one_line(error) or type(error).__name__
        raise FileError(f"'{printable(file.path)}': {reason}") from error
    n, d = features.shape
    return ScoredModel(file, n, d, result.values, result.warnings)


def _kept(log: Log, names: tuple[str, str], features: NDArray[Any], labels: NDArray[Any]) -> Kept:
    from transferscore.cli._kept import Kept

    return Kept(log, names, {"features": features, "labels": labels})


def _scores(
    features: NDArray[Any],
    labels: NDArray[Any],
    scores: Sequence[Score],
    n_threads: int | None,
    kept: Kept | None,
) -> Scores:
    """The scores; only those that are not kept are computed, and then kept."""
    if kept is None:
        return compute(features, labels, scores, n_threads)
    known = kept.known(scores)
    missing = [score for score in scores if score.name not in known]
    new = compute(features, labels, missing, n_threads)
    kept.add(missing, new.values)
    values = known | new.values
    return Scores({score.name: values[score.name] for score in scores}, new.warnings)


def _features(file: FeatureFile, n: int) -> NDArray[Any]:
    name = f"'{printable(file.path)}'"
    if not is_one_file(file.path):
        raise FileError(f"{name} must be a file or a folder with files of features, holds none")
    try:
        features = load_features(file.path)
    except ModuleNotFoundError as error:  # the other files may need nothing more
        raise FileError(f"{name}: {error}") from error
    if len(features) != n:
        raise FileError(f"{name} must have {n:,} rows, one per label, has {len(features):,}")
    return features


def _resampled(
    files: Sequence[FeatureFile], target: Target, args: argparse.Namespace, talk: Talk
) -> Ranking:
    """The ranking with intervals."""
    from transferscore.ranking import rank

    talk.working_on("resampling")
    try:
        ranking = rank(
            {file.name: file.path for file in files},
            target.labels,
            scores=args.scores,
            sort_by=args.sort_by,
            n_resamples=args.bootstrap,
            random_state=args.seed,
            n_threads=args.threads,
        )
    except (ValueError, TypeError, MemoryError) as error:
        reason = one_line(error) or type(error).__name__
        raise CommandError(reason, Exit.NO_RESULT) from error
    for name, reason in ranking.errors.items():
        talk.error(f"'{printable(name)}': {reason}")
    for name, texts in ranking.warnings.items():
        for text in texts:
            talk.warning(f"'{printable(name)}': {text}")
    return ranking


def _estimated(
    files: Sequence[FeatureFile], target: Target, args: argparse.Namespace, talk: Talk
) -> DryRun:
    """What a run would cost."""
    from transferscore.cli._estimate import DryRun, estimate

    scores = [REGISTRY[name] for name in args.scores]
    estimates, errors = [], {}
    for file in files:
        talk.working_on(printable(file.name))
        try:
            features = _features(file, len(target.labels))
            estimates.append(estimate(file.name, features, target.labels, scores, args.threads))
        except (ValueError, TypeError, MemoryError) as error:
            reason = one_line(error) or type(error).__name__
            is_told = isinstance(error, FileError)
            errors[file.name] = reason if is_told else f"'{printable(file.path)}': {reason}"
            talk.error(errors[file.name])
        talk.done()
    return DryRun(estimates, errors)


def ranked(models: Sequence[ScoredModel], by: Score) -> list[tuple[int, ScoredModel]]:
    """Sort best first. Equal scores share the best rank and keep the order they were given in."""
    sign = -1.0 if by.higher_is_better else 1.0
    keys = [sign * model.scores[by.name] for model in models]
    best_first = sorted(range(len(keys)), key=keys.__getitem__)
    ordered = sorted(keys)
    return [(1 + ordered.index(keys[i]), models[i]) for i in best_first]


def code_of(report: RankReport) -> Exit:
    """Whether all, some or no files were scored."""
    return _code(report.ranking, report.failed)


def _code(done: Sequence[Any], failed: Any) -> Exit:
    if not done:
        return Exit.NO_RESULT
    return Exit.SOME_FAILED if failed else Exit.OK

"""``transferscore pixels``: feature maps of many models and label maps of a task, best first."""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._scores import REGISTRY
from transferscore.cli import _formats
from transferscore.cli._output import CommandError, Exit, Outcome, Talk
from transferscore.cli._rank import code_of, ranked
from transferscore.cli._report import FailedModel, RankReport, ScoredModel
from transferscore.cli._scoring import one_line
from transferscore.io import FeatureFile, FileError, display_names, printable
from transferscore.pixels import PixelSample, ScoreMap, sample_pixels, score_map, score_pixels
from transferscore.pixels.gather import LINEAR
from transferscore.pixels.io import Arrays, load_feature_maps, load_label_maps


def run(args: argparse.Namespace) -> Outcome:
    """Score all models on the same pixels; what fails is said and left out."""
    write = _formats.rank_writer(args.form)
    if args.save_map and args.volumes:
        raise CommandError("--save-map is for images, not for --volumes")
    labels = _label_maps(args.labels, _ndim(args))
    with Talk(len(args.files), quiet=args.quiet) as talk:
        task = _Task(args, labels, _sample(labels, args, talk))
        task.score_all(talk)
    task.save()
    report = task.report()
    return Outcome(write(report), code_of(report))


def _ndim(args: argparse.Namespace) -> int:
    return 3 if args.volumes else 2


def _label_maps(path: str, ndim: int) -> Arrays:
    try:
        return load_label_maps(path, ndim=ndim)
    except (FileError, ModuleNotFoundError) as error:
        raise CommandError(str(error)) from error


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """How pixels are drawn, as the functions of the package have it."""
    return {
        "where": args.where.replace("-", " "),
        "radius": args.radius,
        "ignore_index": args.ignore,
        "random_state": args.seed,
        "n_threads": args.threads,
    }


def _sample(labels: Arrays, args: argparse.Namespace, talk: Talk) -> PixelSample:
    """A draw; where there are no pixels for it there are none for any model."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            sample = sample_pixels(labels, args.pixels, ndim=_ndim(args), **_options(args))
        except (ValueError, TypeError) as error:
            raise CommandError(f"'{printable(args.labels)}': {one_line(error)}") from error
    if len(sample.classes) < 2:
        raise CommandError(f"'{printable(args.labels)}' must hold at least two classes, holds one")
    for entry in caught:
        talk.warning(f"'{printable(args.labels)}': {one_line(entry.message)}")
    return sample


@dataclass
class _Task:
    """Label maps and the pixels drawn from them, and what models gave so far."""

    args: argparse.Namespace
    labels: Arrays
    sample: PixelSample
    scored: list[ScoredModel] = field(default_factory=list)
    failed: list[FailedModel] = field(default_factory=list)
    draws: tuple[PixelSample, ...] = ()
    maps: dict[str, ScoreMap] = field(default_factory=dict)

    def score_all(self, talk: Talk) -> None:
        """Score every model."""
        paths = [Path(path) for path in dict.fromkeys(self.args.files)]
        for name, path in zip(display_names(paths), paths, strict=True):
            file = FeatureFile(name, path)
            talk.working_on(printable(name))
            try:
                model = self._score(file)
            except (ValueError, TypeError, MemoryError) as error:
                reason = one_line(error) or type(error).__name__
                text = reason if isinstance(error, FileError) else f"'{printable(path)}': {reason}"
                self.failed.append(FailedModel(file, text))
                talk.error(text)
            else:
                self.scored.append(model)
                for text in model.warnings:
                    talk.warning(f"'{printable(path)}': {text}")
            talk.done()

    def _score(self, file: FeatureFile) -> ScoredModel:
        args, n = self.args, len(self.sample)
        features = load_feature_maps(file.path, ndim=_ndim(args))
        options = {
            **_options(args),
            "n_pixels": n,
            "layout": "channels_last" if args.channels_last else "channels_first",
            "interpolation": LINEAR[_ndim(args)] if args.interpolate else "nearest",
        }
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = score_pixels(
                features,
                self.labels,
                scores=args.scores,
                repeats=args.repeats,
                ndim=_ndim(args),
                **options,
            )
            if args.save_map:
                self.maps[file.name] = score_map(
                    features, self.labels, score=args.sort_by, patch=args.patch, **options
                )
        texts = tuple(dict.fromkeys(one_line(entry.message) for entry in caught))
        for name in args.scores:
            if not math.isfinite(result.values.get(name, math.nan)):
                raise ValueError(f"{REGISTRY[name].title} must be finite; {'; '.join(texts)}")
        self.draws = result.pixels
        channels = features[0].shape[-1 if args.channels_last else 0]
        spread = dict(result.spread) if len(result.pixels) > 1 else {}
        return ScoredModel(file, n, channels, dict(result.values), texts, spread)

    def report(self) -> RankReport:
        """The ranking, and how pixels were drawn."""
        args, sample = self.args, self.sample
        radius = 1.0 if args.radius is None else args.radius
        return RankReport(
            labels_path=Path(args.labels),
            n=len(sample),
            n_classes=len(sample.classes),
            scores=[REGISTRY[name] for name in args.scores],
            sort_by=REGISTRY[args.sort_by],
            ranking=ranked(self.scored, REGISTRY[args.sort_by]),
            failed=self.failed,
            command="pixels",
            sampling={
                "where": sample.where,
                "radius": radius if "boundary" in sample.where else None,
                "ignore": args.ignore or [],
                "seed": args.seed,
                "repeats": args.repeats,
                "n_images": sample.n_images,
                "n_available": sample.n_available,
            },
        )

    def save(self) -> None:
        """Write what was asked for beside the scores, where anything was scored."""
        if self.args.save_pixels and self.draws:
            _write(self.args.save_pixels, _arrays_of_pixels(self.draws))
        if self.args.save_map and self.maps:
            _write(self.args.save_map, _arrays_of_maps(self.maps, self.args.sort_by))


def _arrays_of_pixels(draws: Sequence[PixelSample]) -> dict[str, NDArray[Any]]:
    first = draws[0]
    columns = {
        name: np.concatenate([getattr(sample, name) for sample in draws])
        for name in ("image", "coordinates", "labels")
    }
    draw = np.repeat(np.arange(len(draws)), [len(sample) for sample in draws])
    return {
        "draw": draw,
        **columns,
        "classes": first.classes,
        "class_counts": first.class_counts,
        "shapes": first.shapes,
    }


def _arrays_of_maps(maps: dict[str, ScoreMap], score: str) -> dict[str, NDArray[Any]]:
    first = next(iter(maps.values()))
    return {
        "models": np.array(list(maps)),
        "values": np.stack([of_model.values for of_model in maps.values()]),
        "n_pixels": first.n_pixels,
        "n_classes": first.n_classes,
        "rows": first.rows,
        "columns": first.columns,
        "patch": np.array(first.patch),
        "score": np.array(score),
    }


def _write(path: str, arrays: dict[str, NDArray[Any]]) -> None:
    try:
        with open(path, "wb") as file:  # as named: savez would add a suffix
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise CommandError(
            f"cannot write '{printable(path)}': {error.strerror}", Exit.NO_RESULT
        ) from error

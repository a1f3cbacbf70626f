"""Calls of every public function that takes arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import transferscore as ts
from fuzzing.arrays import (
    Generator,
    array,
    chance,
    labels,
    number,
    one_of,
    probabilities,
    size,
    weights,
)
from transferscore import ranking

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

SHRINKAGE = (None, None, "ledoit-wolf", 0.0, 0.3, 1.0)
IGNORED = (None, None, None, 0, 255, -1, (0, 1), "class 0", ())
EPSILON = (None, 1e-8, 1e-3, 0.1, 10.0, 1e6)
# Threads beyond one only ever run for more work than these inputs ask for.
THREADS = (None, 1, 1, 2)


class Draw:
    """What the arguments of one call are drawn from."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.n, self.m, self.d = size(rng), size(rng), size(rng, 24)
        self.k = size(rng, 5)

    def of(self, *usual: Any) -> Any:
        """An option."""
        return number(self.rng, usual)

    def options(self, **usual: tuple[Any, ...]) -> dict[str, Any]:
        """Some options by name, each with the values that it usually has."""
        return {
            name: number(self.rng, values)
            for name, values in usual.items()
            if chance(self.rng, 0.4)
        }

    def X(self, n: int | None = None, d: int | None = None) -> Any:
        return array(self.rng, self.n if n is None else n, self.d if d is None else d)

    def y(self, n: int | None = None) -> Any:
        return labels(self.rng, self.n if n is None else n)

    def vector(self, n: int) -> Any:
        return array(self.rng, n)

    def maps(self, h: int, w: int, n: int | None = None) -> Any:
        """Label maps, as one array or as a list."""
        n = size(self.rng, 4) if n is None else n
        many = [
            self.rng.integers(self.k + 1, size=(h, w)).astype(one_of(self.rng, ("u1", "i4", "i8")))
            for _ in range(n)
        ]
        if chance(self.rng, 0.1):
            many[0] = array(self.rng, h, w)
        return many if chance(self.rng, 0.3) else _stacked(many)

    def feature_maps(self, h: int, w: int, n: int) -> Any:
        many = [self.rng.normal(size=(self.k, h, w)).astype("f4") for _ in range(n)]
        if chance(self.rng, 0.15):
            many[-1] = array(self.rng, self.k, h, w)
        return many if chance(self.rng, 0.3) else _stacked(many)

    def images(self) -> Any:
        shape = (self.n, size(self.rng, 6), size(self.rng, 6), one_of(self.rng, (1, 3, 4)))
        if chance(self.rng, 0.2):
            return array(self.rng, *shape)
        kind = one_of(self.rng, ("u1", "i2", "u8", "f4", "f8"))
        return self.rng.integers(0, 100, size=shape).astype(kind)

    def scores(self) -> Any:
        """A score for each of m candidates."""
        return self.vector(self.m)

    def shares(self) -> Any:
        """A share for each of m candidates."""
        return self.rng.random(self.m) if chance(self.rng, 0.7) else self.scores()

    def score_rows(self) -> Any:
        """... of n tasks."""
        return array(self.rng, min(self.n, 6), self.m)


def _stacked(many: list[Any]) -> Any:
    try:
        return np.stack(many)
    except (TypeError, ValueError):
        return many


def _labelled(function: Callable[..., Any], **usual: tuple[Any, ...]) -> Callable[[Draw], Call]:
    usual = {"ignore_index": IGNORED, "n_threads": THREADS, **usual}
    return lambda draw: (function, (draw.X(), draw.y()), draw.options(**usual))


def _otce_sides(draw: Draw) -> dict[str, Any]:
    return {
        "source_features": draw.X(),
        "source_labels": draw.y(),
        "target_features": draw.X(draw.m),
        "target_labels": draw.y(draw.m),
    }


SOLVER = {
    "epsilon": EPSILON,
    "relative_epsilon": (None, None, 1e-6, 0.02, 1.0, 100.0),
    "tol": (1e-12, 1e-6, 1e-3, 0.1),
    "max_iter": (1, 7, 100, 1000),
    "memory_budget": (None, 0, 1, 2**20, 2**40),
    "n_threads": THREADS,
}


def _sinkhorn(draw: Draw) -> Call:
    arguments = draw.options(**SOLVER)
    if chance(draw.rng, 0.5):
        arguments |= {"source_points": draw.X(), "target_points": draw.X(draw.m)}
    else:
        arguments["cost"] = draw.X(draw.n, draw.m)
    arguments |= {
        "source_weights": weights(draw.rng, draw.n),
        "target_weights": weights(draw.rng, draw.m),
    }
    if chance(draw.rng, 0.1):
        arguments["initial"] = (draw.vector(draw.n), draw.vector(draw.m))
    return ts.sinkhorn, (), arguments


def _sinkhorn_and_plan(draw: Draw) -> Call:
    _, _, arguments = _sinkhorn(draw)

    def plans(**given: Any) -> Any:
        result = ts.sinkhorn(**given)
        return result, result.coupling(), result.round()

    return plans, (), arguments


def _exact_plan(draw: Draw) -> Call:
    _, _, arguments = _sinkhorn(draw)
    kept = ("source_points", "target_points", "cost", "source_weights", "target_weights")
    return ts.exact_plan, (), {name: arguments[name] for name in kept if name in arguments}


def _divergence(draw: Draw) -> Call:
    return ts.sinkhorn_divergence, (draw.X(), draw.X(draw.m)), draw.options(**SOLVER)


def _sinkhorn_many(draw: Draw) -> Call:
    problems = [_sinkhorn(Draw(draw.rng))[2] for _ in range(size(draw.rng, 3))]
    kept = ("source_points", "target_points", "cost", "source_weights", "target_weights")
    problems = [{name: p[name] for name in kept if name in p} for p in problems]
    return ts.sinkhorn_many, (problems,), draw.options(**SOLVER)


def _otce(draw: Draw) -> Call:
    options = draw.options(
        **SOLVER,
        method=("sinkhorn", "sinkhorn", "exact"),
        label_cost=(None, None, "gaussian", "text"),
        gamma=(0.0, 0.5, 1.0),
        ignore_index=IGNORED,
        n_pairs=(None, 1, 5, 1000),
        n_repeats=(1, 3),
        sampling=("uniform", "stratified"),
        random_state=(None, 0, 7),
    )
    return ts.otce, (), _otce_sides(draw) | options


def _otce_many(draw: Draw) -> Call:
    problems = [_otce_sides(Draw(draw.rng)) for _ in range(size(draw.rng, 3))]
    return ts.otce_many, (problems,), draw.options(**SOLVER, ignore_index=IGNORED)


def _otce_gradient(draw: Draw) -> Call:
    options = draw.options(
        **SOLVER, gamma=(0.0, 0.5, 1.0), coefficients=((0.0, 1.0), (1.0, 0.0), (0.5, -2.0))
    )
    return ts.otce_value_and_grad, (), _otce_sides(draw) | options


def _statistics(draw: Draw) -> Call:
    parts = [(draw.X(), draw.y()) for _ in range(size(draw.rng, 3))]

    def summed(parts: Any) -> Any:
        whole = ts.FeatureStatistics()
        for X, y in parts:
            whole.merge(ts.FeatureStatistics().partial_fit(X, y))
        return [
            whole.h_score(),
            whole.h_score(shrinkage="ledoit-wolf"),
            whole.logme(),
            whole.linear_mse(),
            whole.lfc(),
            whole.covariance,
            whole.effective_rank(),
        ]

    return summed, (parts,), {}


def _predictions(draw: Draw) -> Call:
    rows, y = probabilities(draw.rng, draw.n, draw.k), draw.y()
    transform = draw.of(None, "softmax", "normalise")

    def summed(rows: Any, y: Any, transform: Any) -> Any:
        first = ts.PredictionStatistics(transform=transform).partial_fit(rows, y)
        return first.joint, first.second_pass().partial_fit(rows, y).leep()

    return summed, (rows, y, transform), {}


def _label_statistics(draw: Draw) -> Call:
    def summed(a: Any, b: Any) -> Any:
        whole = ts.LabelStatistics().partial_fit(source_labels=a, target_labels=b)
        return whole.table, whole.nce()

    return summed, (draw.y(), draw.y()), {}


def _calibration(draw: Draw) -> Call:
    def fitted(*columns: Any) -> Any:
        calibration = ts.OTCECalibration().fit(*columns)
        return calibration.predict(columns[0], columns[1])

    return fitted, tuple(draw.vector(draw.n) for _ in range(3)), {}


def _gather(draw: Draw) -> Call:
    h, w = size(draw.rng, 8), size(draw.rng, 8)
    n = size(draw.rng, 3)
    maps = [draw.rng.integers(3, size=(h, w)) for _ in range(n)]
    features = draw.feature_maps(size(draw.rng, 8), size(draw.rng, 8), n)

    def gathered(features: Any, maps: Any, **options: Any) -> Any:
        pixels = ts.sample_pixels(maps, 20, where="uniform", random_state=0)
        return ts.gather_pixel_features(features, pixels, **options)

    options = draw.options(
        layout=("channels_first", "channels_last"), interpolation=("nearest", "bilinear")
    )
    return gathered, (features, maps), options


PIXELS = {
    "n_pixels": (1, 10, 50),
    "where": ("uniform", "balanced", "boundary"),
    "radius": (None, None, None, 1),
    "connectivity": (None, None, None, 1),
    "interpolation": ("nearest", "bilinear"),
    "ignore_index": (None, 0, 255),
    "random_state": (None, 0),
    "n_threads": THREADS,
}


def _segmentation(draw: Draw) -> Call:
    sides = {}
    for side in ("source", "target"):
        h, w, n = size(draw.rng, 8), size(draw.rng, 8), size(draw.rng, 3)
        sides[f"{side}_features"] = draw.feature_maps(h, w, n)
        sides[f"{side}_label_maps"] = draw.maps(h, w, n)
    options = draw.options(**PIXELS, repeats=(1, 2)) | {"n_pixels": draw.of(5, 20)}
    return ts.segmentation_otce, (), sides | options


def _pixel_scores(function: Callable[..., Any], **usual: tuple[Any, ...]) -> Callable[[Draw], Call]:
    def drawn(draw: Draw) -> Call:
        h, w, n = size(draw.rng, 10), size(draw.rng, 10), size(draw.rng, 3)
        arguments = draw.feature_maps(h, w, n), draw.maps(h, w, n)
        return function, arguments, draw.options(**PIXELS, **usual)

    return drawn


def _boundaries(draw: Draw) -> Call:
    usual = {"radius": (1, 2, 5), "connectivity": (1, 2, 3), "ndim": (2, 2, 3)}
    maps = draw.maps(size(draw.rng, 9), size(draw.rng, 9))
    return ts.label_boundaries, (maps,), draw.options(ignore_index=(None, 0, (0, 2)), **usual)


def _sample(draw: Draw) -> Call:
    usual = {name: PIXELS[name] for name in ("where", "radius", "connectivity", "ignore_index")}
    options = draw.options(**usual, per_image=(None, "equal", "any"), random_state=(None, 0))
    return ts.sample_pixels, (draw.maps(size(draw.rng), size(draw.rng)), draw.of(1, 9)), options


def _relations(draw: Draw) -> Call:
    shape = size(draw.rng, 12), size(draw.rng, 12)
    maps = [draw.maps(*shape, n=1)[0] for _ in range(2)]
    usual = {"spacing": (1.0, (1.0, 2.0)), "ignore_index": (None, 0), "background": (0, 1, None)}
    return ts.region_relations, tuple(maps), draw.options(**usual)


def _quantise(draw: Draw) -> Call:
    usual = {"n_colours": (1, 2, 16), "superpixel": (1, 2), "random_state": (None, 0)}
    return ts.quantise_pixels, (draw.images(),), draw.options(**usual) | {"layout": "hwc"}


def _pixel_h_score(draw: Draw) -> Call:
    usual = {"n_colours": (1, 2, 16), "superpixel": (1, 2), "random_state": (None, 0)}
    options = draw.options(**usual, shrinkage=SHRINKAGE, adjust_for_chance=(True, False))
    options |= {"layout": draw.of("hwc")}
    return ts.pixel_h_score, (draw.X(), draw.images()), options


def _higher_order(draw: Draw) -> Call:
    sources = {name: draw.X() for name in "abc"[: size(draw.rng, 3)]}
    options = draw.options(order=(1, 2, 3), n_colours=(2, 4), shrinkage=SHRINKAGE)
    options["layout"] = draw.of("hwc")
    return ts.higher_order_h_score, (sources, draw.images()), options


def _named(draw: Draw, **options: tuple[Any, ...]) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    candidates = {f"model {i}": draw.X() for i in range(size(draw.rng, 3))}
    return candidates, draw.y(), draw.options(**options)


def _rank(draw: Draw) -> Call:
    usual = {
        "scores": (("h_score",), ("logme", "lfc"), "all", ("knn",)),
        "method": ("bootstrap", "jackknife"),
        "n_resamples": (20, 30),
        "n_groups": (2, 5, 32),
        "confidence": (0.5, 0.95),
        "baselines": (True, False),
        "ignore_index": IGNORED,
    }
    candidates, y, options = _named(draw, **usual)
    return ts.rank, (candidates, y), options


def _select_set(draw: Draw) -> Call:
    candidates, y, options = _named(draw, k=(None, 1, 2), shrinkage=SHRINKAGE, min_gain=(0.0, 0.1))
    return ts.select_set, (candidates, y), options


def _select_layers(draw: Draw) -> Call:
    layers, y, options = _named(draw, score=(None, "h_score", "lfc"))
    return ts.select_layers, (layers, y), options


def _fuse(draw: Draw) -> Call:
    features, _, options = _named(draw, how=("sum", "concatenate"), temperature=(0.1, 1.0))
    several = one_of(draw.rng, ("uniform", draw.vector(len(features)), "score"))
    return ts.fuse, (features, several), options | {"scores": draw.vector(len(features))}


def _score_matrix(draw: Draw) -> Call:
    sources = {f"s{i}": draw.X() for i in range(2)}
    targets = {f"t{i}": draw.y() for i in range(2)}
    return ts.score_matrix, (sources, targets), draw.options(score=("h_score", "lfc", "logme"))


def _probe(draw: Draw) -> Call:
    sides = draw.X(), draw.y(), draw.X(draw.m), draw.y(draw.m)
    usual = {"method": ("ridge", "logistic"), "penalty": (None, 1e-3, 1.0, 1e6)}
    return ts.linear_probe, sides, draw.options(**usual, tol=(1e-5, 0.1), max_iter=(1, 50))


def _of_scores(function: Callable[..., Any], **usual: tuple[Any, ...]) -> Callable[[Draw], Call]:
    return lambda draw: (function, (draw.scores(), draw.scores()), draw.options(**usual))


def _evaluated(draw: Draw) -> Call:
    usual = {"n_resamples": (0, 20), "confidence": (0.5, 0.95), "missing": ("raise", "drop")}
    if chance(draw.rng, 0.5):
        given = draw.scores(), draw.scores()
    else:
        given = draw.score_rows(), draw.score_rows()
    return ranking.evaluate_scores, given, draw.options(**usual)


def _compared(draw: Draw) -> Call:
    given = draw.scores(), draw.scores(), draw.scores()
    usual = {"n_resamples": (20,), "measures": ("spearman", ("kendall", "pearson"), "text")}
    return ranking.compare_scores, given, draw.options(**usual)


def _evaluate_filter(draw: Draw) -> Call:
    kept = draw.rng.random(draw.m) < 0.6
    given = draw.scores(), draw.scores(), kept if chance(draw.rng, 0.8) else draw.scores()
    return ts.evaluate_filter, given, draw.options(k=(1, (1, 2)), n_random=(1, 20))


def _footrule(draw: Draw) -> Call:
    usual = {"k": (None, 1, 2, (1, 2)), "top": ("scores", "measured"), "pool": ("all", "kept")}
    kept = {"kept": draw.rng.random(draw.m) < 0.6} if chance(draw.rng, 0.3) else {}
    return ts.footrule, (draw.scores(), draw.scores()), draw.options(**usual) | kept


def _task_distances(draw: Draw) -> Call:
    usual = {
        "of": ("targets", "sources"),
        "metric": ("spearman", "pearson", "euclidean", "affinity"),
        "with_itself": (True, False),
        "higher_is_better": (None, True, False),
    }
    given = draw.X(draw.k + 2, draw.k + 2) if chance(draw.rng, 0.7) else draw.X()
    return ts.task_distances, (given,), draw.options(**usual)


def _task_tree(draw: Draw) -> Call:
    points = draw.rng.normal(size=(draw.n, 2))
    apart = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
    given = apart if chance(draw.rng, 0.6) else draw.X(draw.k, draw.k)
    return ts.task_tree, (given,), draw.options(method=("average", "single", "ward", "complete"))


def _tournament(draw: Draw) -> Call:
    wins = draw.rng.integers(0, 9, size=(draw.n, draw.d)).astype(float)
    return ts.tournament_scores, (wins if chance(draw.rng, 0.4) else draw.X(),), {}


def _coefficients(draw: Draw) -> Call:
    kinds = {"kind": ("gaussian", "means", "text")}
    return ts.label_distances, tuple(_otce_sides(draw).values()), draw.options(**kinds)


def _joint(draw: Draw) -> Call:
    plan = draw.rng.random((draw.n, draw.m))
    given = plan / plan.sum() if chance(draw.rng, 0.6) else draw.X(draw.n, draw.m)
    return ts.joint_label_distribution, (given, draw.y(), draw.y(draw.m)), {}


def _entropy(draw: Draw) -> Call:
    table = draw.rng.random((draw.k, draw.d))
    return ts.conditional_entropy, (table / table.sum() if chance(draw.rng, 0.5) else draw.X(),), {}


CALLS: dict[str, Callable[[Draw], Call]] = {
    "h_score": _labelled(
        ts.h_score, shrinkage=SHRINKAGE, adjust_for_chance=(True, False), full_output=(True, False)
    ),
    "h_score_value_and_grad": _labelled(ts.h_score_value_and_grad, shrinkage=SHRINKAGE),
    "logme": _labelled(
        ts.logme,
        regression=(False, True),
        convention=("exact", "paper", "text"),
        full_output=(True, False),
    ),
    "linear_mse": _labelled(ts.linear_mse, regression=(False, True), ridge=(1.0, 1e-8, 1e8)),
    "transrate": _labelled(ts.transrate, epsilon=(1e-4, 1.0), weighting=("size", "uniform")),
    "lfc": _labelled(ts.lfc),
    "sfda": _labelled(ts.sfda),
    "knn": _labelled(
        ts.knn,
        k=(1, 3, 5),
        metric=("euclidean", "cosine"),
        regression=(False, True),
        full_output=(True, False),
    ),
    "parc": _labelled(ts.parc, memory_budget=(None, 0, 2**20)),
    "gbc": _labelled(ts.gbc, covariance=("diagonal", "spherical"), pca=(None, 1, 64)),
    "nleep": _labelled(
        ts.nleep,
        n_components=(None, 1, 3),
        covariance=("full", "diagonal", "spherical"),
        pca=(None, 0.8, 2),
        log=(True, False),
        reg_covar=(1e-6, 1e-3),
        max_iter=(1, 20),
    ),
    "score_all": _labelled(ts.score_all, scores=(None, ("h_score", "knn"), "logme")),
    "coding_rate": lambda draw: (
        ts.coding_rate,
        (draw.X(),),
        draw.options(epsilon=(1e-4, 1.0), centred=(True, False), n_threads=THREADS),
    ),
    "effective_rank": lambda draw: (
        ts.effective_rank,
        (draw.X(),),
        draw.options(centred=(True, False), n_threads=THREADS),
    ),
    "soft_hgr": lambda draw: (ts.soft_hgr_value_and_grad, (draw.X(), draw.X()), {}),
    "task_transferability": lambda draw: (
        ts.task_transferability,
        (draw.X(), draw.y()),
        draw.options(shrinkage=SHRINKAGE)
        | {"optimal": one_of(draw.rng, (draw.X(), {"a": draw.X()}, 1.0))},
    ),
    "leep": lambda draw: (
        ts.leep,
        (probabilities(draw.rng, draw.n, draw.k), draw.y()),
        draw.options(transform=(None, "softmax", "normalise"), ignore_index=IGNORED),
    ),
    "nce": lambda draw: (
        ts.nce,
        (),
        {"source_labels": draw.y(), "target_labels": draw.y()}
        | draw.options(ignore_index=IGNORED, n_threads=THREADS),
    ),
    "maximal_h_score": lambda draw: (
        ts.maximal_h_score,
        (draw.y(), draw.y()),
        draw.options(
            n_features=(None, 1, 2),
            method=("ace", "svd"),
            max_iter=(1, 50),
            ignore_index=IGNORED,
            full_output=(True, False),
        ),
    ),
    "hgr_correlation": lambda draw: (
        ts.hgr_correlation,
        (draw.y(), draw.y()),
        draw.options(method=("ace", "svd"), tol=(1e-10, 0.1), max_iter=(1, 50)),
    ),
    "sinkhorn": _sinkhorn,
    "sinkhorn_plans": _sinkhorn_and_plan,
    "sinkhorn_many": _sinkhorn_many,
    "sinkhorn_divergence": _divergence,
    "exact_plan": _exact_plan,
    "otce": _otce,
    "otce_many": _otce_many,
    "otce_value_and_grad": _otce_gradient,
    "label_distances": _coefficients,
    "joint_label_distribution": _joint,
    "conditional_entropy": _entropy,
    "FeatureStatistics": _statistics,
    "PredictionStatistics": _predictions,
    "LabelStatistics": _label_statistics,
    "OTCECalibration": _calibration,
    "sample_pixels": _sample,
    "gather_pixel_features": _gather,
    "label_boundaries": _boundaries,
    "region_relations": _relations,
    "quantise_pixels": _quantise,
    "pixel_h_score": _pixel_h_score,
    "higher_order_h_score": _higher_order,
    "segmentation_otce": _segmentation,
    "score_pixels": _pixel_scores(ts.score_pixels, repeats=(1, 2)),
    "score_map": _pixel_scores(ts.score_map, patch=(1, 2, 32), stride=(None, 1)),
    "rank": _rank,
    "select_set": _select_set,
    "select_layers": _select_layers,
    "fuse": _fuse,
    "fusion_weights": lambda draw: (
        ts.fusion_weights,
        (draw.scores(),),
        draw.options(temperature=(0.1, 1.0, 1e-300)),
    ),
    "score_matrix": _score_matrix,
    "linear_probe": _probe,
    "evaluate_scores": _evaluated,
    "compare_scores": _compared,
    "evaluate_filter": _evaluate_filter,
    "footrule": _footrule,
    "task_distances": _task_distances,
    "task_tree": _task_tree,
    "tournament_scores": _tournament,
    "pearson": _of_scores(ranking.pearson),
    "spearman": _of_scores(ranking.spearman),
    "kendall": _of_scores(ranking.kendall),
    "weighted_kendall": _of_scores(ranking.weighted_kendall),
    "ndcg": _of_scores(ranking.ndcg, k=(None, 1, 3), gain=("linear", "exponential")),
    "regret": _of_scores(ranking.regret, k=(1, 2)),
    "rel_at_k": _of_scores(ranking.rel_at_k, k=(1, 2)),
    "top_k_accuracy": lambda draw: (
        ranking.top_k_accuracy,
        (draw.score_rows(), draw.score_rows()),
        {"k": draw.of(1, 2)},
    ),
    "selection_accuracy": lambda draw: (
        ranking.selection_accuracy,
        (draw.score_rows(), draw.score_rows()),
        {},
    ),
    "relative_accuracy": lambda draw: (
        ranking.relative_accuracy,
        (draw.shares(), draw.shares()),
        draw.options(scale=("gain", "share")),
    ),
}


def call_of(name: str, rng: Generator) -> Call:
    """A call of this name: the function, its arguments and its options."""
    return CALLS[name](Draw(rng))

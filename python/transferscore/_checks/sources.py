"""Segmentation tasks, rules that filter them, and what ranks them."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._checks.numbers import choice, finite_result

DROP, ORDER, OFF = RULES = ("drop", "order", "off")


def task_word(value: object, name: str) -> str:
    """Text that names something."""
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"`{name}` must be text that is not empty, got {value!r}")
    return value


def filter_rule(value: object, name: str) -> str:
    """What a rule may do: drop candidates, order them, or nothing."""
    if isinstance(value, bool):
        raise TypeError(f"`{name}` must be 'drop' or 'order' or 'off', got {value!r}")
    return choice(value, name, RULES)


def region_rule(value: object, relations: object, kind: type) -> str:
    """The rule of regions, which needs their relations."""
    word = filter_rule(value, "region")
    if relations is not None and not isinstance(relations, kind):
        raise TypeError(
            "`relations` must be what region_relations(...) returns, got "
            f"{type(relations).__name__}"
        )
    if word != OFF and relations is None:
        raise ValueError(
            f"`relations` must be given where `region` is {word!r}, got None; pass what "
            "region_relations(...) returns, or region='off'"
        )
    return word


def unknown_regions(target: Hashable, source: Hashable) -> ValueError:
    """The error where a rule needs a relation that nobody measured."""
    return ValueError(
        f"`relations` must hold the pair ({source!r}, {target!r}), regions of one tissue family; "
        "name them as in the tasks, or turn the rule off: region='off'"
    )


def segmentation_task(value: object, name: str, kind: type) -> None:
    """A segmentation task."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be a {kind.__name__}, got {type(value).__name__}")


def source_tasks(values: Iterable[Any], target: Any, kind: type) -> list[Any]:
    """Candidates with distinct names, without the target itself."""
    segmentation_task(target, "target", kind)
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise TypeError(
            f"`candidates` must be several of {kind.__name__}, got {type(values).__name__}"
        )
    found = list(values)
    for position, candidate in enumerate(found):
        segmentation_task(candidate, f"candidates[{position}]", kind)
    names = [candidate.name for candidate in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"`candidates` must have distinct names, got {name!r} twice")
    others = [candidate for candidate in found if candidate.name != target.name]
    if not others:
        raise ValueError("`candidates` must hold at least one task beside the target, got none")
    return others


def nothing_ranks() -> ValueError:
    """The error where neither a score nor rules order the candidates."""
    return ValueError("`score` must be given where there is no `filter`, got None for both")


def score_by_name(value: str, names: Iterable[str]) -> str:
    """The name of a score of features and labels, or OTCE."""
    known = ["otce", *names]
    if value not in known:
        raise ValueError(f"`score` must be one of {', '.join(known)}, got {value!r}")
    return value


def score_kind(value: object) -> TypeError:
    """The error where a score is none of the kinds."""
    return TypeError(
        "`score` must be the name of a score, a function of a source task, a mapping from names "
        f"of sources to numbers, or None, got {type(value).__name__}"
    )


def no_samples_of_source(score: str) -> ValueError:
    """The error where a score by name has no data."""
    return ValueError(
        f"`samples` must be given where `score` is a name, {score!r}, got None: a mapping from "
        "names of sources, or a function of a source task, to the arguments of otce"
    )


def entry_of_source(values: Mapping[str, Any], source: str, name: str) -> Any:
    """What a mapping holds for a source."""
    if source not in values:
        raise ValueError(f"`{name}` must hold every source that is ranked, lacks {source!r}")
    return values[source]


SAMPLES = ("source_features", "source_labels", "target_features", "target_labels")


def samples_of_source(value: object, source: str, needed: Iterable[str]) -> dict[str, Any]:
    """Features and labels of a pair of tasks by the names that `otce` gives them."""
    if not isinstance(value, Mapping):
        raise TypeError(
            f"`samples` of {source!r} must be a mapping with {', '.join(SAMPLES)}, got "
            f"{type(value).__name__}"
        )
    lacking = [name for name in needed if name not in value]
    if lacking:
        raise ValueError(
            f"`samples` of {source!r} must hold {', '.join(needed)}, lacks {lacking[0]}"
        )
    return {name: value[name] for name in needed}


def score_of_source(value: object, source: str) -> float:
    """A finite number."""
    return finite_result(value, f"the score of {source!r}")


def score_regression(value: object, kind: type) -> None:
    """A regression, or none."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"`regression` must be a {kind.__name__}, got {type(value).__name__}")


def regression_without_score() -> ValueError:
    """The error where there is nothing to predict from."""
    return ValueError(
        "`regression` must be None where `score` is None, for it predicts from scores"
    )


def enough_tasks_to_fit(scores: NDArray[np.float64]) -> None:
    """A line needs two tasks, its error three, and scores that differ."""
    if len(scores) < 3:
        raise ValueError(f"`scores` must be those of at least three tasks, got {len(scores)}")
    if np.ptp(scores) <= 1e-12 * np.abs(scores).max():
        raise ValueError(
            f"`scores` must differ between tasks, got {scores[0]:g} for all: the slope could be "
            "anything"
        )

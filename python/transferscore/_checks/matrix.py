"""Sources, targets and executors of a matrix of scores."""

import json
from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from typing import Any

from transferscore._checks.numbers import finite_result


def score_of_pairs(value: object, names: Collection[str]) -> str:
    """The name of a score of a source and a target."""
    if not isinstance(value, str):
        raise TypeError(
            "`score` must be the name of a score or a function of what a source and a target "
            f"hold, got {type(value).__name__}"
        )
    if value not in names:
        raise ValueError(f"`score` must be among {', '.join(sorted(names))}, got {value!r:.50}")
    return value


def name_of_function(function: Any, *, is_logged: bool) -> str:
    """By what name a function is known again; in a log it must be one that stays."""
    name = str(getattr(function, "__qualname__", type(function).__name__))
    full = f"{getattr(function, '__module__', '')}.{name}"
    if is_logged and (not hasattr(function, "__qualname__") or "<" in name):
        raise ValueError(
            f"`score` must be a function of a module where there is a `log`, which knows it by "
            f"its name, got {function!r:.80}"
        )
    return full


def orientation(value: object, *, of_function: bool) -> bool:
    """Whether higher is better: said for a function, known of a score by name."""
    if value is None:
        return True
    if not isinstance(value, bool):
        raise TypeError(f"`higher_is_better` must be True or False, got {value!r:.50}")
    if not of_function:
        raise ValueError(
            "`higher_is_better` must be None where `score` is a name, of which it is known, got "
            f"{value}"
        )
    return value


def options_of_score(value: object) -> dict[str, Any]:
    """Keyword arguments that can be written as JSON, hence be part of a key."""
    options = {} if value is None else value
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise TypeError(
            f"`options` must be a mapping from names of arguments to values, got {value!r:.50}"
        )
    for key, entry in options.items():
        if key == "n_threads":
            raise ValueError("`options` must not hold 'n_threads', which is an argument here")
        try:
            json.dumps(entry, allow_nan=False)
        except (TypeError, ValueError):
            raise TypeError(
                "`options` must hold numbers, texts, booleans, None or sequences of these, got "
                f"{type(entry).__name__} for {key!r}"
            ) from None
    return dict(options)


def arguments_of_side(
    entry: Any, arguments: Sequence[str], where: str, score: str, others: Collection[str]
) -> dict[str, Any]:
    """What a source or target gives, by argument of the score."""
    short = {name: name.removeprefix("source_").removeprefix("target_") for name in arguments}
    known = {*arguments, *short.values()}
    is_by_argument = isinstance(entry, Mapping) and entry and known.issuperset(entry)
    if is_by_argument and not set(entry).isdisjoint(others):
        both = sorted(set(entry).intersection(others))[0]
        raise ValueError(
            f"`{where}` must not be ambiguous: {both!r} is an argument of {score} and a name of "
            "the other side; rename that"
        )
    if not is_by_argument:
        if len(arguments) == 1:
            return {arguments[0]: entry}
        raise TypeError(
            f"`{where}` must be a mapping with {' and '.join(short.values())} for {score}, got "
            + (f"the keys {sorted(map(str, entry))!s:.100}" if isinstance(entry, Mapping) else "")
            + ("" if isinstance(entry, Mapping) else type(entry).__name__)
        )
    given = {}
    for name, brief in short.items():
        if name not in entry and brief not in entry:
            raise ValueError(f"`{where}` must hold {brief}, which {score} needs, got {[*entry]}")
        if name in entry and brief in entry and name != brief:
            raise ValueError(f"`{where}` must hold {name} or {brief}, got both")
        given[name] = entry[name] if name in entry else entry[brief]
    return given


def no_entry(where: str, other: str) -> ValueError:
    """The error of a pair of which a mapping knows nothing."""
    return ValueError(f"`{where}` must hold an entry for {other!r}, has none")


def score_of_result(value: Any) -> float:
    """A finite number, or that of a result."""
    return finite_result(value, "the score")


def executor_kind(value: object) -> TypeError:
    """The error where nothing can run jobs."""
    return TypeError(
        "`executor` must be an executor of concurrent.futures, a client of dask.distributed, a "
        f"joblib.Parallel, the name of a joblib backend or None, got {type(value).__name__}"
    )


def no_pair_scored(errors: Mapping[tuple[str, str], str]) -> ValueError:
    """The error where every cell failed."""
    (source, target), reason = next(iter(errors.items()))
    return ValueError(
        f"none of the {len(errors)} pairs could be scored; {source!r} for {target!r}: {reason}"
    )


def no_log(path: str | PathLike[str], reason: str) -> ValueError:
    """The error where a file is no log of scores, and is left alone."""
    return ValueError(f"`log` must be a log of score_matrix or no file yet, {path!s}: {reason}")


def unknown_cell(name: object, known: Sequence[str], side: str) -> KeyError:
    """The error where a matrix has no such row or column."""
    return KeyError(f"{side} must be among {', '.join(known)!s:.200}, got {name!r:.50}")

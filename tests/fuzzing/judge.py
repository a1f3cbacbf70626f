"""What may come out of a call: a result without NaN, or an error that says why not."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import transferscore
from transferscore.io import FileError

# Of the processor: another program may stop this one. Who waits for ever is found by fuzz.py.
MOST_SECONDS = 5.0
# An error names an argument, a file or what memory it would take.
MARKS = ("`", "'", "budget")


def _one_draw(result: Any, _: list[str]) -> bool:
    if isinstance(result, transferscore.PixelScores):
        return all(len(values) == 1 for values in result.of_draws.values())
    return len(result.domain_differences) == 1


def _failed_pairs(result: Any, _: list[str]) -> bool:
    unknown = {
        (result.sources[i], result.targets[j]) for i, j in np.argwhere(np.isnan(result.values))
    }
    return unknown == set(result.errors)


def _few_candidates(result: Any, _: list[str]) -> bool:
    return result.critical_spearman == np.inf


def _said(_: Any, said: list[str]) -> bool:
    return bool(said)


def _not_resampled(result: Any, said: list[str]) -> bool:
    return result.n_resamples == 0 or any("standard errors" in text for text in said)


# Where NaN is documented, by type and attribute, and what must then hold of the result and of what
# was said beside it: warnings, notes.
DOCUMENTED: dict[tuple[str, str], Callable[[Any, list[str]], bool]] = {
    ("OTCESpread", "domain_difference"): _one_draw,
    ("OTCESpread", "task_difference"): _one_draw,
    ("PixelScores", "spread"): _one_draw,
    ("ScoreMatrix", "values"): _failed_pairs,
    ("ScoreMap", "values"): _said,
    ("Evaluation", "critical_spearman"): _few_candidates,
    ("Agreement", "per_task"): _said,
    ("Difference", "per_task"): _said,
    ("Ranking", "values"): _said,
    ("Ranking", "standard_errors"): _not_resampled,
    ("Ranking", "difference_errors"): _not_resampled,
}

# What each score cannot leave, whatever it is asked about.
BOUNDS = {
    **dict.fromkeys(("h_score", "maximal_h_score", "transrate", "coding_rate"), (0, None)),
    **dict.fromkeys(("sfda", "hgr_correlation", "task_transferability"), (0, 1)),
    **dict.fromkeys(("nce", "gbc", "linear_mse"), (None, 0)),
    **dict.fromkeys(("lfc", "pearson", "spearman", "kendall", "weighted_kendall"), (-1, 1)),
    **dict.fromkeys(("conditional_entropy", "regret"), (0, None)),
    # Rows of float16 are distributions where they sum to 1 within its rounding, and may exceed it
    # by as much.
    "leep": (None, 5e-4),
    "effective_rank": (0, None),
    "parc": (-100, 100),
}
# ... but with these options: less than chance, and weights that are not those of the whole.
UNBOUNDED = (("adjust_for_chance", True), ("weighting", "uniform"))
ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is wrong, in a line, and where it came from."""

    what: str
    details: str = ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of an input: an answer or not, and what is wrong with it, if anything."""

    answered: bool
    content: bytes | str | None = None  # of an answer in bytes, of an error in words
    finding: Finding | None = None


def judged(name: str, call: tuple[Callable[..., Any], Any, Any], *, twice: bool) -> Outcome:
    """Call the function of this name."""
    function, arguments, options = call
    before = _frozen((arguments, options))
    start = time.process_time()
    outcome = _outcome(name, function, arguments, options)
    seconds = time.process_time() - start
    what = None
    if seconds > MOST_SECONDS:
        what = f"took {seconds:.1f} s of the processor"
    elif before is not None and _frozen((arguments, options)) != before:
        what = "changed its input"
    elif (
        twice
        and _is_seeded(function, options)
        and _outcome(name, function, arguments, options) != outcome
    ):
        what = "gave something else the second time"
    if outcome.finding is None and what is not None:
        return dataclasses.replace(outcome, finding=Finding(what))
    return outcome


def judged_file(path: Path, load: Callable[[Path], Any]) -> Outcome:
    """Load a damaged file."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's about headers of Python 2
        try:
            load(path)
            answered, finding = True, None
        except ValueError as error:
            answered = False
            finding = None if isinstance(error, FileError) or _is_ours(error) else _leak(error)
            if "\n" in str(error):
                finding = Finding("an error of several lines", str(error))
        except Exception as error:
            answered, finding = False, _leak(error)
    seconds = time.process_time() - start
    if finding is None and seconds > MOST_SECONDS:
        finding = Finding(f"took {seconds:.1f} s of the processor")
    return Outcome(answered, finding=finding)


def _outcome(name: str, function: Callable[..., Any], arguments: Any, options: Any) -> Outcome:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*arguments, **options)
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            return Outcome(False, str(error), None if _is_ours(error) else _leak(error))
        except Exception as error:
            return Outcome(False, str(error), _leak(error))
    finding = _not_sound(result, caught)
    # What a warning tells of may be anything.
    if finding is None and not caught and not any(options.get(x) == y for x, y in UNBOUNDED):
        finding = _out_of_bounds(name, result)
    return Outcome(True, _frozen(result), finding)


def _not_sound(result: Any, caught: list[warnings.WarningMessage]) -> Finding | None:
    for warning in caught:
        if not issubclass(warning.category, UserWarning):
            place = f"{warning.filename}:{warning.lineno}"
            return Finding(f"{warning.category.__name__}: {warning.message}", place)
    said = [str(warning.message) for warning in caught]
    said += getattr(result, "notes", ())
    for owner, where, value in _leaves(result, None, "result"):
        if _is_finite(value):
            continue
        attribute = where.rpartition(".")[2].partition("[")[0]
        documented = DOCUMENTED.get((type(owner).__name__, attribute))
        if documented is None or not documented(owner, said):
            return Finding(f"NaN or infinity in {where}", repr(result)[:500])
    return None


def _out_of_bounds(name: str, result: Any) -> Finding | None:
    low, high = BOUNDS.get(name, (None, None))
    if isinstance(result, float | np.ndarray):
        if low is not None and np.min(result) < low - ROUNDING:
            return Finding(f"less than {low}: {np.min(result)}")
        if high is not None and np.max(result) > high + ROUNDING:
            return Finding(f"more than {high}: {np.max(result)}")
    return None


def _is_seeded(function: Callable[..., Any], options: Any) -> bool:
    """Whether the same arguments must give the same answer."""
    parameter = inspect.signature(function).parameters.get("random_state")
    default = None if parameter is None else parameter.default
    return parameter is None or options.get("random_state", default) is not None


def _is_ours(error: BaseException) -> bool:
    """Whether a check raised it and it names what is wrong: an argument, a sum, a file."""
    *_, last = traceback.walk_tb(error.__traceback__)
    file = Path(last[0].f_code.co_filename)
    return "transferscore" in file.parts and any(mark in str(error) for mark in MARKS)


def _leak(error: BaseException) -> Finding:
    lines = traceback.format_exception(error)
    return Finding(f"{type(error).__name__}: {str(error)[:200]}", "".join(lines[-6:]))


def _is_finite(value: Any) -> bool:
    if not isinstance(value, float | np.ndarray | np.floating):
        return True
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _leaves(value: Any, owner: Any, where: str) -> Iterator[tuple[Any, str, Any]]:
    """Everything that a result holds: whose attribute it is, the names that lead to it, itself."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name), value, f"{where}.{field.name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, owner, f"{where}[{key!r}]")
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for number, item in enumerate(value):
            yield from _leaves(item, owner, f"{where}[{number}]")
    else:
        yield owner, where, value


def _frozen(value: Any) -> bytes | None:
    """All of it in bytes, where it can be had."""
    try:
        return pickle.dumps(value)
    except Exception:
        return None

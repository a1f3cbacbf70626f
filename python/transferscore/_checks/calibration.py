"""Auxiliary tasks and files of a calibration."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def terms_twice() -> TypeError:
    """The error where results, which hold both terms, come with a second term."""
    return TypeError(
        "`task_differences` must be left out where `domain_differences` are OTCEResults, which "
        "hold both"
    )


def too_few_tasks(n: int) -> ValueError:
    """The error where there are fewer tasks than coefficients."""
    return ValueError(
        f"`accuracies` must be those of at least three auxiliary tasks, got {n}: two weights and a "
        "constant are fitted"
    )


def constant_term(name: str) -> ValueError:
    """The error where a term says nothing."""
    return ValueError(
        f"`{name}` must differ between auxiliary tasks, got one value for all: its weight could be "
        "anything"
    )


def collinear_terms() -> ValueError:
    """The error where one term is a linear function of the other."""
    return ValueError(
        "`domain_differences` and `task_differences` must not be collinear, got one as a linear "
        "function of the other: their weights could be anything; add auxiliary tasks"
    )


def not_fitted() -> RuntimeError:
    """The error where a calibration is asked before it knows anything."""
    return RuntimeError(
        "this OTCECalibration has no coefficients yet; call fit(...), or read them with load(...)"
    )


def calibration_file(
    text: object, form: str, version: int, names: Sequence[str]
) -> dict[str, float]:
    """The numbers by these names in the JSON of a calibration."""
    try:
        content = json.loads(text)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"a calibration must be JSON, got {text!r:.80}") from error
    if not isinstance(content, dict) or content.get("format") != form:
        raise ValueError(f"a calibration must be a JSON object with format {form!r}")
    if content.get("version") != version:
        raise ValueError(
            f"a calibration must have version {version}, got {content.get('version')!r}; it may "
            "come from a later version of transferscore"
        )
    numbers = {name: _number_in_file(content, name) for name in names}
    if numbers["n_tasks"] < 3 or not float(numbers["n_tasks"]).is_integer():
        raise ValueError(
            f"`n_tasks` of a calibration must be an integer above 2, got {content['n_tasks']!r}"
        )
    return numbers


def _number_in_file(content: Mapping[str, Any], name: str) -> float:
    value = content.get(name)
    if name == "leave_one_out_error" and name in content and value is None:
        return float("nan")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    number = float(value) if is_number and abs(value) < 1e308 else np.inf  # type: ignore[arg-type]
    if number == np.inf:
        raise ValueError(f"`{name}` of a calibration must be a finite number, got {value!r:.80}")
    return number

"""What the optimal features of a task, or their known H-scores, must be."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

from transferscore._checks.arrays import as_array
from transferscore._checks.numbers import positive


def one_label_set(labels: Any) -> None:
    """Labels of one task."""
    y = as_array(labels, "labels")
    if y.ndim != 1:
        raise ValueError(f"`labels` must have shape (n,), got {y.shape}")


def candidates(optimal: Any) -> dict[str, Any]:
    """Known H-scores (float) and features by the name under which they were given."""
    if _is_number(optimal):
        return {"optimal": positive(optimal, "optimal")}
    if _is_features(optimal):
        return {"optimal": optimal}
    if not isinstance(optimal, Iterable) or isinstance(optimal, (str, bytes, dict)):
        raise TypeError(
            "`optimal` must be features (n, d), an H-score or a sequence of these, got "
            f"{type(optimal).__name__}"
        )
    found = {f"optimal[{i}]": value for i, value in enumerate(optimal)}
    if not found:
        raise ValueError("`optimal` must have at least one candidate, got an empty sequence")
    return {
        name: positive(value, name) if _is_number(value) else value for name, value in found.items()
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_features(value: Any) -> bool:
    """A matrix, also as a list of rows of numbers."""
    if hasattr(value, "ndim"):
        return bool(value.ndim > 1)
    rows = value if isinstance(value, (list, tuple)) else ()
    return len(rows) > 0 and all(
        isinstance(row, (list, tuple)) and all(_is_number(entry) for entry in row) for row in rows
    )


def above_the_bound(name: str, value: float, n_classes: int) -> ValueError:
    """The error where an H-score is given that no features reach."""
    return ValueError(
        f"`{name}` must be at most the number of classes minus one, {n_classes - 1}, as every "
        f"H-score is, got {value:.6g}"
    )


def nothing_reached() -> ValueError:
    """The error where a ratio would be of zeros."""
    return ValueError(
        "`optimal` must reach an H-score above 0, got features that have nothing to do with the "
        "labels"
    )


def source_counts_classes(n: int, d: int) -> ValueError:
    """The error where the H-score of the source features says nothing about them."""
    return ValueError(
        f"`source_features` must have rank below n - 1 without shrinkage, got {n} samples with {d} "
        f"features of rank {n - 1}: their H-score is the number of classes minus one, whatever "
        "they are; use shrinkage='ledoit-wolf'"
    )

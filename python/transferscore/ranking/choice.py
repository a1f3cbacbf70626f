"""One source for each target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore.ranking._tabular import Sheet, Tabular


@dataclass(frozen=True)
class SelectedSources(Tabular):
    """The best source for each target.

    Attributes
    ----------
    targets : tuple of str
        The targets.
    sources : tuple of str
        The best source for each; of equal ones the first.
    scores : ndarray of shape (T,)
        Its score.
    tied : tuple of tuples of str
        For each target, all sources that have this score; one where nothing is tied.
    unscored : tuple of tuples of str
        For each target, the sources without a score.
    higher_is_better : bool
        In which direction scores count.
    """

    KIND: ClassVar[str] = "selected-sources"

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    scores: NDArray[np.float64]
    tied: tuple[tuple[str, ...], ...]
    unscored: tuple[tuple[str, ...], ...]
    higher_is_better: bool

    def __getitem__(self, target: str) -> str:
        """The source for a target."""
        try:
            return self.sources[self.targets.index(target)]
        except ValueError:
            raise KeyError(target) from None

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        return {
            "target": self.targets,
            "source": self.sources,
            "score": self.scores.tolist(),
            "n_tied": [len(names) for names in self.tied],
        }

    def _about(self) -> Mapping[str, Any]:
        return {
            "higher_is_better": self.higher_is_better,
            "tied": dict(zip(self.targets, self.tied, strict=True)),
            "unscored": dict(zip(self.targets, self.unscored, strict=True)),
        }

    def _sheet(self) -> Sheet:
        rows = [
            (target, " = ".join(tied), float(score))
            for target, tied, score in zip(self.targets, self.tied, self.scores, strict=True)
        ]
        notes = [
            f"without a score for {target}: {', '.join(names)}"
            for target, names in zip(self.targets, self.unscored, strict=True)
            if names
        ]
        return Sheet(("target", "best source", "score"), rows, "llr", notes=notes)


def select_source(
    scores: Any,
    *,
    sources: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    higher_is_better: bool | None = None,
) -> SelectedSources:
    r"""Choose the source with the best score for each target.

    The selection of one source model per target of Tan, Li, Huang, "OTCE: a transferability metric
    for cross-domain cross-task representations", CVPR 2021.

    .. math::

        s^*(t) = \operatorname{arg\,max}_s \, \text{score}(s \to t)

    `select_sources` (plural) is another thing: rules of anatomy and geometry, then a score, for one
    segmentation task. Whether a difference between the first two is real this can't say; intervals
    can.

    Parameters
    ----------
    scores : ScoreMatrix, mapping, or array-like of shape (S, T)
        Score of each source (row) for each target (column), in any unit that is the same within a
        column. Anything with `values`, `sources` and `targets`; a mapping of sources to mappings of
        targets to numbers; or, for one target, a mapping of sources to numbers. nan is a pair
        without a score.
    sources : sequence of str, optional
        Names of the rows of an array. Default: their numbers.
    targets : sequence of str, optional
        Names of its columns. Default: their numbers.
    higher_is_better : bool, optional
        In which direction scores count. Default: as the ScoreMatrix says, else True.

    Returns
    -------
    SelectedSources
        The choice for each target, with ties and sources without a score.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, or a target has no score at all.

    Examples
    --------
    >>> from transferscore import select_source
    >>> scores = {
    ...     "clipart": {"sketch": -0.41, "real": -0.93},
    ...     "painting": {"sketch": -0.52, "real": -0.67},
    ...     "quickdraw": {"sketch": -0.41},
    ... }
    >>> chosen = select_source(scores)
    >>> print(chosen)
    target  best source            score
    ------  -------------------  -------
    sketch  clipart = quickdraw  -0.4100
    real    painting             -0.6700
    note: without a score for real: quickdraw
    >>> chosen["real"]
    'painting'
    """
    table = _checks.score_table(scores, sources, targets, higher_is_better)
    values = table.values if table.higher_is_better else -table.values
    nothing = np.isnan(values)
    for column, target in enumerate(table.targets):
        if nothing[:, column].all():
            raise _checks.no_scored_source(target)
    best = np.nanmax(values, axis=0)
    tied = tuple(_marked(table.sources, column) for column in (values == best).T)
    return SelectedSources(
        targets=table.targets,
        sources=tuple(names[0] for names in tied),
        scores=best if table.higher_is_better else -best,
        tied=tied,
        unscored=tuple(_marked(table.sources, column) for column in nothing.T),
        higher_is_better=table.higher_is_better,
    )


def _marked(names: tuple[str, ...], mask: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, is_marked in zip(names, mask, strict=True) if is_marked)

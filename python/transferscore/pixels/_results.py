"""What calls about pixels return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferscore._results import OTCESpread

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class PixelSample:
    """Pixels drawn from label maps, sorted by image and then by place.

    Attributes
    ----------
    image : ndarray of shape (n,)
        Which image (or volume) each pixel is of, in the order in which label maps came.
    coordinates : ndarray of shape (n, 2) or (n, 3)
        Row and column, or slice, row and column.
    labels : ndarray of shape (n,)
        Their labels.
    classes : ndarray of shape (K,)
        All labels that there were to choose from, sorted.
    class_counts : ndarray of shape (K,)
        How many pixels of each there were to choose from.
    shapes : ndarray of shape (N, 2) or (N, 3)
        The size of each label map.
    n_asked : int
        How many pixels were asked for.
    where : str
        Where they were drawn.
    """

    image: Indices
    coordinates: Indices
    labels: Indices
    classes: Indices
    class_counts: Indices
    shapes: Indices
    n_asked: int
    where: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_available(self) -> int:
        """How many pixels there were to choose from."""
        return int(self.class_counts.sum())

    @property
    def n_images(self) -> int:
        """How many label maps there were."""
        return len(self.shapes)

    @property
    def is_reduced(self) -> bool:
        """Whether there were fewer pixels than were asked for."""
        return len(self) < self.n_asked

    @property
    def absent(self) -> Indices:
        """The labels that there were to choose from, but none was drawn of."""
        return np.setdiff1d(self.classes, self.labels)


@dataclass(frozen=True)
class SegmentationOTCEResult:
    """OTCE between segmentation tasks and how it came about.

    Attributes
    ----------
    domain_difference : float
        W_D = <P, C>, the mean over draws, in squared units of the features; lower is nearer.
    task_difference : float
        W_T = H(Y_t | Y_s) in nats, the mean over draws; lower is better.
    joint : ndarray of shape (C_s, C_t)
        Joint distribution of source and target labels, the mean over draws.
    source_classes, target_classes : ndarray of shape (C_s,) and (C_t,)
        The labels of its rows and columns: all there were to choose from, sorted.
    source_absent, target_absent : ndarray of shape (C_s,) and (C_t,)
        Of how many draws each class is absent.
    spread : OTCESpread
        The values of each draw and their standard deviations.
    source_pixels, target_pixels : tuple of PixelSample
        The draws.
    """

    domain_difference: float
    task_difference: float
    joint: NDArray[np.float64]
    source_classes: Indices
    target_classes: Indices
    source_absent: Indices
    target_absent: Indices
    spread: OTCESpread
    source_pixels: tuple[PixelSample, ...]
    target_pixels: tuple[PixelSample, ...]

    @property
    def score(self) -> float:
        """-W_T; higher is better."""
        return -self.task_difference


@dataclass(frozen=True)
class PixelScores:
    """Scores on sampled pixels.

    Attributes
    ----------
    values : dict of str to float
        The scores by name, means over draws.
    spread : dict of str to float
        Their standard deviations over draws (with divisor R - 1; nan for one draw).
    of_draws : dict of str to ndarray of shape (R,)
        The values of each draw.
    pixels : tuple of PixelSample
        The draws. Where each takes all pixels there are, one stands for all.
    """

    values: Mapping[str, float]
    spread: Mapping[str, float]
    of_draws: Mapping[str, NDArray[np.float64]]
    pixels: tuple[PixelSample, ...]

    @classmethod
    def of(
        cls, of_draws: Mapping[str, NDArray[np.float64]], pixels: Sequence[PixelSample]
    ) -> "PixelScores":
        """From the values of each draw."""
        spread = {
            name: float(values.std(ddof=1)) if len(values) > 1 else float("nan")
            for name, values in of_draws.items()
        }
        means = {name: float(values.mean()) for name, values in of_draws.items()}
        return cls(means, spread, of_draws, tuple(pixels))


@dataclass(frozen=True)
class ScoreMap:
    """A score for each patch of the image plane, over all images.

    Attributes
    ----------
    values : ndarray of shape (R, C)
        The scores, nan where a patch can't be scored: fewer than two classes, or as the score says.
    n_pixels : ndarray of shape (R, C)
        How many pixels were scored, 0 where there were none.
    n_classes : ndarray of shape (R, C)
        How many classes they have.
    rows, columns : ndarray of shape (R,) and (C,)
        First row and first column of the patches.
    patch : tuple of two int
        Height and width of a patch in pixels.
    score : str
        Name of the score.
    """

    values: NDArray[np.float64]
    n_pixels: Indices
    n_classes: Indices
    rows: Indices
    columns: Indices
    patch: tuple[int, int]
    score: str

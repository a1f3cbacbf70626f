"""Pixels drawn from label maps."""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import LabelValues, StoredLabels
from transferscore.pixels._batches import batches, coordinates
from transferscore.pixels._results import PixelSample
from transferscore.pixels.boundaries import Band

NO_LIMIT = 2**62
# Whether pixels are near a change of label, and whether classes are balanced.
WHERE = {
    "boundary": (True, False),
    "uniform": (False, False),
    "balanced": (False, True),
    "balanced boundary": (True, True),
}


def sample_pixels(
    label_maps: ArrayLike | Iterable[ArrayLike],
    n: int | None,
    *,
    where: str = "boundary",
    radius: float | None = None,
    connectivity: int | None = None,
    ndim: int = 2,
    per_image: int | None = None,
    ignore_index: LabelValues = None,
    random_state: "int | np.random.Generator | None" = None,
    n_threads: int | None = None,
) -> PixelSample:
    """Draw pixels of label maps without replacement.

    Every pixel has a random key that depends on the seed, its image and its place alone; the n
    pixels with the smallest keys are drawn. So all sets of n pixels are equally likely, and a seed
    gives the same pixels for any number of threads, and whether maps come as an array, as a list or
    one after the other.

    Parameters
    ----------
    label_maps : array-like, or iterable of arrays
        Labels, integers of any type or booleans: one map (H, W), maps of one size (N, H, W), a list
        of maps of any sizes, or an iterator of maps or of stacks of maps, which is passed through
        once and never held. With `ndim=3` volumes (D, H, W). Memory maps are read in parts.
    n : int or None
        How many pixels; with `per_image` it may be None, for all that these allow.
    where : {"boundary", "uniform", "balanced", "balanced boundary"}, default "boundary"
        Pixels within `radius` of a change of label (see `label_boundaries`), or any; "balanced"
        takes the same number of each class. Classes with fewer pixels than their share give all
        they have, and the others make up for it.
    radius : float, optional
        Radius for boundaries, 1 where it is not given.
    connectivity : int, optional
        In how many coordinates neighbours differ, for boundaries; 1 where it is not given.
    ndim : 2 or 3, default 2
        Dimensions of one map.
    per_image : int, optional
        At most so many pixels of each image, drawn first; with "balanced", of each image the same
        number of each of its classes. With n = per_image times images, images are balanced.
    ignore_index : int or sequence of int, optional
        Labels whose pixels make no boundary and are never drawn.
    random_state : int or numpy.random.Generator, optional
        Seed.
    n_threads : int, optional
        Threads for this call. The pixels are the same for any number.

    Returns
    -------
    PixelSample
        Images, coordinates and labels, with how many pixels there were to choose from.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or there is no pixel to choose from.

    Warns
    -----
    UserWarning
        Where there are fewer pixels than were asked for: all of them are taken.

    Notes
    -----
    Memory beyond the maps, in bytes: about 64 n, times classes with "balanced", and for what is
    worked on at a time, 4 million pixels or one map, a byte each.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import sample_pixels
    >>> labels = np.zeros((3, 8, 8), int)
    >>> labels[:, :, 4:] = 1
    >>> pixels = sample_pixels(labels, 10, radius=0, random_state=0)
    >>> len(pixels), pixels.n_available
    (10, 48)
    >>> sorted(set(pixels.coordinates[:, 1].tolist()))
    [3, 4]
    """
    how = Sampling.of(
        n,
        where=where,
        radius=radius,
        connectivity=connectivity,
        ndim=ndim,
        per_image=per_image,
        ignore_index=ignore_index,
    )
    (sample,) = how.draw(label_maps, seeds(random_state, 1), _threads.resolve(n_threads))
    if sample.is_reduced:
        warn_of_fewer(sample, stacklevel=3)
    return sample


def seeds(random_state: "int | np.random.Generator | None", count: int) -> list[int]:
    """A seed for each sample."""
    rng = _checks.generator(random_state)
    drawn: list[int] = rng.integers(0, 2**64, count, dtype=np.uint64).tolist()
    return drawn


def warn_of_fewer(sample: PixelSample, stacklevel: int, name: str = "label_maps") -> None:
    """Say that a sample is smaller than was asked for."""
    text = f"`{name}` has only {len(sample)} of the {sample.n_asked} pixels that were asked for"
    warnings.warn(f"{text}; all of them are taken", UserWarning, stacklevel=stacklevel)


@dataclass(frozen=True)
class Sampling:
    """How pixels are drawn."""

    n: int | None
    where: str
    band: Band | None  # near changes of label; None: anywhere
    is_balanced: bool
    ndim: int
    per_image: int | None
    ignored: Sequence[int]

    @classmethod
    def of(
        cls,
        n: int | None,
        *,
        where: str,
        radius: float | None,
        connectivity: int | None,
        ndim: int,
        per_image: int | None,
        ignore_index: LabelValues,
        name: str = "n",
    ) -> "Sampling":
        """From what the user says."""
        ndim = _checks.n_dimensions(ndim)
        near, balanced = WHERE[_checks.choice(where, "where", tuple(WHERE))]
        if not near:
            _checks.only_near_boundaries(where, radius=radius, connectivity=connectivity)
        band = Band.of(
            1 if radius is None else radius, 1 if connectivity is None else connectivity, ndim
        )
        if per_image is not None:
            per_image = _checks.count(per_image, "per_image")
        if n is not None or per_image is None:
            n = _checks.count(n, name)
        return cls(
            n=n,
            where=where,
            band=band if near else None,
            is_balanced=balanced,
            ndim=ndim,
            per_image=per_image,
            ignored=_checks.ignored_labels(ignore_index),
        )

    def draw(self, label_maps: Any, seeds: list[int], n_threads: int) -> list[PixelSample]:
        """A sample for each seed, from one pass over the maps."""
        samples = self._draw(label_maps, seeds, n_threads)
        if not samples[0].n_available:
            raise _checks.no_pixels(
                samples[0].n_images, near=self.band is not None, ignored=self.ignored
            )
        return samples

    def draw_if_any(self, label_maps: Any, seed: int, n_threads: int) -> PixelSample | None:
        """A sample, or None where there is no pixel to choose from."""
        (sample,) = self._draw(label_maps, [seed], n_threads)
        return sample if sample.n_available else None

    def _draw(self, label_maps: Any, seeds: list[int], n_threads: int) -> list[PixelSample]:
        n = NO_LIMIT if self.n is None else self.n
        drawn: list[Any] = []
        counts: Counter[int] = Counter()
        sizes: list[tuple[int, ...]] = []
        for stacks in batches(label_maps, self.ndim):
            stored = StoredLabels(stacks[0].dtype)
            bits = [stored.bits(stack) for stack in _checks.labels_in_range(stacks)]
            ignored = stored.bits_of(self.ignored)
            masks = [] if self.band is None else self.band.masks(bits, ignored, n_threads)
            drawn, found = backend.sample_pixels(
                bits,
                masks,
                first_map=len(sizes),
                drawn=drawn,
                seeds=seeds,
                n=n,
                per_map=n if self.per_image is None else self.per_image,
                balanced=self.is_balanced,
                ignored=ignored,
                is_signed=stored.is_signed,
                n_threads=n_threads,
            )
            counts.update(found)
            sizes += [stack.shape[1:] for stack in stacks for _ in range(len(stack))]
        if not sizes:
            raise _checks.no_label_maps()
        return [self._sample(pixels, n, counts, np.array(sizes, np.int64)) for pixels in drawn]

    def _sample(
        self, pixels: Any, n: int, counts: Counter[int], shapes: NDArray[np.int64]
    ) -> PixelSample:
        _, image, places, labels = backend.chosen_pixels(pixels, n=n, balanced=self.is_balanced)
        return PixelSample(
            image=image,
            coordinates=coordinates(places, image, shapes),
            labels=labels,
            classes=np.array(sorted(counts), np.int64),
            class_counts=np.array([counts[label] for label in sorted(counts)], np.int64),
            shapes=shapes,
            n_asked=len(shapes) * (self.per_image or 0) if self.n is None else self.n,
            where=self.where,
        )

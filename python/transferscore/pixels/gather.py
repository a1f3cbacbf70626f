"""Features at sampled pixels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Floats
from transferscore.pixels._results import PixelSample

Indices = NDArray[np.int64]
FIRST, LAST = "channels_first", "channels_last"
LINEAR = {2: "bilinear", 3: "trilinear"}


def gather_pixel_features(
    feature_maps: ArrayLike | Iterable[ArrayLike],
    pixels: PixelSample,
    *,
    layout: str = "channels_first",
    interpolation: str = "nearest",
    n_threads: int | None = None,
) -> Floats:
    r"""Features of sampled pixels, from maps as large as the label maps or whole times smaller.

    A feature is the centre of s x s pixels, as for `torch.nn.functional.interpolate` with
    `align_corners=False`. Pixel y lies among the features at

    .. math::

        v = (y + \tfrac{1}{2}) / s - \tfrac{1}{2}

    Parameters
    ----------
    feature_maps : array-like, or iterable of arrays
        Features of each image for which there was a label map, in the same order: (N, C, h, w); a
        list of maps (C, h, w) of any sizes; or an iterator of maps or of batches (B, C, h, w),
        which is passed through once and never held. For volumes (N, C, d, h, w). A label map must
        be a whole number of times larger along each axis. Of memory maps what is needed is read.
    pixels : PixelSample
        Pixels, from `sample_pixels`.
    layout : {"channels_first", "channels_last"}, default "channels_first"
        Whether maps are (C, h, w) or (h, w, C).
    interpolation : {"nearest", "bilinear", "trilinear"}, default "nearest"
        The feature whose square holds the pixel, or for images "bilinear" and for volumes
        "trilinear" interpolation between the nearest ones; beyond the outer centres these count.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    ndarray of shape (n, C)
        float32 for float16 and float32, else float64.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, maps are missing or too many, a label map is no whole
        number of times larger, or a feature of a pixel is not finite.

    Notes
    -----
    Features in other types than float32 and float64, or not aligned, are converted image by image.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import gather_pixel_features, sample_pixels
    >>> labels = np.array([[0, 0, 0, 1]])
    >>> pixels = sample_pixels(labels, 4, where="uniform")
    >>> maps = np.array([[[[10.0, 20.0]]]])  # one image, one channel, one row
    >>> gather_pixel_features(maps, pixels)[:, 0]
    array([10., 10., 20., 20.])
    >>> gather_pixel_features(np.repeat(maps, 1, axis=2), pixels, interpolation="bilinear")[:, 0]
    array([10. , 12.5, 17.5, 20. ])
    """
    if not isinstance(pixels, PixelSample):
        raise _checks.no_pixel_sample(pixels)
    how = Gathering.of(layout, interpolation, pixels.coordinates.shape[1])
    return how.gather(feature_maps, pixels, _threads.resolve(n_threads))


@dataclass(frozen=True)
class Gathering:
    """How features are found at pixels."""

    is_last: bool  # channels
    is_linear: bool
    ndim: int
    name: str  # of the argument

    @classmethod
    def of(
        cls, layout: str, interpolation: str, ndim: int, name: str = "feature_maps"
    ) -> "Gathering":
        """From what the user says."""
        return cls(
            _checks.choice(layout, "layout", (FIRST, LAST)) == LAST,
            _checks.choice(interpolation, "interpolation", ("nearest", LINEAR[ndim])) != "nearest",
            ndim,
            name,
        )

    def gather(self, feature_maps: Any, pixels: PixelSample, n_threads: int) -> Floats:
        """Features (n, C) of pixels that are sorted by image."""
        parts, first = [], 0
        for maps in self._stacks(feature_maps, pixels.n_images):
            first, start = first + len(maps), first
            if first > pixels.n_images:
                raise _checks.number_of_feature_maps(self.name, pixels.n_images, first)
            low, high = np.searchsorted(pixels.image, (start, first))
            parts += [
                self._of_stack(some, pixels, rows, first_map, n_threads)
                for some, rows, first_map in _pieces(maps, pixels, start, low, high)
            ]
        if first < pixels.n_images:
            raise _checks.number_of_feature_maps(self.name, pixels.n_images, first)
        widths = {part.shape[1] for part in parts}
        if len(widths) > 1:
            raise _checks.other_number_of_channels(self.name, sorted(widths))
        features: Floats = parts[0] if len(parts) == 1 else np.concatenate(parts)  # type: ignore[assignment]
        _checks.finite_at_pixels(features, self.name, pixels.image, pixels.coordinates, n_threads)
        return features

    def _stacks(self, feature_maps: Any, n_images: int) -> Iterator[NDArray[Any]]:
        """Maps of one size (n, C, d, h, w), one stack after the other; nothing is copied."""
        many = _checks.is_iterable_of_features(feature_maps)
        for position, value in enumerate(feature_maps if many else [feature_maps]):
            place = position if many else None
            maps = _checks.feature_map_stack(value, self.name, place, self.ndim, n_images)
            if self.is_last:
                maps = np.moveaxis(maps, -1, 1)
            yield maps[:, :, np.newaxis] if self.ndim == 2 else maps

    def _of_stack(
        self,
        maps: NDArray[Any],
        pixels: PixelSample,
        rows: slice,
        first_map: int,
        n_threads: int,
    ) -> Floats:
        """Features of some pixels, whose images are in this stack."""
        image = pixels.image[rows]
        size, shape = np.array(maps.shape[-self.ndim :]), pixels.shapes[image[0]]
        if (shape % size).any() or (shape < size).any():
            raise _checks.no_whole_scale(self.name, int(image[0]), size.tolist(), shape.tolist())
        coordinates = np.zeros((len(image), 3), np.int64)
        coordinates[:, 3 - self.ndim :] = pixels.coordinates[rows]
        return backend.gather_pixel_features(
            maps,
            image - first_map,
            coordinates,
            scale=[1, *(shape // size).tolist()][-3:],
            linear=self.is_linear,
            n_threads=n_threads,
        )


def _pieces(
    maps: NDArray[Any], pixels: PixelSample, start: int, low: int, high: int
) -> Iterator[tuple[NDArray[Any], slice, int]]:
    """(maps, rows of pixels, number of the first map) as the kernel reads them.

    All at once, or image by image where features have to be converted or label maps differ in size.
    """
    image, shapes = pixels.image, pixels.shapes[start : start + len(maps)]
    is_ready = maps.dtype in (np.float32, np.float64) and maps.dtype.isnative and maps.flags.aligned
    if is_ready and (shapes == shapes[0]).all():
        if low < high:
            yield maps, slice(low, high), start
        return
    single = maps.dtype.kind == "f" and maps.dtype.itemsize <= 4
    for one in np.unique(image[low:high]).tolist():
        a, b = np.searchsorted(image, (one, one + 1))
        converted = maps[one - start : one - start + 1].astype(np.float32 if single else np.float64)
        yield converted, slice(a, b), one

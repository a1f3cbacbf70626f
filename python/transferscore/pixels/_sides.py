"""Samples of one domain, with their features: several draws from one pass over its maps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from transferscore._checks import Floats
from transferscore.pixels._results import PixelSample
from transferscore.pixels.gather import Gathering


@dataclass(frozen=True)
class Draws:
    """Samples of the same maps."""

    samples: Sequence[PixelSample]

    @property
    def are_all_the_same(self) -> bool:
        """Whether every pixel there is was taken."""
        return all(len(sample) == sample.n_available for sample in self.samples)

    def first(self) -> "Draws":
        """The first sample alone."""
        return Draws(self.samples[:1])

    def features(self, feature_maps: Any, how: Gathering, n_threads: int) -> list[Floats]:
        """Features (n, C) of each sample; maps that come one after the other are seen once."""
        image = np.concatenate([sample.image for sample in self.samples])
        order = np.argsort(image, kind="stable")
        merged = replace(
            self.samples[0],
            image=image[order],
            coordinates=np.concatenate([sample.coordinates for sample in self.samples])[order],
        )
        found = how.gather(feature_maps, merged, n_threads)
        places = np.empty(len(order), np.intp)
        places[order] = np.arange(len(order))
        ends = np.cumsum([len(sample) for sample in self.samples])[:-1]
        return [found[some] for some in np.split(places, ends)]

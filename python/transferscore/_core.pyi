"""What every build of the extension (_core_base, _core_v3, _core_v4) provides."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32] | NDArray[np.float64]

class Extension(Protocol):
    __version__: str
    __isa__: str
    __compiler__: str
    __openmp__: int

    def first_nonfinite(self, values: Features, n_threads: int) -> int: ...
    def class_ids(
        self, labels: NDArray[np.int32] | NDArray[np.int64], n_threads: int
    ) -> tuple[NDArray[np.int32], list[int]]: ...
    def h_score(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: list[int],
        *,
        ledoit_wolf: bool,
        intensity: float,
        adjust_for_chance: bool,
        n_threads: int,
    ) -> tuple[NDArray[np.float64], float, int, float]: ...

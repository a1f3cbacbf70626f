"""OTCE against the product behind the costs and the exact transport of the authors' code.

The error beside every time is the distance of the conditional entropy to the one under an exact
plan, in nats.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from rivals_transport import (
    Domains,
    authors_conditional_entropy,
    clustered,
    conditional_entropy,
    missing,
    ott,
    pot,
)

from transferscore import otce, otce_many

Timed = Callable[..., None]

TOL = 1e-3  # L1 error of the marginals: the default
SINGLE = 1e-4  # relative error allowed to floors, which sum in float32
ENTROPY = 0.2  # what the entropic plan may change, in nats
EXACT = 1e-6  # what rounding may change where the plan is exact
SMALL, WORK = 1_000, 5_000
DIMENSION = 512

SOURCES, TARGETS = 20, 25  # each with each: 500 pairs, of which every 50th is checked
CHECKED = slice(None, None, 50)

needs_pot = pytest.mark.skipif(bool(missing("ot")), reason="needs ot")


@lru_cache(maxsize=2)
def domains(n: int) -> Domains:
    return clustered(n, n, DIMENSION)


def exact_entropy(p: Domains) -> float:
    return conditional_entropy(p.exact_joint)


def distance(result: Any, p: Domains) -> float:
    return abs(float(result.task_difference) - exact_entropy(p))


problems = pytest.mark.parametrize(
    ("n", "rounds"),
    [
        pytest.param(n, rounds, marks=pytest.mark.benchmark(group=f"otce {n} x {n}"), id=f"{n}")
        for n, rounds in ((SMALL, 9), (WORK, 1))
    ],
)


def arguments(p: Domains) -> dict[str, Any]:
    return {
        "source_features": p.X,
        "source_labels": p.y,
        "target_features": p.Z,
        "target_labels": p.t,
    }


@problems
def test_product(timed: Timed, n: int, rounds: int) -> None:
    p = domains(n)
    exact = p.X[:8].astype(np.float64) @ p.Z[:8].T.astype(np.float64)
    timed(lambda: (p.X @ p.Z.T)[:8, :8], exact, role="floor", at_most=SINGLE, rounds=20)


@problems
def test_transferscore(timed: Timed, n: int, rounds: int) -> None:
    p = domains(n)

    def error(result: Any) -> float:
        found = p.marginal_error((result.solver.f, result.solver.g), result.solver.epsilon)
        assert found <= TOL
        return distance(result, p)

    call = partial(otce, **arguments(p))
    timed(call, error=error, role="ours", at_most=ENTROPY, rounds=20)


@problems
def test_transferscore_exact(timed: Timed, n: int, rounds: int) -> None:
    p = domains(n)
    call = partial(otce, **arguments(p), method="exact")
    timed(
        call,
        error=lambda result: distance(result, p),
        role="variant",
        at_most=EXACT,
        rounds=rounds,
        note=lambda result: str(result.solver.solver),
    )


@needs_pot
@problems
def test_authors(timed: Timed, n: int, rounds: int) -> None:
    p = domains(n)
    timed(
        lambda: authors_conditional_entropy(p.X, p.y, p.Z, p.t),
        error=lambda entropy: abs(entropy - exact_entropy(p)),
        role="rival",
        at_most=EXACT,
        rounds=rounds,
    )


class TestMany:
    """500 problems of 1,000 x 1,000, no two of them with the same cost matrix."""

    pytestmark = pytest.mark.benchmark(group=f"otce {SOURCES * TARGETS} of {SMALL} x {SMALL}")

    def test_product(self, timed: Timed) -> None:
        p = pairs()[0]
        exact = p.X[:8].astype(np.float64) @ p.Z[:8].T.astype(np.float64)
        call = lambda: (p.X @ p.Z.T)[:8, :8]  # noqa: E731
        count = SOURCES * TARGETS
        timed(call, exact, role="floor", at_most=SINGLE, rounds=50, stands_for=count)

    def test_transferscore(self, timed: Timed) -> None:
        call = partial(otce_many, [arguments(p) for p in pairs()])
        timed(call, error=largest_error, role="ours", at_most=ENTROPY, rounds=1)

    def test_one_call_for_each(self, timed: Timed) -> None:
        some = pairs()[CHECKED]
        timed(
            lambda: [otce(**arguments(p)) for p in some],
            error=partial(largest_error, some=some),
            role="variant",
            at_most=ENTROPY,
            rounds=3,
            stands_for=SOURCES * TARGETS / len(some),
        )

    @needs_pot
    def test_authors(self, timed: Timed) -> None:
        p = pairs()[0]
        timed(
            lambda: authors_conditional_entropy(p.X, p.y, p.Z, p.t),
            error=lambda entropy: abs(entropy - exact_entropy(p)),
            role="rival",
            at_most=EXACT,
            rounds=3,
            stands_for=SOURCES * TARGETS,
        )

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize(
        ("package", "solve"),
        [
            pytest.param("ot", pot("sinkhorn", "numpy"), id="pot"),
            pytest.param("ott", ott({"anderson": {"memory": 5, "ridge_identity": 1e-4}}), id="ott"),
        ],
    )
    def test_sinkhorn(self, timed: Timed, package: str, solve: Any) -> None:
        """The transport alone, to the same marginal error, without the entropy."""
        if missing(package):
            pytest.skip(f"needs {package}")
        p = pairs()[0]
        prepared = solve(p, TOL, False)

        def error(potentials: Any) -> float:
            assert p.marginal_error(potentials) <= TOL
            return abs(conditional_entropy(p.joint(potentials)) - exact_entropy(p))

        timed(
            prepared.call,
            error=error,
            role="rival",
            at_most=ENTROPY,
            rounds=9,
            stands_for=SOURCES * TARGETS,
            note=f"{prepared.n_iter} iterations",
        )


@lru_cache(maxsize=1)
def pairs() -> list[Domains]:
    p = clustered(SOURCES * SMALL, TARGETS * SMALL, DIMENSION)
    sources, targets = (
        [slice(start, start + SMALL) for start in range(0, SMALL * count, SMALL)]
        for count in (SOURCES, TARGETS)
    )
    return [Domains(p.X[s], p.Z[t], p.y[s], p.t[t]) for s in sources for t in targets]


def largest_error(results: list[Any], some: list[Domains] | None = None) -> float:
    """Of the conditional entropies; and the marginals of all that are looked at are right."""
    if some is None:
        results, some = results[CHECKED], pairs()[CHECKED]
    errors: list[float] = []
    for result, p in zip(results, some, strict=True):
        potentials, epsilon = (result.solver.f, result.solver.g), result.solver.epsilon
        assert p.marginal_error(potentials, epsilon) <= TOL
        errors.append(distance(result, p))
    return max(errors)

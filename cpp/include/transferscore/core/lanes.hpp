// Sums of many terms in double precision. Terms of another type are not vectorised by Eigen.
#pragma once

#include "types.hpp"

namespace transferscore {

/// term(0) + ... + term(n - 1), several sums side by side: each addition would else wait for the last.
template <class Term>
double sum_in_lanes(Index n, const Term& term) {
  constexpr Index lanes = 32;
  double sums[lanes] = {};
  Index k = 0;
  for (; k + lanes <= n; k += lanes)
    for (Index lane = 0; lane < lanes; ++lane) sums[lane] += term(k + lane);
  for (; k < n; ++k) sums[0] += term(k);
  double sum = 0;
  for (const double s : sums) sum += s;
  return sum;
}

}  // namespace transferscore

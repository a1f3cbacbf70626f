// Negative conditional entropy: -H(Y|Z) of two label sets on the same samples, Tran, Nguyen, Hassner, ICCV 2019.
//
//   NCE = 1/n sum_z sum_y N_yz log( N_yz / N_z )                                                               (1)
//
// with whole numbers N of samples: cells without samples add nothing, and a Z that determines Y gives exactly 0.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"

namespace transferscore {

/// Labels of n samples as ids 0 .. n_classes - 1.
struct Ids {
  const std::int32_t* ids;  // (n,)
  Index n_classes;
};

namespace detail {

/// The terms of (1) for one z.
template <class Count>
double conditional_term(const Count* counts /* (size,) N_yz */, Index size) {
  double total = 0, term = 0;
  for (Index k = 0; k < size; ++k) total += static_cast<double>(counts[k]);
  for (Index k = 0; k < size; ++k) {
    const double count = static_cast<double>(counts[k]);
    if (count > 0) term += count * std::log(count / total);
  }
  return term;
}

/// (1) with a place for each pair of classes.
inline double nce_of_table(const Ids& z, const Ids& y, Index n, const Execution& execution) {
  constexpr Index piece = 1 << 20;
  std::vector<std::int64_t> counts(z.n_classes * y.n_classes);
  for (Index first = 0; first < n; first += piece) {
    execution.check();
    const Index end = std::min(n, first + piece);
    for (Index i = first; i < end; ++i) ++counts[z.ids[i] * y.n_classes + y.ids[i]];
  }
  double sum = 0;
  for (Index k = 0; k < z.n_classes; ++k) sum += conditional_term(counts.data() + k * y.n_classes, y.n_classes);
  return sum / static_cast<double>(n);
}

/// (1) by sorting the pairs, where there are more pairs of classes than samples.
inline double nce_by_sorting(const Ids& z, const Ids& y, Index n, const Execution& execution) {
  std::vector<std::int64_t> pairs(n), counts;
  for (Index i = 0; i < n; ++i) pairs[i] = z.ids[i] * static_cast<std::int64_t>(y.n_classes) + y.ids[i];
  execution.check();
  std::sort(pairs.begin(), pairs.end());
  execution.check();
  double sum = 0;
  for (Index i = 0; i < n;) {
    const std::int64_t k = pairs[i] / y.n_classes;
    counts.clear();
    while (i < n && pairs[i] / y.n_classes == k) {
      const Index first = i;
      while (i < n && pairs[i] == pairs[first]) ++i;
      counts.push_back(i - first);
    }
    sum += conditional_term(counts.data(), static_cast<Index>(counts.size()));
  }
  return sum / static_cast<double>(n);
}

}  // namespace detail

inline double nce(const Ids& z, const Ids& y, Index n, const Execution& execution) {
  const double cells = static_cast<double>(z.n_classes) * static_cast<double>(y.n_classes);
  const bool small = cells <= std::max(4 * static_cast<double>(n), 65536.0);
  return small ? detail::nce_of_table(z, y, n, execution) : detail::nce_by_sorting(z, y, n, execution);
}

}  // namespace transferscore

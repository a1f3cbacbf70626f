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

/// How many samples have each pair of labels; pairs that occur, in the order of z and then of y.
struct PairCounts {
  std::vector<std::int32_t> z, y;
  std::vector<std::int64_t> counts;

  void add(std::int64_t z_id, std::int64_t y_id, std::int64_t count) {
    z.push_back(static_cast<std::int32_t>(z_id));
    y.push_back(static_cast<std::int32_t>(y_id));
    counts.push_back(count);
  }
};

namespace detail {

/// With a place for each pair of classes.
inline PairCounts counts_by_table(const Ids& z, const Ids& y, Index n, const Execution& execution) {
  constexpr Index piece = 1 << 20;
  std::vector<std::int64_t> table(z.n_classes * y.n_classes);
  for (Index first = 0; first < n; first += piece) {
    execution.check();
    const Index end = std::min(n, first + piece);
    for (Index i = first; i < end; ++i) ++table[z.ids[i] * y.n_classes + y.ids[i]];
  }
  PairCounts pairs;
  for (Index k = 0; k < z.n_classes; ++k)
    for (Index l = 0; l < y.n_classes; ++l)
      if (const std::int64_t count = table[k * y.n_classes + l]) pairs.add(k, l, count);
  return pairs;
}

/// By sorting the pairs, where there are more pairs of classes than samples.
inline PairCounts counts_by_sorting(const Ids& z, const Ids& y, Index n, const Execution& execution) {
  std::vector<std::int64_t> codes(n);
  for (Index i = 0; i < n; ++i) codes[i] = z.ids[i] * static_cast<std::int64_t>(y.n_classes) + y.ids[i];
  execution.check();
  std::sort(codes.begin(), codes.end());
  execution.check();
  PairCounts pairs;
  for (Index i = 0; i < n;) {
    const Index first = i;
    while (i < n && codes[i] == codes[first]) ++i;
    pairs.add(codes[first] / y.n_classes, codes[first] % y.n_classes, i - first);
  }
  return pairs;
}

/// The terms of (1) for one z.
inline double conditional_term(const std::int64_t* counts /* (size,) N_yz > 0 */, Index size) {
  double total = 0, term = 0;
  for (Index k = 0; k < size; ++k) total += static_cast<double>(counts[k]);
  for (Index k = 0; k < size; ++k)
    term += static_cast<double>(counts[k]) * std::log(static_cast<double>(counts[k]) / total);
  return term;
}

}  // namespace detail

inline PairCounts pair_counts(const Ids& z, const Ids& y, Index n, const Execution& execution) {
  const double cells = static_cast<double>(z.n_classes) * static_cast<double>(y.n_classes);
  const bool small = cells <= std::max(4 * static_cast<double>(n), 65536.0);
  return small ? detail::counts_by_table(z, y, n, execution) : detail::counts_by_sorting(z, y, n, execution);
}

/// (1) from the counts of pairs, in the order of z.
inline double nce(const std::int32_t* z /* (size,) */, const std::int64_t* counts /* (size,) */, Index size) {
  double sum = 0, n = 0;
  for (Index first = 0, end; first < size; first = end) {
    for (end = first; end < size && z[end] == z[first]; ++end) n += static_cast<double>(counts[end]);
    sum += detail::conditional_term(counts + first, end - first);
  }
  return sum / n;
}

inline double nce(const Ids& z, const Ids& y, Index n, const Execution& execution) {
  const PairCounts pairs = pair_counts(z, y, n, execution);
  return nce(pairs.z.data(), pairs.counts.data(), static_cast<Index>(pairs.counts.size()));
}

}  // namespace transferscore

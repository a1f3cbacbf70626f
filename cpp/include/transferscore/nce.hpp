// Negative conditional entropy: -H(Y|Z) of two label sets on the same samples, Tran, Nguyen, Hassner, ICCV 2019.
//
//   NCE = 1/n sum_z sum_y N_yz log( N_yz / N_z )                                                               (1)
//
// with whole numbers N of samples: cells without samples add nothing, and a Z that determines Y gives exactly 0.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/class_ids.hpp"

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
template <class Count>
double conditional_term(const Count* counts /* (size,) N_yz */, Index size) {
  double total = 0, term = 0;
  for (Index k = 0; k < size; ++k) total += static_cast<double>(counts[k]);
  for (Index k = 0; k < size; ++k)
    if (counts[k] > 0) term += static_cast<double>(counts[k]) * std::log(static_cast<double>(counts[k]) / total);
  return term;
}

/// The labels from `low` to the largest of n samples.
template <class I>
struct Span {
  const I* labels;  // (n,)
  I low;
  std::uint64_t size;

  Span(const I* values, Index n, const Execution& execution) : labels(values) {
    const auto [least, most] = range_of(values, n, execution);
    low = least;
    size = static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least) + 1;  // 0: all that there are
  }

  Index place(Index i) const { return static_cast<Index>(labels[i] - low); }
};

/// (1) by a table with a place for each pair of values, which saves writing ids. Each part of the samples has a table
/// of its own; counts are whole, so neither their number nor their order shows.
template <class Z, class Y>
double nce_by_spans(const Span<Z>& z, const Span<Y>& y, Index n, Index n_parts, const Execution& execution) {
  const Index n_z = static_cast<Index>(z.size), n_y = static_cast<Index>(y.size), cells = n_z * n_y;
  std::vector<std::vector<std::uint32_t>> tables(n_parts);
  const Index part = (n + n_parts - 1) / n_parts;
  parallel_for_pieces(n, part, execution, [&](Index first, Index count) {
    auto& table = tables[first / part];
    table.assign(cells, 0);
    for (Index i = first; i < first + count; ++i) {
      if (i % labels_at_once == 0) execution.check();
      ++table[z.place(i) * n_y + y.place(i)];
    }
  });
  std::vector<double> terms(n_z);
  parallel_for_pieces(n_z, std::max<Index>(1, 16384 / n_y), execution, [&](Index first, Index count) {
    std::uint32_t* counts = tables[0].data() + first * n_y;
    for (const auto& other : tables)
      if (!other.empty() && &other != &tables[0])
        for (Index k = 0; k < count * n_y; ++k) counts[k] += other[first * n_y + k];
    for (Index k = 0; k < count; ++k) terms[first + k] = conditional_term(counts + k * n_y, n_y);
  });
  double sum = 0;
  for (const double term : terms) sum += term;
  return sum / static_cast<double>(n);
}

template <class I>
Ids ids_of(const I* labels /* (n,) */, Index n, std::vector<std::int32_t>& ids, const Execution& execution) {
  ids.resize(n);
  return {ids.data(), class_ids_of_set(labels, n, ids.data(), execution)};
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

/// (1) of integer labels of any values.
template <class Z, class Y>
double nce(const Z* z /* (n,) */, const Y* y /* (n,) */, Index n, const Execution& execution) {
  double score = 0;
  with_team(execution, 16 * static_cast<double>(n), [&](const Execution& team) {
    const detail::Span<Z> of_z(z, n, team);
    const detail::Span<Y> of_y(y, n, team);
    // Tables that cost no more than the samples, and fit the caches where samples are many.
    const double cells = static_cast<double>(of_z.size) * static_cast<double>(of_y.size);
    const bool close = of_z.size > 0 && of_y.size > 0 && cells <= std::max(static_cast<double>(n) / 4, 1024.0);
    if (close && n <= std::numeric_limits<std::uint32_t>::max()) {
      score = detail::nce_by_spans(of_z, of_y, n, std::clamp<Index>(team.n_threads, 1, 8), team);
      return;
    }
    std::vector<std::int32_t> z_ids, y_ids;
    const Ids source = detail::ids_of(z, n, z_ids, team), target = detail::ids_of(y, n, y_ids, team);
    const PairCounts pairs = pair_counts(source, target, n, team);
    score = nce(pairs.z.data(), pairs.counts.data(), static_cast<Index>(pairs.counts.size()));
  });
  return score;
}

}  // namespace transferscore

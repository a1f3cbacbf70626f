// Integer labels of any values as class ids 0 .. K-1, in the order of the labels.
#pragma once

#include <iterator>

#include "parallel.hpp"

namespace transferscore {

namespace detail {

constexpr Index labels_at_once = 1 << 16;

/// Labels from a narrow range, by a table with a place for each value of the range.
template <class I>
Index tabulate(const I* labels /* (n,) */, Index n, I low, Index range, std::int32_t* ids /* (n,) */,
               const Execution& execution) {
  constexpr std::int32_t absent = -1, present = 0;
  std::vector<std::int32_t> table(range, absent);
  for (Index i = 0; i < n; ++i) table[labels[i] - low] = present;
  Index n_classes = 0;
  for (auto& entry : table)
    if (entry == present) entry = static_cast<std::int32_t>(n_classes++);
  parallel_for_pieces(n, labels_at_once, execution, [&](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) ids[i] = table[labels[i] - low];
  });
  return n_classes;
}

/// The least label and the largest.
template <class I>
std::pair<I, I> range_of(const I* labels /* (n,) */, Index n, const Execution& execution) {
  std::vector<std::pair<I, I>> parts((n + labels_at_once - 1) / labels_at_once);
  parallel_for_pieces(n, labels_at_once, execution, [&](Index first, Index count) {
    I low = labels[first], high = low;
    for (Index i = first; i < first + count; ++i) {
      low = std::min(low, labels[i]);
      high = std::max(high, labels[i]);
    }
    parts[first / labels_at_once] = {low, high};
  });
  std::pair<I, I> range = parts[0];
  for (const auto& part : parts) range = {std::min(range.first, part.first), std::max(range.second, part.second)};
  return range;
}

/// Labels far apart, by sorting, in pieces: so many labels may come that each step must ask to go on.
template <class I>
Index rank_by_sorting(const I* labels /* (n,) */, Index n, std::int32_t* ids /* (n,) */, const Execution& execution) {
  constexpr Index piece = 1 << 18;
  std::vector<I> classes, sorted, merged;
  for (Index first = 0; first < n; first += piece) {
    execution.check();
    sorted.assign(labels + first, labels + std::min(first + piece, n));
    std::sort(sorted.begin(), sorted.end());
    merged.clear();
    std::set_union(classes.begin(), classes.end(), sorted.begin(), std::unique(sorted.begin(), sorted.end()),
                   std::back_inserter(merged));
    classes.swap(merged);
  }
  for (Index i = 0; i < n; ++i) {
    if (i % piece == 0) execution.check();
    ids[i] = static_cast<std::int32_t>(std::lower_bound(classes.begin(), classes.end(), labels[i]) - classes.begin());
  }
  return static_cast<Index>(classes.size());
}

/// Writes ids (n,) of one label set and returns its number of classes.
template <class I>
Index class_ids_of_set(const I* labels /* (n,) */, Index n, std::int32_t* ids, const Execution& execution) {
  const auto [low, high] = range_of(labels, n, execution);
  const std::uint64_t distance = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (distance >= static_cast<std::uint64_t>(4 * n + 1024)) return rank_by_sorting(labels, n, ids, execution);
  return tabulate(labels, n, low, static_cast<Index>(distance) + 1, ids, execution);
}

}  // namespace detail

/// Writes ids (L, n) of labels (n, L) and returns the number of classes of each set: (L,).
template <class I>
std::vector<Index> class_ids(const I* labels, Index n, Index n_sets, std::int32_t* ids, const Execution& execution) {
  std::vector<Index> n_classes(n_sets);
  // Columns that are copied together, because a row of them shares cache lines; few where they are long.
  const Index piece = std::clamp<Index>((Index{1} << 22) / n, 1, 16);
  with_team(execution, 8 * static_cast<double>(n) * static_cast<double>(n_sets), [&](const Execution& team) {
    if (n_sets == 1) {
      n_classes[0] = detail::class_ids_of_set(labels, n, ids, team);
      return;
    }
    parallel_for_pieces(n_sets, piece, team, [&](Index first, Index count) {
      std::vector<I> columns(count * n);  // (count, n)
      for (Index i = 0; i < n; ++i)
        for (Index l = 0; l < count; ++l) columns[l * n + i] = labels[i * n_sets + first + l];
      for (Index l = 0; l < count; ++l)
        n_classes[first + l] = detail::class_ids_of_set(columns.data() + l * n, n, ids + (first + l) * n, team.alone());
    });
  });
  return n_classes;
}

}  // namespace transferscore

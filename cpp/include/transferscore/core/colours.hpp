// Colours: a few classes in place of numbers or vectors, so that those of a class are near each other.
//
// Both quantisers look for the partition of the samples x_i into k classes with the least
//
//   sum_i || x_i - mean of the class of x_i ||^2                                                               (1)
//
// Numbers are sorted, so that classes are intervals. Up to so many different numbers the best intervals are found
// by dynamic programming,
//
//   E_k(j) = min_i E_{k-1}(i - 1) + cost of the interval i .. j,                                               (2)
//
// where the best i never falls as j grows: O(k m log m) for m numbers. More of them are first joined to cells, and then
// (2) is repeated with the borders of the cells' intervals free to move among the numbers nearby, until they stay.
// For vectors (1) is a hard problem, and k-means finds a local minimum.
#pragma once

#include <array>

#include "frame.hpp"
#include "k_means.hpp"

namespace transferscore {

namespace detail {

/// Values (size,) about 1 in size, which no partition in the sense of (1) notices: less `origin`, times a power of two.
inline void normalise(double* values, Index size, double origin) {
  Eigen::Map<Eigen::ArrayXd> x(values, size);
  const double unit = inverse_power_of_two(x.abs().maxCoeff());
  x = x * unit - origin * unit;
  x *= inverse_power_of_two(x.abs().maxCoeff());
}

/// Sums over the first 0 .. m of sorted numbers, or cells of them: weight, x and x^2.
struct PrefixSums {
  Eigen::VectorXd weight, x, squares;

  explicit PrefixSums(Index m) : weight(Eigen::VectorXd::Zero(m + 1)), x(weight), squares(weight) {}

  double mean(Index begin, Index end) const { return (x[end] - x[begin]) / (weight[end] - weight[begin]); }

  /// sum w (x - mean)^2 of those begin .. end - 1.
  double cost(Index begin, Index end) const {
    const double sum = x[end] - x[begin];
    return squares[end] - squares[begin] - sum * sum / (weight[end] - weight[begin]);
  }
};

/// Where an interval may begin: first .. last.
struct Window {
  Index first, last;
};

/// The best k intervals by (2), with begins from k windows: (k,). Of equal ones those that begin earlier.
class BestIntervals {
 public:
  BestIntervals(const PrefixSums& sums, std::vector<Window> windows /* (k,), the first of them {0, 0} */)
      : sums_(sums), windows_(std::move(windows)), least_(sums.x.size()), before_(sums.x.size()) {
    const Index m = sums.x.size() - 1, k = static_cast<Index>(windows_.size());
    windows_.push_back({m, m});
    before_[0] = 0;
    for (Index c = 0; c < k; ++c) {
      const Window ends = windows_[c + 1];
      best_.emplace_back(ends.last - ends.first + 1);
      fill(c, ends, windows_[c]);
      std::swap(before_, least_);
    }
    begins_.resize(k);
    for (Index c = k - 1, end = m; c >= 0; --c) end = begins_[c] = best_[c][end - windows_[c + 1].first];
  }

  const std::vector<Index>& begins() const { return begins_; }

 private:
  /// E_{c+1} of all ends, the last interval of which begins in `begins`.
  void fill(Index c, Window ends, Window begins) {
    if (ends.first > ends.last) return;
    const Index end = (ends.first + ends.last) / 2;
    double least = std::numeric_limits<double>::infinity();
    Index best = begins.first;
    for (Index begin = begins.first; begin <= std::min(begins.last, end - 1); ++begin) {
      const double cost = before_[begin] + sums_.cost(begin, end);
      if (cost < least) {
        least = cost;
        best = begin;
      }
    }
    least_[end] = least;
    best_[c][end - windows_[c + 1].first] = best;
    fill(c, {ends.first, end - 1}, {begins.first, best});
    fill(c, {end + 1, ends.last}, {best, begins.last});
  }

  const PrefixSums& sums_;
  std::vector<Window> windows_;
  Eigen::VectorXd least_, before_;        // E_{c+1}, E_c by end
  std::vector<std::vector<Index>> best_;  // for each c and end the best begin
  std::vector<Index> begins_;
};

/// Different numbers, sorted, with the sums of the samples that have them.
struct DifferentNumbers {
  std::vector<double> x;  // (m,)
  PrefixSums sums;

  explicit DifferentNumbers(const std::vector<double>& sorted /* (n,) */) : sums(0) {
    std::vector<double> counts;
    for (const double value : sorted) {
      if (x.empty() || value != x.back()) {
        x.push_back(value);
        counts.push_back(0);
      }
      counts.back() += 1;
    }
    sums = PrefixSums(size());
    for (Index j = 0; j < size(); ++j) {
      sums.weight[j + 1] = sums.weight[j] + counts[j];
      sums.x[j + 1] = sums.x[j] + counts[j] * x[j];
      sums.squares[j + 1] = sums.squares[j] + counts[j] * x[j] * x[j];
    }
  }

  Index size() const { return static_cast<Index>(x.size()); }
};

/// Where cells begin: every number alone, or cuts into `n_cuts` parts of equally many samples, of equally many numbers
/// and of equal width, all at once. So no cell holds much, and there are `n_cuts` of them at least.
inline std::vector<Index> cell_begins(const DifferentNumbers& numbers, Index n_cuts) {
  const Index m = numbers.size();
  std::vector<Index> begins;
  const double range = numbers.x.back() - numbers.x.front(), n = numbers.sums.weight[m];
  std::array<Index, 3> parts{-1, -1, -1};
  for (Index j = 0; j < m; ++j) {
    const auto before = parts;
    if (m > 2 * n_cuts) {
      const auto part = [&](double share) { return static_cast<Index>(share * static_cast<double>(n_cuts)); };
      parts = {part(numbers.sums.weight[j] / n), part(static_cast<double>(j) / static_cast<double>(m)),
               part((numbers.x[j] - numbers.x.front()) / range)};
      if (parts == before) continue;
    }
    begins.push_back(j);
  }
  return begins;
}

/// Windows of so many numbers about the begins of intervals, such that k intervals fit.
inline std::vector<Window> windows(const std::vector<Index>& begins /* (k,) */, Index m, Index reach) {
  const Index k = static_cast<Index>(begins.size());
  std::vector<Window> result{{0, 0}};
  for (Index c = 1; c < k; ++c)
    result.push_back({std::max(c, begins[c] - reach), std::min(m - k + c, begins[c] + reach)});
  return result;
}

/// The best k intervals of cells that begin at `cells`, in numbers.
inline std::vector<Index> best_of_cells(const DifferentNumbers& numbers, const std::vector<Index>& cells, Index k) {
  const Index n_cells = static_cast<Index>(cells.size());
  PrefixSums sums(n_cells);
  for (Index c = 0; c < n_cells; ++c) {
    const Index end = c + 1 < n_cells ? cells[c + 1] : numbers.size();
    sums.weight[c + 1] = numbers.sums.weight[end];
    sums.x[c + 1] = numbers.sums.x[end];
    sums.squares[c + 1] = numbers.sums.squares[end];
  }
  std::vector<Index> begins = BestIntervals(sums, windows(std::vector<Index>(k, 0), n_cells, n_cells)).begins();
  for (Index& begin : begins) begin = cells[begin];
  return begins;
}

/// Where the k best intervals of numbers begin; those of fewer numbers are single ones.
inline std::vector<Index> best_intervals(const DifferentNumbers& numbers, Index k) {
  constexpr int most_rounds = 20;
  const Index m = numbers.size(), reach = 64 + m / 128;
  if (m <= k) k = m;
  const std::vector<Index> cells = cell_begins(numbers, std::max<Index>(1024, k));
  std::vector<Index> begins = best_of_cells(numbers, cells, k);
  for (int round = 0; round < most_rounds && static_cast<Index>(cells.size()) < m; ++round) {
    const std::vector<Index> better = BestIntervals(numbers.sums, windows(begins, m, reach)).begins();
    if (better == begins) break;
    begins = better;
  }
  return begins;
}

}  // namespace detail

/// The colours 0 .. K-1 of numbers, which are spoilt, by increasing value; K <= k. Equal numbers have one colour.
inline Index colours_of_numbers(double* values /* (n,) */, Index n, Index k, std::int32_t* ids /* (n,) */) {
  using namespace detail;
  std::vector<double> sorted(values, values + n);
  std::nth_element(sorted.begin(), sorted.begin() + n / 2, sorted.end());
  normalise(values, n, sorted[n / 2]);
  sorted.assign(values, values + n);
  std::sort(sorted.begin(), sorted.end());

  const DifferentNumbers numbers(sorted);
  const std::vector<Index> begins = best_intervals(numbers, k);
  std::fill(ids, ids + n, 0);
  for (std::size_t c = 1; c < begins.size(); ++c) {
    const double least = numbers.x[begins[c]];
    for (Index i = 0; i < n; ++i) ids[i] += values[i] >= least ? 1 : 0;
  }
  return static_cast<Index>(begins.size());
}

/// The colours 0 .. K-1 of vectors, which are spoilt; K <= k.
inline Index colours_of_vectors(double* values /* (n, q) */, Index n, Index q, Index k, std::uint64_t seed,
                                std::int32_t* ids /* (n,) */, const Execution& execution) {
  Eigen::Map<RowMatrix<double>> z(values, n, q);
  const double unit = inverse_power_of_two(z.cwiseAbs().maxCoeff());
  z = z * unit;
  z.rowwise() -= z.row(n / 2).eval();
  z *= inverse_power_of_two(z.cwiseAbs().maxCoeff());
  const std::vector<std::int32_t> clusters = k_means(z, std::min(k, n), seed, execution);

  std::vector<std::int32_t> colour_of(k, -1);  // clusters that have samples, in the order of the first
  Index n_colours = 0;
  for (Index i = 0; i < n; ++i) {
    std::int32_t& colour = colour_of[clusters[i]];
    if (colour < 0) colour = static_cast<std::int32_t>(n_colours++);
    ids[i] = colour;
  }
  return n_colours;
}

}  // namespace transferscore

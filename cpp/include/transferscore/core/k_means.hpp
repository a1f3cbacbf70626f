// K-means: greedy k-means++ (Arthur, Vassilvitskii, SODA 2007), then Lloyd's rounds.
#pragma once

#include <cmath>
#include <limits>

#include "parallel.hpp"
#include "random.hpp"

namespace transferscore {

namespace detail {

/// Centres (k, q) among the samples. Each is the best of a few that are drawn with the square of their distance to the
/// centres before them.
inline RowMatrix<double> spread_centres(const RowMatrix<double>& z /* (n, q) */, Index k, Random& random,
                                        const Execution& execution) {
  constexpr Index piece = 1024;
  const Index n = z.rows(), n_pieces = (n + piece - 1) / piece;
  const Index n_trials = 2 + static_cast<Index>(std::log(static_cast<double>(k)));
  RowMatrix<double> centres(k, z.cols());
  centres.row(0) = z.row(random.below(n));
  Eigen::VectorXd nearest(n);  // squared distance to the centres so far
  Eigen::VectorXd sums(n_pieces);
  parallel_for(n_pieces, execution, [&](Index p) {
    const Index first = p * piece, count = std::min(piece, n - first);
    nearest.segment(first, count) = (z.middleRows(first, count).rowwise() - centres.row(0)).rowwise().squaredNorm();
    sums[p] = nearest.segment(first, count).sum();
  });

  /// A sample drawn with its share of the sum; any where all distances are 0.
  const auto draw = [&] {
    double left = random.uniform() * sums.sum();
    Index p = 0;
    while (p + 1 < n_pieces && left >= sums[p]) left -= sums[p++];
    const Index end = std::min(n, (p + 1) * piece);
    Index i = p * piece;
    while (i + 1 < end && left >= nearest[i]) left -= nearest[i++];
    return i;
  };

  Eigen::MatrixXd after(n, n_trials), sums_after(n_pieces, n_trials);
  std::vector<Index> trials(n_trials);
  const double operations = static_cast<double>(z.size()) * static_cast<double>(n_trials);
  for (Index c = 1; c < k; ++c) {
    for (Index& trial : trials) trial = draw();
    parallel_for(n_pieces, execution.for_step(operations), [&](Index p) {
      const Index first = p * piece, end = std::min(n, first + piece);
      for (Index t = 0; t < n_trials; ++t) {
        const auto candidate = z.row(trials[t]);
        for (Index i = first; i < end; ++i) after(i, t) = std::min(nearest[i], (z.row(i) - candidate).squaredNorm());
        sums_after(p, t) = after.col(t).segment(first, end - first).sum();
      }
    });
    Index best;
    sums_after.colwise().sum().minCoeff(&best);
    centres.row(c) = z.row(trials[best]);
    nearest = after.col(best);
    sums = sums_after.col(best);
  }
  return centres;
}

/// The nearest centre (n,) of each sample, the first where several are.
inline void assign(const RowMatrix<double>& z /* (n, q) */, const RowMatrix<double>& centres /* (k, q) */,
                   std::vector<std::int32_t>& ids, const Execution& execution) {
  const Eigen::RowVectorXd norms = centres.rowwise().squaredNorm();
  const double operations = static_cast<double>(z.size()) * static_cast<double>(centres.rows());
  parallel_for_pieces(z.rows(), 256, execution.for_step(operations), [&](Index first, Index count) {
    RowMatrix<double> distances(count, centres.rows());  // without the norm of the sample
    distances.noalias() = -2 * z.middleRows(first, count) * centres.transpose();
    distances.rowwise() += norms;
    for (Index i = 0; i < count; ++i) {
      Index nearest;
      distances.row(i).minCoeff(&nearest);
      ids[first + i] = static_cast<std::int32_t>(nearest);
    }
  });
}

/// Centres become the means of their samples; one without samples stays. Returns how far all moved, squared.
inline double move_to_means(const RowMatrix<double>& z /* (n, q) */, const std::vector<std::int32_t>& ids /* (n,) */,
                            RowMatrix<double>& centres /* (k, q) */, const Execution& execution) {
  constexpr Index tile = 16;
  const Index n = z.rows(), q = z.cols(), k = centres.rows();
  Eigen::VectorXd sizes = Eigen::VectorXd::Zero(k);
  for (const std::int32_t id : ids) sizes[id] += 1;
  Eigen::VectorXd moved = Eigen::VectorXd::Zero((q + tile - 1) / tile);
  parallel_for_pieces(q, tile, execution.for_step(static_cast<double>(z.size())), [&](Index first, Index count) {
    RowMatrix<double> sums = RowMatrix<double>::Zero(k, count);
    for (Index i = 0; i < n; ++i) sums.row(ids[i]) += z.row(i).segment(first, count);
    for (Index c = 0; c < k; ++c) {
      if (sizes[c] == 0) continue;
      sums.row(c) /= sizes[c];
      moved[first / tile] += (sums.row(c) - centres.row(c).segment(first, count)).squaredNorm();
      centres.row(c).segment(first, count) = sums.row(c);
    }
  });
  return moved.sum();
}

}  // namespace detail

/// The cluster 0 .. k-1 of each sample: (n,). Where there are fewer different samples than clusters, some are empty.
inline std::vector<std::int32_t> k_means(const RowMatrix<double>& z /* (n, q) */, Index k, std::uint64_t seed,
                                         const Execution& execution) {
  using namespace detail;
  constexpr Index most_rounds = 300;
  constexpr double tolerance = 1e-4;  // of the mean variance of a coordinate
  Random random(seed);
  RowMatrix<double> centres = spread_centres(z, k, random, execution);
  const double variance = (z.rowwise() - z.colwise().mean()).squaredNorm() / static_cast<double>(z.size());
  std::vector<std::int32_t> ids(z.rows(), -1), before;
  for (Index round = 0; round < most_rounds; ++round) {
    before = ids;
    assign(z, centres, ids, execution);
    if (ids == before) return ids;
    if (move_to_means(z, ids, centres, execution) <= tolerance * variance) break;
  }
  assign(z, centres, ids, execution);
  return ids;
}

}  // namespace transferscore

// Factors of symmetric positive semidefinite matrices, in tiles under parallel_for.
//
// A factor stands for a pseudo-inverse that is applied and never formed. Rows and columns are first
// scaled to a unit diagonal, so that "small pivot" means the same for features of any unit.
#pragma once

#include <Eigen/Cholesky>
#include <limits>
#include <numeric>

#include "large_matrix.hpp"
#include "mirror.hpp"
#include "parallel.hpp"

namespace transferscore {

/// The part of a matrix A that is used, and its factor: D A[kept, kept] D = L L^T.
struct Factor {
  std::vector<Index> kept;    // (r,) rows of A that span the rest
  Eigen::VectorXd scale;      // (r,) D
  Eigen::MatrixXd lower;      // L in the lower triangle of the leading (r, r)
  double smallest_pivot = 0;  // 0 where pivoting was needed

  Index rank() const { return static_cast<Index>(kept.size()); }
  auto leading() const { return lower.topLeftCorner(rank(), rank()); }

  /// U = L^-1 D R[kept], so that U^T U = R^T A^+ R for R in the range of A.
  Eigen::MatrixXd half_solve(const Eigen::MatrixXd& rhs /* (size, k) */) const {
    Eigen::MatrixXd u = scale.asDiagonal() * rhs(kept, Eigen::all);
    leading().triangularView<Eigen::Lower>().solveInPlace(u);
    return u;
  }

  /// A^-1 R from U = half_solve(R); zero in the rows that are not kept.
  Eigen::MatrixXd finish_solve(Eigen::MatrixXd u /* (r, k) */, Index size) const {
    leading().transpose().triangularView<Eigen::Upper>().solveInPlace(u);
    Eigen::MatrixXd solution = Eigen::MatrixXd::Zero(size, u.cols());
    solution(kept, Eigen::all) = scale.asDiagonal() * u;
    return solution;
  }
};

/// Factors the lower triangle in place, right-looking by blocks. Returns the smallest pivot, 0 where
/// one is not above `least_pivot` (the matrix is then spoilt).
inline double factor_in_place(Eigen::MatrixXd& a /* (size, size) */, double least_pivot, const Execution& execution) {
  constexpr Index block = 128, tile = 256;
  const Index size = a.rows();
  double smallest = std::numeric_limits<double>::infinity();
  for (Index k = 0; k < size; k += block) {
    const Index width = std::min(block, size - k), below = k + width, rest = size - below;
    Eigen::LLT<Eigen::MatrixXd> diagonal(a.block(k, k, width, width));
    const double pivot = diagonal.matrixLLT().diagonal().array().square().minCoeff();
    if (diagonal.info() != Eigen::Success || !(pivot > least_pivot)) return 0;
    smallest = std::min(smallest, pivot);
    a.block(k, k, width, width) = diagonal.matrixLLT();

    parallel_for_pieces(rest, tile, execution, [&](Index first, Index count) {
      auto panel = a.block(below + first, k, count, width);
      diagonal.matrixLLT().triangularView<Eigen::Lower>().transpose().solveInPlace<Eigen::OnTheRight>(panel);
    });
    const Index n_tiles = (rest + tile - 1) / tile;
    parallel_for(n_tiles * n_tiles, execution, [&](Index t) {
      if (t / n_tiles < t % n_tiles) return;  // above the diagonal
      const Index i = below + t / n_tiles * tile, j = below + t % n_tiles * tile;
      const Index rows = std::min(tile, size - i), columns = std::min(tile, size - j);
      a.block(i, j, rows, columns).noalias() -= a.block(i, k, rows, width) * a.block(j, k, columns, width).transpose();
    });
  }
  return smallest;
}

/// Factors a full symmetric matrix in place with diagonal pivoting until no pivot is above
/// `least_pivot`. `order` is permuted along. Returns the rank.
inline Index factor_pivoted(Eigen::MatrixXd& a /* (size, size) */, std::vector<Index>& order /* (size,) */,
                            double least_pivot, const Execution& execution) {
  constexpr Index block = 64, tile = 256;
  const Index size = a.rows();
  Eigen::VectorXd residual = a.diagonal();
  for (Index k = 0; k < size; k += block) {
    const Index below = std::min(k + block, size);
    for (Index j = k; j < below; ++j) {
      execution.check();
      Index pivot;
      const double value = residual.tail(size - j).maxCoeff(&pivot);
      if (!(value > least_pivot)) return j;
      pivot += j;
      a.row(j).swap(a.row(pivot));
      a.col(j).swap(a.col(pivot));
      std::swap(residual[j], residual[pivot]);
      std::swap(order[j], order[pivot]);

      const Index done = j - k, rest = size - j - 1;
      a(j, j) = std::sqrt(value);
      auto column = a.col(j).tail(rest);
      column.noalias() -= a.block(j + 1, k, rest, done) * a.row(j).segment(k, done).transpose();
      column /= a(j, j);
      residual.tail(rest) -= column.cwiseAbs2();
    }
    const Index rest = size - below;
    parallel_for_pieces(rest, tile, execution, [&](Index first, Index count) {
      a.block(below, below + first, rest, count).noalias() -=
          a.block(below, k, rest, below - k) * a.block(below + first, k, count, below - k).transpose();
    });
  }
  return size;
}

/// A symmetric matrix scaled to a unit diagonal, without the rows that are zero.
inline Eigen::MatrixXd equilibrated(const Eigen::MatrixXd& lower /* (size, size), lower triangle */, Factor& factor,
                                    const Execution& execution) {
  factor.kept.clear();
  for (Index j = 0; j < lower.rows(); ++j)
    if (lower(j, j) > 0) factor.kept.push_back(j);
  const Index r = factor.rank();
  factor.scale.resize(r);
  for (Index k = 0; k < r; ++k) factor.scale[k] = 1 / std::sqrt(lower(factor.kept[k], factor.kept[k]));
  Eigen::MatrixXd a = large_matrix(r, r);
  parallel_for_pieces(r, 64, execution, [&](Index first, Index count) {
    for (Index k = first; k < first + count; ++k) {
      const double* column = lower.col(factor.kept[k]).data();
      for (Index i = k; i < r; ++i) a(i, k) = column[factor.kept[i]] * factor.scale[i] * factor.scale[k];
      a(k, k) = 1;
    }
  });
  return a;
}

/// What is lost of a unit diagonal when `size` rows are eliminated in double precision.
inline double rank_tolerance(Index size) {
  return 8 * static_cast<double>(size) * std::numeric_limits<double>::epsilon();
}

/// The factor of the lower triangle of a positive semidefinite matrix, without pivoting. Its smallest
/// pivot is 0, and it must not be used, where a pivot was not above `least_pivot`.
inline Factor factor_plain(const Eigen::MatrixXd& lower /* (size, size) */, double least_pivot,
                           const Execution& execution) {
  Factor factor;
  factor.lower = equilibrated(lower, factor, execution);
  factor.smallest_pivot = factor_in_place(factor.lower, least_pivot, execution);
  return factor;
}

/// The factor of the largest part that has full rank, by diagonal pivoting.
inline Factor factor_rank_revealing(const Eigen::MatrixXd& lower /* (size, size) */, const Execution& execution) {
  Factor factor;
  factor.lower = equilibrated(lower, factor, execution);
  mirror(factor.lower, execution);
  std::vector<Index> order(factor.kept.size());
  std::iota(order.begin(), order.end(), Index{0});
  order.resize(factor_pivoted(factor.lower, order, rank_tolerance(lower.rows()), execution));

  const std::vector<Index> rows = factor.kept;
  const Eigen::VectorXd scale = factor.scale;
  factor.kept.clear();
  for (const Index k : order) factor.kept.push_back(rows[k]);
  factor.scale = scale(order);
  return factor;
}

/// Without pivoting where every pivot is above `least_pivot`, else the largest part of full rank.
inline Factor factorise(const Eigen::MatrixXd& lower /* (size, size) */, double least_pivot,
                        const Execution& execution) {
  {
    Factor factor = factor_plain(lower, least_pivot, execution);
    if (factor.smallest_pivot > 0) return factor;
  }
  return factor_rank_revealing(lower, execution);
}

}  // namespace transferscore

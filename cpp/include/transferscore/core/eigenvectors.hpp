// Leading eigenvectors of a symmetric positive semidefinite matrix.
//
// Subspace iteration on a block of vectors: each round multiplies it by a Chebyshev polynomial of the matrix that is
// small where unwanted eigenvalues lie, makes it orthonormal and takes Ritz vectors. All steps are products of
// matrices, and a few leading vectors cost a small part of a full decomposition. That is left for small matrices, for
// many vectors, and for spectra without gaps, where the iteration would take longer.
#pragma once

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <cmath>
#include <limits>

#include "parallel.hpp"
#include "random.hpp"

namespace transferscore {

struct Eigenpairs {
  Eigen::VectorXd values;   // (k,) descending, none negative
  Eigen::MatrixXd vectors;  // (size, k) orthonormal
};

namespace detail {

/// A V for a symmetric A, of which both triangles are there.
inline Eigen::MatrixXd symmetric_product(const Eigen::MatrixXd& a /* (size, size) */,
                                         const Eigen::MatrixXd& v /* (size, b) */, const Execution& execution) {
  Eigen::MatrixXd result(v.rows(), v.cols());
  const double operations = static_cast<double>(a.size()) * static_cast<double>(v.cols());
  parallel_for_pieces(a.cols(), 128, execution.for_step(operations), [&](Index first, Index count) {
    result.middleRows(first, count).noalias() = a.middleCols(first, count).transpose() * v;
  });
  return result;
}

/// Ritz vectors (size, b) of A in the span of an orthonormal basis, their values, and A times the vectors.
struct RitzPairs {
  Eigen::MatrixXd vectors, images;
  Eigen::VectorXd values;  // (b,) descending

  RitzPairs(const Eigen::MatrixXd& a, const Eigen::MatrixXd& basis, const Execution& execution) {
    const Eigen::MatrixXd of_basis = symmetric_product(a, basis, execution);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(basis.transpose() * of_basis);
    const Eigen::MatrixXd rotation = solver.eigenvectors().rowwise().reverse();
    values = solver.eigenvalues().reverse().cwiseMax(0);
    vectors = basis * rotation;
    images = of_basis * rotation;
  }

  /// The largest norm of A v - value v among the first k.
  double residual(Index k) const {
    return (images - vectors * values.asDiagonal()).leftCols(k).colwise().norm().maxCoeff();
  }
};

/// T_m(2 A / theta - 1) V, T_m the Chebyshev polynomial: at most 1 on [0, theta], theta the least value of the block,
/// and growing fast beyond. m is chosen so that the largest value does not drown the others. `products` counts.
inline Eigen::MatrixXd filtered(const Eigen::MatrixXd& a, const RitzPairs& ritz, Index& products,
                                const Execution& execution) {
  constexpr double most_growth = 1e10, most_degree = 30;
  const double centre = ritz.values[ritz.values.size() - 1] / 2;
  const double growth = std::acosh(std::max(ritz.values[0] / centre - 1, 1.0));  // infinite where the centre is 0
  const double degree = std::min(std::log(2 * most_growth) / growth, most_degree);
  if (!(degree >= 2)) return ritz.images - centre * ritz.vectors;
  Eigen::MatrixXd before = ritz.vectors, now = ritz.images / centre - ritz.vectors;
  for (Index j = 2; j <= static_cast<Index>(degree); ++j, ++products) {
    Eigen::MatrixXd next = symmetric_product(a, now, execution) * (2 / centre) - 2 * now - before;
    before.swap(now);
    now.swap(next);
  }
  return now;
}

/// An orthonormal basis (size, b) whose span holds the columns; completed where they depend on each other.
inline Eigen::MatrixXd orthonormal(Eigen::MatrixXd columns /* (size, b) */) {
  // Norms may differ by the growth of a filter.
  for (Index j = 0; j < columns.cols(); ++j) columns.col(j).normalize();
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(std::move(columns));
  Eigen::MatrixXd basis = Eigen::MatrixXd::Identity(qr.rows(), qr.cols());
  basis.applyOnTheLeft(qr.householderQ());
  return basis;
}

/// All eigenpairs.
inline Eigenpairs all_eigenpairs(const Eigen::MatrixXd& a) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(a);
  return {solver.eigenvalues().reverse().cwiseMax(0), solver.eigenvectors().rowwise().reverse()};
}

}  // namespace detail

/// At least k eigenpairs, k <= size, the leading ones; sometimes all. `start` (size, any) may hold vectors that are
/// near the first of them. Residuals are at the level of rounding; vectors of (nearly) equal values are any basis.
inline Eigenpairs leading_eigenpairs(const Eigen::MatrixXd& a /* (size, size), both triangles */, Index k,
                                     const Eigen::MatrixXd& start, const Execution& execution) {
  using namespace detail;
  constexpr double rounding = 64 * std::numeric_limits<double>::epsilon();
  constexpr Index small = 256;
  const Index size = a.rows(), block = k + std::max<Index>(32, k / 2);
  if (size <= small || 3 * block > size) return all_eigenpairs(a);

  Eigen::MatrixXd columns(size, block);
  const Index known = std::min(start.cols(), block);
  Random random(1);
  for (Index i = known * size; i < columns.size(); ++i) columns.data()[i] = 2 * random.uniform() - 1;
  if (known > 0) columns.leftCols(known) = start.leftCols(known);

  const Index most_products = 20 * size / block;  // these take about as long as all eigenpairs
  for (Index products = 1; products < most_products; ++products) {
    execution.check();
    RitzPairs ritz(a, orthonormal(std::move(columns)), execution);
    if (ritz.residual(k) <= rounding * ritz.values[0]) return {ritz.values.head(k), ritz.vectors.leftCols(k)};
    columns = filtered(a, ritz, products, execution);
  }
  return all_eigenpairs(a);
}

}  // namespace transferscore

// The regularised mean squared error of a linear model, Nguyen et al., UAI 2023.
//
// With X and Y centred, which is what an intercept without penalty does:
//
//   score = -min_W [ ||Y - X W||^2 / n + r ||W||^2 ] = -sum over columns of Q(n r) / n                           (1)
//
// where Q(lambda) = min_w ||y - X w||^2 + lambda ||w||^2. With G = X^T X or X X^T,
//
//   Q = ||y||^2 - b^T (G + lambda I)^-1 b,  b = X^T y                                                            (2)
//   Q = lambda y^T (G + lambda I)^-1 y                                                                           (3)
#pragma once

#include "core/quadratic_form.hpp"
#include "logme.hpp"

namespace transferscore {

struct LinearMSEOptions {
  bool of_evidence = false;  // a penalty for each column, where its evidence is largest
  double ridge = 0;          // or r for all, in squared units of the features
};

struct LinearMSE {
  Eigen::VectorXd errors;  // (C,) Q / n
  Eigen::VectorXd ridges;  // (C,) r
};

namespace detail {

/// U = L^-1 D B of a system's right-hand sides, so that the squared norms of its columns are b^T (G + lambda I)^+ b.
inline Eigen::VectorXd forms(const Factor& factor, const GramSystem& system, const Execution& execution) {
  return half_solve(factor, system.rhs, execution).colwise().squaredNorm();
}

constexpr double least_ridge_pivot = 1e-9;  // of 1, below which a factor without pivoting is not trusted

/// ||y - P y||^2 (C,), P the projection on the range of G: what is left over without a penalty. G = B B^T, and B is
/// made orthonormal by a Cholesky factor of B^T B.
inline Eigen::VectorXd outside_of_range(GramSystem system, const Execution& execution) {
  const Factor range = factorise(system.gram, least_ridge_pivot, execution);
  if (range.rank() == 0) return system.t_squared;
  mirror(system.gram, execution);
  const Eigen::MatrixXd b = half_solve(range, system.gram, execution);  // (rank, n) B^T
  GramSum<double> products(b.rows());
  products.add(b.transpose(), execution);
  const Eigen::MatrixXd q = half_solve(factorise(products.sum(), least_ridge_pivot, execution), b, execution);
  Eigen::VectorXd squares(system.n_columns());
  parallel_for_pieces(squares.size(), 64, execution, [&](Index first, Index count) {
    const auto y = system.rhs.middleCols(first, count);
    const Eigen::MatrixXd inside = q * y;
    squares.segment(first, count) = (y - q.transpose() * inside).colwise().squaredNorm();
  });
  return squares;
}

/// Q (C,) for one penalty.
inline Eigen::VectorXd penalised_squares(const GramSystem& system, double lambda, const Execution& execution) {
  Eigen::MatrixXd a = large_copy(system.gram);
  a.diagonal().array() += lambda;
  if (!system.of_samples) {
    const Factor factor = factorise(a, least_ridge_pivot, execution);
    return (system.t_squared - forms(factor, system, execution)).cwiseMax(0);
  }
  if (lambda > 0) {
    const Factor factor = factor_plain(a, least_ridge_pivot, execution);
    if (factor.smallest_pivot > 0) return lambda * forms(factor, system, execution);
  }
  return outside_of_range(system, execution);  // too weak to make G regular: no penalty, to working precision
}

/// (1) for each column.
inline LinearMSE linear_mse_of_system(GramSystem system, const LinearMSEOptions& options, const Execution& execution) {
  const Index n_columns = system.n_columns();
  const double n = static_cast<double>(system.n), squared_unit = system.unit * system.unit;
  const Eigen::VectorXd y_unit = system.y_unit;
  LinearMSE result{Eigen::VectorXd::Zero(n_columns), Eigen::VectorXd::Constant(n_columns, options.ridge)};
  if (!options.of_evidence) {
    result.errors = penalised_squares(system, n * options.ridge / squared_unit, execution) / n;
  } else {
    const RidgePath path(std::move(system), execution);
    const std::vector<Maximum> found = maxima(path, execution);
    parallel_for(n_columns, execution, [&](Index c) {
      Eigen::VectorXd z;
      result.errors[c] = path.fit(c, found[c].lambda, z).penalised / n;
      result.ridges[c] = found[c].lambda * squared_unit / n;
    });
  }
  result.errors.array() *= y_unit.array().square();
  return result;
}

}  // namespace detail

template <class T>
LinearMSE linear_mse(MatrixView<T> features /* (n, d) */, const Targets& targets, const LinearMSEOptions& options,
                     const Execution& execution) {
  LinearMSE result;
  const Index n = features.rows(), d = features.cols();
  const double work = static_cast<double>(features.size()) * static_cast<double>(std::min(n, d) + targets.n_columns());
  with_team(execution, work, [&](const Execution& team) {
    result = detail::linear_mse_of_system(gram_system(features, targets, true, team), options, team);
  });
  return result;
}

inline LinearMSE linear_mse(const FeatureStatistics& statistics, const LinearMSEOptions& options,
                            const Execution& execution) {
  LinearMSE result;
  const double d = static_cast<double>(statistics.d());
  with_team(execution, d * d * d, [&](const Execution& team) {
    result = detail::linear_mse_of_system(gram_system(statistics, true), options, team);
  });
  return result;
}

}  // namespace transferscore

// LogME: the logarithm of the maximum evidence of Bayesian linear regression, You et al., ICML 2021; the fixed point
// that public programs follow: You et al., JMLR 2022.
//
// For a target y, weights m with prior N(0, 1/alpha), noise N(0, 1/beta), no intercept, s_k the eigenvalues of X^T X,
// zeros included, and lambda = alpha / beta:
//
//   L = 1/2 [d log alpha + n log beta - sum_k log(alpha + beta s_k)
//            - beta ||y - X m||^2 - alpha ||m||^2 - n log 2 pi],   m = (X^T X + lambda I)^-1 X^T y               (1)
//   L(lambda) = max over beta = 1/2 [sum_k log(lambda / (lambda + s_k)) + n log(n / Q) - n - n log 2 pi]         (2)
//   dL / dlog lambda = 1/2 [gamma - n lambda ||m||^2 / Q],   gamma = sum_k s_k / (s_k + lambda)                  (3)
//
// with Q = ||y - X m||^2 + lambda ||m||^2 and beta = n / Q. The score of y is max L / n.
#pragma once

#include "core/ridge_path.hpp"

namespace transferscore {

/// The iteration alpha <- gamma / ||m||^2, beta <- (n - gamma) / ||y - X m||^2 as programs have published it: L is
/// taken with the new alpha and beta, but the old m.
struct FixedPoint {
  int max_iter = 11;
  double tol = 1e-2;                 // of lambda, relative
  double epsilon = 0;                // added to ||m||^2 and ||y - X m||^2
  bool epsilon_in_evidence = false;  // there, too
  bool carried = false;              // a column starts where the one before ended
  bool all_terms = true;             // false: with n < d, the sum in (1) has n terms only
  double alpha = 1, beta = 1;        // at the start
};

struct LogMEOptions {
  std::optional<FixedPoint> fixed_point;  // instead of the maximum
  bool weights = false;
};

struct LogME {
  Eigen::VectorXd evidences;             // (C,) max L / n; 0 for a column of zeros, of which nothing can be said
  Eigen::VectorXd alpha, beta;           // (C,); 0 for a column of zeros
  Eigen::VectorXd effective_parameters;  // (C,) gamma
  std::vector<Index> n_iter;             // (C,)
  Eigen::MatrixXd weights;               // (d, C) m, only where asked for
  Eigen::VectorXd eigenvalues;           // (min(n, d),) of X^T X, ascending; in other units than the features'
};

namespace detail {

/// Where the evidence of a column is largest, in the system's units.
struct Maximum {
  double lambda = 1;
  Index n_iter = 0;
};

/// Penalties between which the maximum is sought: from what rounding leaves of the largest eigenvalue to where the
/// features have no effect but rounding. Beyond either end nothing would change, or rounding decide.
inline Eigen::ArrayXd penalties(const RidgePath& path) {
  if (path.largest() == 0) return Eigen::ArrayXd::Ones(1);
  const double low = std::log(path.rounding());
  const double high = std::log(path.largest()) - std::log(std::numeric_limits<double>::epsilon());
  constexpr double step = 1.4;  // L is a sum of logistic curves in log lambda, about 4 wide
  return Eigen::ArrayXd::LinSpaced(static_cast<Index>(std::ceil((high - low) / step)) + 1, low, high).exp();
}

/// (2), times n and in the system's units.
inline double evidence(const RidgePath& path, double log_shrinkage, double penalised) {
  const double n = static_cast<double>(path.system().n);
  return (log_shrinkage + n * std::log(n / penalised) - n - n * std::log(2 * EIGEN_PI)) / 2;
}

/// (2) for every penalty and column.
inline Eigen::MatrixXd evidences(const RidgePath& path, const Eigen::ArrayXd& lambdas /* (k,) */,
                                 const Execution& execution) {
  Eigen::MatrixXd values(lambdas.size(), path.system().n_columns());
  parallel_for(lambdas.size(), execution, [&](Index k) {
    const double log_shrinkage = path.log_shrinkage(lambdas[k]);
    const Eigen::ArrayXd penalised = path.penalised(lambdas[k]);
    for (Index c = 0; c < values.cols(); ++c) values(k, c) = evidence(path, log_shrinkage, penalised[c]);
  });
  return values;
}

/// The zero of (3) beside the middle of three penalties where (2) is largest, by the secant of Illinois; bisection
/// where it is slow.
inline Maximum refine(const RidgePath& path, Index column, double low, double middle, double high) {
  Eigen::VectorXd z;
  Maximum best{middle};
  const double n = static_cast<double>(path.system().n);
  const auto slope = [&](double log_lambda) {
    const double lambda = std::exp(log_lambda);
    const RidgePath::Fit fit = path.fit(column, lambda, z);
    ++best.n_iter;
    const double pull = fit.within_rounding ? 0 : n * lambda * fit.squared_norm / fit.penalised;
    return path.effective_parameters(lambda) - pull;
  };
  double a = std::log(low), b = std::log(high);
  const double centre = std::log(middle), at_centre = slope(centre);
  const bool rises = at_centre > 0;  // then the maximum lies to the right
  double at_a = rises ? at_centre : slope(a), at_b = rises ? slope(b) : at_centre;
  (rises ? a : b) = centre;
  // The far end may stand beyond a minimum, on the slope of another maximum: nearer to the middle it does not.
  for (int i = 0; i < 30 && !(at_a > 0 && at_b < 0); ++i) {
    double& far = rises ? b : a;
    far = (a + b) / 2;
    (rises ? at_b : at_a) = slope(far);
  }
  if (!(at_a > 0 && at_b < 0)) return best;
  constexpr double enough = 1e-11;
  double kept = 0, x = a, width = b - a;
  for (int i = 0; i < 100 && b - a > enough; ++i) {
    const bool slow = i % 3 == 2 && b - a > width / 8;
    if (i % 3 == 2) width = b - a;
    x = slow ? (a + b) / 2 : a + (b - a) * at_a / (at_a - at_b);
    const double at_x = slope(x);
    if (at_x == 0) break;
    const bool left = at_x > 0;
    const double moved = left ? x - a : b - x;
    (left ? a : b) = x;
    (left ? at_a : at_b) = at_x;
    if (kept == (left ? 1 : -1)) (left ? at_b : at_a) /= 2;
    kept = left ? 1 : -1;
    if (std::abs(moved) < enough) break;
  }
  best.lambda = std::exp(x);
  return best;
}

/// The maximum for a column with ||y|| > 0, given (2) at some penalties. It may lie at either end, and between them
/// there may be several: each of them is looked at, because one that stands between two penalties looks lower than it
/// is.
inline Maximum maximum(const RidgePath& path, Index column, const Eigen::ArrayXd& lambdas,
                       const Eigen::VectorXd& values /* (k,) */, Eigen::VectorXd& z) {
  const Index last = lambdas.size() - 1;
  const double flat = 1e-13 * (values.cwiseAbs().maxCoeff() + static_cast<double>(path.system().n));
  double most = values[last];
  Maximum best{lambdas[last]};
  const auto offer = [&](double value, double lambda) {
    if (value <= most + flat) return;
    most = value;
    best.lambda = lambda;
  };
  offer(values[0], lambdas[0]);
  for (Index k = 1; k < last; ++k) {
    const double left = values[k - 1], right = values[k + 1];
    if (values[k] < std::max(left, right) || values[k] <= std::min(left, right) + flat) continue;
    const Maximum found = refine(path, column, lambdas[k - 1], lambdas[k], lambdas[k + 1]);
    best.n_iter += found.n_iter;
    offer(evidence(path, path.log_shrinkage(found.lambda), path.fit(column, found.lambda, z).penalised), found.lambda);
  }
  return best;
}

/// The maximum over all penalties, which does not depend on where a search would begin.
inline std::vector<Maximum> maxima(const RidgePath& path, const Execution& execution) {
  const Eigen::ArrayXd lambdas = penalties(path);
  const Eigen::MatrixXd values = evidences(path, lambdas, execution);
  std::vector<Maximum> found(values.cols());
  parallel_for(values.cols(), execution, [&](Index c) {
    Eigen::VectorXd z;
    if (path.system().t_squared[c] > 0) found[c] = maximum(path, c, lambdas, values.col(c), z);
  });
  return found;
}

/// Columns of solutions z (size, C) as weights (d, C) in the user's units; of samples: still to be multiplied by Z^T.
inline Eigen::MatrixXd weights_of(const RidgePath& path, Eigen::MatrixXd solutions, const Execution& execution) {
  path.tridiagonal().from_basis(solutions, execution);
  return solutions * path.system().y_unit.asDiagonal() / path.system().unit;
}

/// All of the result but weights for a column with ||y|| > 0.
inline void set_maximum(const RidgePath& path, Index c, const Maximum& at, Eigen::VectorXd& z, LogME& result) {
  const GramSystem& system = path.system();
  const double n = static_cast<double>(system.n), y_unit = system.y_unit[c];
  const double penalised = path.fit(c, at.lambda, z).penalised;
  result.evidences[c] = evidence(path, path.log_shrinkage(at.lambda), penalised) / n - std::log(y_unit);
  result.beta[c] = n / penalised / y_unit / y_unit;
  result.alpha[c] = at.lambda * result.beta[c] * system.unit * system.unit;
  result.effective_parameters[c] = path.effective_parameters(at.lambda);
  result.n_iter[c] = at.n_iter;
}

/// The same by iteration, which happens in the user's units. z is the solution of the last round.
inline void iterate(const RidgePath& path, Index c, const FixedPoint& rule, double& alpha, double& beta,
                    Eigen::VectorXd& z, LogME& result) {
  const GramSystem& system = path.system();
  const double n = static_cast<double>(system.n), squared_unit = system.unit * system.unit;
  const double squared_y = system.y_unit[c] * system.y_unit[c];
  double norm = 0, residual = 0, gamma = 0;
  int round = 0;
  for (bool moves = true; moves && round < rule.max_iter; ++round) {
    const double lambda = alpha / beta, scaled = std::max(lambda / squared_unit, path.rounding());
    const RidgePath::Fit fit = path.fit(c, scaled, z);
    gamma = path.effective_parameters(scaled);
    norm = fit.squared_norm * squared_y / squared_unit;
    residual = fit.residual * squared_y;
    alpha = gamma / (norm + rule.epsilon);
    beta = path.degrees_of_freedom(scaled) / (residual + rule.epsilon);
    moves = std::abs(alpha / beta - lambda) / lambda > rule.tol;
  }
  const double epsilon = rule.epsilon_in_evidence ? rule.epsilon : 0;
  double logs = path.log_shrinkage(alpha / beta / squared_unit) + n * std::log(beta);
  if (!rule.all_terms && system.of_samples) logs += static_cast<double>(system.d - system.n) * std::log(alpha);
  const double squares = beta * (residual + epsilon) + alpha * (norm + epsilon);
  result.evidences[c] = (logs - squares - n * std::log(2 * EIGEN_PI)) / (2 * n);
  result.alpha[c] = alpha, result.beta[c] = beta;
  result.effective_parameters[c] = gamma;
  result.n_iter[c] = round;
}

inline LogME logme_of_path(const RidgePath& path, const LogMEOptions& options, const Execution& execution) {
  const Index n_columns = path.system().n_columns(), size = path.eigenvalues().size();
  LogME result;
  result.eigenvalues = path.eigenvalues();
  result.evidences.setZero(n_columns);
  result.alpha = result.beta = result.effective_parameters = result.evidences;
  result.n_iter.resize(n_columns);
  if (options.weights) result.weights.setZero(size, n_columns);
  const auto keep = [&](Index c, const Eigen::VectorXd& z) {
    if (options.weights) result.weights.col(c) = z;
  };
  if (options.fixed_point) {
    const FixedPoint& rule = *options.fixed_point;
    double alpha = rule.alpha, beta = rule.beta;
    Eigen::VectorXd z;
    for (Index c = 0; c < n_columns; ++c) {
      execution.check();
      if (path.system().t_squared[c] == 0 && rule.epsilon == 0) continue;
      if (!rule.carried) alpha = rule.alpha, beta = rule.beta;
      iterate(path, c, rule, alpha, beta, z, result);
      keep(c, z);
    }
    if (!result.evidences.allFinite()) throw std::overflow_error("the iteration left the range of float64");
  } else {
    const std::vector<Maximum> found = maxima(path, execution);
    parallel_for(n_columns, execution, [&](Index c) {
      if (path.system().t_squared[c] == 0) return;
      Eigen::VectorXd z;
      set_maximum(path, c, found[c], z, result);
      keep(c, z);
    });
  }
  if (options.weights) result.weights = weights_of(path, std::move(result.weights), execution);
  return result;
}

/// Z^T A for A (n, C): (d, C)
template <class T>
Eigen::MatrixXd transposed_product(MatrixView<T> features /* (n, d) */, const Eigen::MatrixXd& a, double unit,
                                   const Execution& execution) {
  Eigen::MatrixXd product(features.cols(), a.cols());
  parallel_for_pieces(features.cols(), 64, execution, [&](Index first, Index count) {
    const Eigen::MatrixXd z = features.middleCols(first, count).template cast<double>() / unit;
    product.middleRows(first, count).noalias() = z.transpose() * a;
  });
  return product;
}

}  // namespace detail

template <class T>
LogME logme(MatrixView<T> features /* (n, d) */, const Targets& targets, const LogMEOptions& options,
            const Execution& execution) {
  LogME result;
  const Index n = features.rows(), d = features.cols();
  const double work = static_cast<double>(features.size()) * static_cast<double>(std::min(n, d) + targets.n_columns());
  with_team(execution, work, [&](const Execution& team) {
    const RidgePath path(gram_system(features, targets, false, team), team);
    result = detail::logme_of_path(path, options, team);
    if (options.weights && path.system().of_samples)
      result.weights = detail::transposed_product(features, result.weights, path.system().unit, team);
  });
  return result;
}

/// One score for each class. Not for n <= d where the features fit the labels (nearly) exactly: what is left over is
/// then a difference of sums, and L ends at its rounding.
inline LogME logme(const FeatureStatistics& statistics, const LogMEOptions& options, const Execution& execution) {
  LogME result;
  const double d = static_cast<double>(statistics.d());
  with_team(execution, d * d * d, [&](const Execution& team) {
    result = detail::logme_of_path(RidgePath(gram_system(statistics, false), team), options, team);
  });
  return result;
}

}  // namespace transferscore

// Ridge regression for every penalty at once: after one reduction to tridiagonal form, a penalty costs O(size).
//
// For m = (X^T X + lambda I)^-1 X^T y, of which no more is needed than three numbers:
//
//   Q(lambda) = min_m ||y - X m||^2 + lambda ||m||^2,   ||m||^2 = dQ / dlambda,   ||y - X m||^2 = Q - lambda ||m||^2
//
// With z = (T + lambda I)^-1 b and b the right-hand side in the basis of T:
//
//   of X^T X:  Q = ||y||^2 - b^T z,  ||m||^2 = ||z||^2                                                           (1)
//   of X X^T:  Q = lambda b^T z,     ||m||^2 = z^T T z,  ||y - X m||^2 = lambda^2 ||z||^2                        (2)
#pragma once

#include <limits>

#include "gram_system.hpp"
#include "tridiagonal.hpp"

namespace transferscore {

class RidgePath {
 public:
  RidgePath(GramSystem system, const Execution& execution)
      : system_(std::move(system)), t_(std::move(system_.gram), execution), s_(t_.eigenvalues()) {
    t_.to_basis(system_.rhs, execution);
    // Eigenvalues are exact to a few roundings of the largest one; what is smaller is taken for zero.
    rounding_ = 64 * std::numeric_limits<double>::epsilon() * std::max(s_[s_.size() - 1], 0.0);
    s_ = (s_.array() > rounding_).select(s_, 0.0);
  }

  const GramSystem& system() const { return system_; }
  const Tridiagonal& tridiagonal() const { return t_; }
  const Eigen::VectorXd& eigenvalues() const { return s_; }  // (size,) ascending
  double largest() const { return s_[s_.size() - 1]; }
  double rounding() const { return rounding_; }

  struct Fit {
    double penalised = 0, squared_norm = 0, residual = 0;
    bool within_rounding = false;  // Q is nothing but rounding: it cancels in (1) for targets that X fits exactly
  };

  /// For one target. lambda >= rounding(), z (size,) is scratch and then the solution.
  Fit fit(Index column, double lambda, Eigen::VectorXd& z) const {
    const Index size = s_.size();
    const double *d = t_.diagonal().data(), *e = t_.off_diagonal().data(), *b = system_.rhs.col(column).data();
    z.resize(size);
    Eigen::VectorXd pivot(size);
    double form = 0;
    for (Index i = 0; i < size; ++i) {
      const double ratio = i > 0 ? e[i - 1] / pivot[i - 1] : 0;
      pivot[i] = std::max(d[i] + lambda - (i > 0 ? ratio * e[i - 1] : 0), least_pivot(lambda));
      z[i] = b[i] - (i > 0 ? ratio * z[i - 1] : 0);
      form += z[i] * z[i] / pivot[i];
    }
    for (Index i = size - 1; i >= 0; --i) z[i] = (z[i] - (i + 1 < size ? e[i] * z[i + 1] : 0)) / pivot[i];
    Fit fit;
    if (system_.of_samples) {
      fit.penalised = lambda * form;
      fit.residual = lambda * lambda * z.squaredNorm();
      fit.squared_norm = z.cwiseAbs2().dot(t_.diagonal());
      for (Index i = 0; i + 1 < size; ++i) fit.squared_norm += 2 * e[i] * z[i] * z[i + 1];
      fit.squared_norm = std::max(fit.squared_norm, 0.0);
    } else {
      const double penalised = system_.t_squared[column] - form;
      fit.within_rounding = !(penalised > floor(column));
      fit.penalised = std::max(penalised, floor(column));
      fit.squared_norm = z.squaredNorm();
      fit.residual = std::max(fit.penalised - lambda * fit.squared_norm, floor(column));
    }
    return fit;
  }

  /// Q for all targets: (C,)
  Eigen::ArrayXd penalised(double lambda) const {
    const Index size = s_.size();
    Eigen::ArrayXd y = Eigen::ArrayXd::Zero(system_.n_columns()), form = y;
    double pivot = 1, ratio = 0;
    for (Index i = 0; i < size; ++i) {
      if (i > 0) ratio = t_.off_diagonal()[i - 1] / pivot;
      pivot = t_.diagonal()[i] + lambda - (i > 0 ? ratio * t_.off_diagonal()[i - 1] : 0);
      pivot = std::max(pivot, least_pivot(lambda));
      y = system_.rhs.row(i).transpose().array() - ratio * y;
      form += y.square() / pivot;
    }
    if (system_.of_samples) return lambda * form;
    return (system_.t_squared.array() - form).max(system_.t_squared.array() * share_of_rounding());
  }

  /// sum s / (s + lambda)
  double effective_parameters(double lambda) const { return (s_.array() / (s_.array() + lambda)).sum(); }

  /// n - sum s / (s + lambda), without cancellation
  double degrees_of_freedom(double lambda) const {
    return static_cast<double>(system_.n - s_.size()) + (lambda / (s_.array() + lambda)).sum();
  }

  /// sum log(lambda / (lambda + s))
  double log_shrinkage(double lambda) const { return -(s_.array() / lambda).log1p().sum(); }

 private:
  double share_of_rounding() const { return static_cast<double>(system_.n) * std::numeric_limits<double>::epsilon(); }
  double floor(Index column) const { return share_of_rounding() * system_.t_squared[column]; }
  double least_pivot(double lambda) const { return lambda / 2; }

  GramSystem system_;
  Tridiagonal t_;
  Eigen::VectorXd s_;
  double rounding_ = 0;
};

}  // namespace transferscore

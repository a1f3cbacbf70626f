// Anderson acceleration of a fixed-point iteration x <- x + residual(x).
#pragma once

#include <Eigen/Cholesky>
#include <deque>

#include "types.hpp"

namespace transferscore {

/// Mixes the last few iterates so that their residuals cancel (Anderson, "Iterative procedures for nonlinear integral
/// equations", 1965): weights w with sum one that minimise || sum_k w_k residual_k ||, then sum_k w_k (x_k +
/// residual_k).
class Anderson {
 public:
  /// Residuals that differ by less than the resolution (root mean square) say nothing about the next one.
  Anderson(Index window, double resolution, Eigen::VectorXd metric /* (m,) weights of squares, with sum one */)
      : window_(window), resolution_(resolution), metric_(std::move(metric)) {}

  void clear() { steps_.clear(); }

  double relaxation = 1;

  /// The next iterate after x (m,) with its residual (m,).
  Eigen::VectorXd next(const Eigen::VectorXd& x, const Eigen::VectorXd& residual) {
    if (static_cast<Index>(steps_.size()) == window_) steps_.pop_front();
    if (!steps_.empty() && mean_square(residual - steps_.back().residual) < resolution_ * resolution_) clear();
    steps_.push_back({x + relaxation * residual, residual});
    const Eigen::VectorXd w = mixing_weights();
    Eigen::VectorXd mixed = Eigen::VectorXd::Zero(x.size());
    for (Index k = 0; k < w.size(); ++k) mixed += w[k] * steps_[k].image;
    return mixed;
  }

 private:
  struct Step {
    Eigen::VectorXd image, residual;  // (m,)
  };

  double mean_square(const Eigen::VectorXd& residual) const { return residual.cwiseAbs2().dot(metric_); }

  Eigen::VectorXd mixing_weights() const {
    const Index size = static_cast<Index>(steps_.size());
    Eigen::MatrixXd gram(size, size);
    for (Index k = 0; k < size; ++k) {
      const Eigen::VectorXd weighted = steps_[k].residual.cwiseProduct(metric_);
      for (Index l = 0; l <= k; ++l) gram(k, l) = gram(l, k) = weighted.dot(steps_[l].residual);
    }
    gram.diagonal().array() += ridge * gram.trace() + std::numeric_limits<double>::min();
    Eigen::VectorXd w = gram.ldlt().solve(Eigen::VectorXd::Ones(size));
    w /= w.sum();
    if (!w.allFinite()) {
      w.setZero();
      w[size - 1] = 1;
    }
    return w;
  }

  static constexpr double ridge = 1e-5;
  Index window_;
  double resolution_;
  Eigen::VectorXd metric_;
  std::deque<Step> steps_;
};

}  // namespace transferscore

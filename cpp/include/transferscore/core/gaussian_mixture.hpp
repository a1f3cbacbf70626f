// Mixtures of Gaussians by expectation and maximisation: Dempster, Laird, Rubin, JRSS B 1977.
//
// Blocks of rows in the expectation, components in the maximisation are tasks; neither depends on the number of
// threads. Densities stay in the log domain until each row has been divided by its sum.
#pragma once

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "parallel.hpp"

namespace transferscore {

enum class Covariance { full, diagonal, spherical };

struct MixtureOptions {
  Covariance covariance;
  double ridge;  // on the diagonal of each covariance, above 0
  double tol;    // of the change of the mean log-likelihood
  Index max_iter;
};

struct MixtureFit {
  Eigen::MatrixXd posterior;  // (n, K) of the last parameters
  double log_likelihood = 0;  // of them, mean over samples
  Index n_iter = 0;
  bool converged = false;
};

class GaussianMixture {
 public:
  GaussianMixture(Index q, Index n_components, const MixtureOptions& options)
      : options_(options),
        means_(q, n_components),
        whitening_(q, options.covariance == Covariance::full ? q * n_components : n_components),
        log_peak_(n_components) {}

  /// Writes P(component | sample) and returns the mean log-likelihood.
  double expect(const RowMatrix<double>& z /* (n, q) */, Eigen::MatrixXd& posterior /* (n, K) */,
                const Execution& execution) const {
    constexpr Index piece = 128;
    const Index n = z.rows();
    Eigen::VectorXd sums = Eigen::VectorXd::Zero((n + piece - 1) / piece);
    parallel_for_pieces(n, piece, execution.for_step(operations(n)), [&](Index first, Index count) {
      const Eigen::MatrixXd rows = z.middleRows(first, count);
      Eigen::ArrayXd squares(count), most = Eigen::ArrayXd::Constant(count, -std::numeric_limits<double>::infinity());
      for (Index k = 0; k < size(); ++k) {
        add_squares(rows, k, squares);
        posterior.col(k).segment(first, count) = log_peak_[k] - squares / 2;
        most = most.max(posterior.col(k).segment(first, count).array());
      }
      Eigen::ArrayXd total = Eigen::ArrayXd::Zero(count);
      for (Index k = 0; k < size(); ++k) {
        auto part = posterior.col(k).segment(first, count).array();
        part = (part - most).exp();
        total += part;
      }
      for (Index k = 0; k < size(); ++k) posterior.col(k).segment(first, count).array() /= total;
      sums[first / piece] = (most + total.log()).sum();
    });
    return sums.sum() / static_cast<double>(n);
  }

  /// The parameters that are most likely with these weights of samples in components.
  void maximise(const RowMatrix<double>& z /* (n, q) */, const Eigen::MatrixXd& posterior /* (n, K) */,
                const Execution& execution) {
    parallel_for(size(), execution.for_step(operations(z.rows())), [&](Index k) { fit(z, posterior.col(k), k); });
  }

 private:
  static constexpr double epsilon = std::numeric_limits<double>::epsilon();

  Index size() const { return means_.cols(); }
  bool is_full() const { return options_.covariance == Covariance::full; }

  double operations(Index n) const { return static_cast<double>(n) * static_cast<double>(whitening_.size()); }

  /// squares (rows,) = || (z - mean) whitening ||^2
  void add_squares(const Eigen::MatrixXd& rows /* (rows, q) */, Index k, Eigen::ArrayXd& squares) const {
    constexpr Index tile = 64;
    const Index q = rows.cols();
    squares.setZero();
    if (!is_full()) {
      for (Index j = 0; j < q; ++j) squares += ((rows.col(j).array() - means_(j, k)) * whitening_(j, k)).square();
      return;
    }
    const Eigen::MatrixXd about_mean = rows.rowwise() - means_.col(k).transpose();
    Eigen::MatrixXd white(rows.rows(), std::min(tile, q));
    for (Index first = 0; first < q; first += tile) {
      const Index count = std::min(tile, q - first), above = first + count;  // below the diagonal there is nothing
      auto part = white.leftCols(count);
      part.noalias() = about_mean.leftCols(above) * whitening_.block(0, k * q + first, above, count);
      for (Index j = 0; j < count; ++j) squares += part.col(j).array().square();
    }
  }

  template <class Weights>
  void fit(const RowMatrix<double>& z, const Weights& weights /* (n,) */, Index k) {
    const double n = static_cast<double>(z.rows());
    const double mass = weights.sum() + 10 * epsilon;  // an empty component has a mean and a covariance, too
    // All that is left out together weighs less than a rounding error of a rounding error.
    const double least = epsilon * epsilon * mass / n;
    std::vector<Index> active;
    for (Index i = 0; i < z.rows(); ++i)
      if (weights[i] > least) active.push_back(i);

    auto mean = means_.col(k);
    mean.setZero();
    for (const Index i : active) mean += weights[i] * z.row(i).transpose();
    mean /= mass;
    const double log_scale =
        is_full() ? set_full(z, weights, active, mass, k) : set_diagonal(z, weights, active, mass, k);
    constexpr double log_two_pi = 1.8378770664093454836;
    log_peak_[k] = std::log(mass / n) + log_scale - static_cast<double>(z.cols()) * log_two_pi / 2;
  }

  /// Sets the whitening L^-T of a covariance L L^T; returns the logarithm of its determinant.
  template <class Weights>
  double set_full(const RowMatrix<double>& z, const Weights& weights, const std::vector<Index>& active, double mass,
                  Index k) {
    constexpr Index piece = 512;
    const Index q = z.cols(), n_active = static_cast<Index>(active.size());
    Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(q, q);
    RowMatrix<double> rows(std::min(piece, n_active), q);
    for (Index first = 0; first < n_active; first += piece) {
      const Index count = std::min(piece, n_active - first);
      for (Index i = 0; i < count; ++i) {
        const Index sample = active[first + i];
        rows.row(i) = std::sqrt(weights[sample]) * (z.row(sample) - means_.col(k).transpose());
      }
      covariance.selfadjointView<Eigen::Lower>().rankUpdate(rows.topRows(count).transpose());
    }
    covariance /= mass;
    covariance.diagonal().array() += options_.ridge;
    // The ridge may be lost in the rounding of a large covariance: add what rounding may have taken.
    Eigen::LLT<Eigen::MatrixXd> factor(covariance);
    for (double extra = epsilon * covariance.trace(); factor.info() != Eigen::Success; extra *= 10) {
      covariance.diagonal().array() += extra;
      factor.compute(covariance);
    }
    auto whitening = whitening_.middleCols(k * q, q);
    whitening.setIdentity();
    factor.matrixLLT().template triangularView<Eigen::Lower>().transpose().solveInPlace(whitening);
    return whitening.diagonal().array().log().sum();
  }

  template <class Weights>
  double set_diagonal(const RowMatrix<double>& z, const Weights& weights, const std::vector<Index>& active, double mass,
                      Index k) {
    Eigen::ArrayXd variance = Eigen::ArrayXd::Zero(z.cols());
    for (const Index i : active) variance += weights[i] * (z.row(i).transpose() - means_.col(k)).array().square();
    variance = variance / mass + options_.ridge;
    if (options_.covariance == Covariance::spherical) variance.setConstant(variance.mean());
    whitening_.col(k) = variance.rsqrt();
    return -variance.log().sum() / 2;
  }

  MixtureOptions options_;
  Eigen::MatrixXd means_;      // (q, K)
  Eigen::MatrixXd whitening_;  // (q, q K) upper triangles, or (q, K) inverse standard deviations
  Eigen::VectorXd log_peak_;   // (K,) logarithm of weight and density at the mean
};

/// From a component for each sample on, rounds of maximisation and expectation until the likelihood hardly changes.
inline MixtureFit fit_mixture(const RowMatrix<double>& z /* (n, q) */,
                              const std::vector<std::int32_t>& start /* (n,) */, Index n_components,
                              const MixtureOptions& options, const Execution& execution) {
  MixtureFit fit;
  fit.posterior = Eigen::MatrixXd::Zero(z.rows(), n_components);
  for (Index i = 0; i < z.rows(); ++i) fit.posterior(i, start[i]) = 1;
  GaussianMixture mixture(z.cols(), n_components, options);
  mixture.maximise(z, fit.posterior, execution);
  fit.log_likelihood = mixture.expect(z, fit.posterior, execution);
  double before = -std::numeric_limits<double>::infinity();
  while (!fit.converged && fit.n_iter < options.max_iter) {
    ++fit.n_iter;
    fit.converged = std::abs(fit.log_likelihood - before) < options.tol;
    before = fit.log_likelihood;
    mixture.maximise(z, fit.posterior, execution);
    fit.log_likelihood = mixture.expect(z, fit.posterior, execution);
  }
  return fit;
}

}  // namespace transferscore

// N-LEEP: LEEP with clusters of the features in place of source classes. Li, Jia, Sang, Zhu, Green, Wang, Gong, CVPR
// 2021.
//
// Z are principal components of the features, and a mixture of K Gaussians is fitted to them:
//
//   theta_ik = P(k | z_i) = w_k N(z_i; mu_k, S_k) / sum_j w_j N(z_i; mu_j, S_j)                                (1)
//   NLEEP = 1/n sum_i log sum_k P(y_i|k) theta_ik,   P(y|k) as in LEEP                                         (2)
//
// or (2) without the logarithm.
#pragma once

#include "core/gaussian_mixture.hpp"
#include "core/k_means.hpp"
#include "core/pca.hpp"
#include "leep.hpp"

namespace transferscore {

struct NleepOptions {
  Reduction pca;
  Index n_components;
  MixtureOptions mixture;  // its ridge in squared units of the features
  bool log;
  std::uint64_t seed;
};

struct Nleep {
  double value = 0;
  double log_likelihood = 0;  // of the mixture, mean over samples
  Index n_dimensions = 0;     // of Z
  Index n_iter = 0;
  bool converged = false;
  std::vector<std::int32_t> start;  // (n,) the cluster of each sample in which the mixture began
};

namespace detail {

/// Z (n, q) in the frame's units.
template <class T>
RowMatrix<double> coordinates(MatrixView<T> features /* (n, d) */, const Frame<T>& frame, const Reduction& reduction,
                              const Execution& execution) {
  if (!reduction.none()) return principal_coordinates(features, frame, reduction, execution);
  RowMatrix<double> z(features.rows(), features.cols());
  parallel_for_pieces(z.rows(), 64, execution.for_step(static_cast<double>(z.size())), [&](Index first, Index count) {
    write_framed<double>(features, frame, first, 0, z.middleRows(first, count));
  });
  if (!std::isfinite(z.squaredNorm())) throw std::overflow_error("squares of features overflow");
  return z;
}

}  // namespace detail

template <class T>
Nleep nleep(MatrixView<T> features /* (n, d) */, const std::int32_t* ids /* (n,) */, Index n_classes,
            const NleepOptions& options, const Execution& execution) {
  using namespace detail;
  const Index n = features.rows(), d = features.cols();
  const double size = static_cast<double>(n) * static_cast<double>(d);
  const double work =
      size * static_cast<double>(std::min(n, d)) + 10 * size * static_cast<double>(options.n_components);
  Nleep result;
  with_team(execution, work, [&](const Execution& team) {
    const Frame<T> frame = centred_frame(features, team);
    const double unit = static_cast<double>(frame.scale[0]);
    const RowMatrix<double> z = coordinates(features, frame, options.pca, team);
    result.n_dimensions = z.cols();
    result.start = k_means(z, options.n_components, options.seed, team);

    constexpr double least_ridge = 1e-30;  // of samples of order 1: a density must not overflow
    MixtureOptions mixture = options.mixture;
    mixture.ridge = std::max(mixture.ridge * unit * unit, least_ridge);
    MixtureFit fit = fit_mixture(z, result.start, options.n_components, mixture, team);
    result.log_likelihood = fit.log_likelihood + static_cast<double>(z.cols()) * std::log(unit);
    result.n_iter = fit.n_iter;
    result.converged = fit.converged;

    const RowMatrix<double> posterior = fit.posterior;
    fit.posterior.resize(0, 0);
    const Predictions<double> theta({posterior.data(), n, posterior.cols()}, Rows::as_given, team);
    const auto value = [&](double p) { return options.log ? std::log(p) : p; };
    result.value = mean_of_predictions(theta, ids, n_classes, value, team);
  });
  return result;
}

}  // namespace transferscore

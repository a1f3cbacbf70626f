// Gradient of the H-score by the features.
//
// In the terms of h_score.hpp, with the features f_i centred, w = 1 - a, R the scaled class means, A = w S + n a mu I
// and V = A^-1 R:
//
//   H = w tr(R^T V)
//   dH/df_i = 2 w (V_c / sqrt(n_c) - w V V^T f_i - a ||V||^2 / d f_i),  c the class of i                          (1)
//
// Ledoit and Wolf's intensity depends on the features, too, a = beta / delta. (1) is then the part at a fixed a, to
// which (dH/da) (da/df_i) is added:
//
//   dH/da = - tr(R^T V) - w (n mu ||V||^2 - ||F V||^2)                                                            (2)
//   da/df_i = (dbeta/df_i - a ddelta/df_i) / delta                                                                (3)
#pragma once

#include "h_score.hpp"

namespace transferscore {

struct HScoreGradient {
  double value = 0;
  double intensity = 0;  // of the shrinkage
  Index rank = -1;       // of the centred features; -1 with shrinkage
};

namespace detail {

/// What (3) needs of all samples: da/df_i = norm ||f_i||^2 f_i + scatter S f_i + radius f_i, but for its mean over i.
struct IntensityGradient {
  double norm = 0, scatter = 0, radius = 0;

  IntensityGradient() = default;
  IntensityGradient(Index n_samples, Index n_features, double trace, double squared_norm, double intensity) {
    const double n = static_cast<double>(n_samples), d = static_cast<double>(n_features);
    const double mu = trace / (n * d), delta = (squared_norm / (n * n) - d * mu * mu) / d;
    if (!(intensity > 0 && intensity < 1)) return;  // at its bounds it stays there
    norm = 4 / (n * n * d * delta);
    scatter = -4 / (n * n * d * delta) * (1 / n + intensity);
    radius = 4 * mu * intensity / (n * d * delta);
  }
  bool is_zero() const { return norm == 0; }
};

}  // namespace detail

/// The score and its derivatives; features that depend on others by a rank below their number count as constants.
template <class T>
HScoreGradient h_score_gradient(MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (1, n) */,
                                const HScoreOptions& options, T* gradient /* (n, d) */, const Execution& whole) {
  using namespace detail;
  const Index n = features.rows(), d = features.cols(), n_classes = labels.n_classes[0];
  HScoreGradient result;
  with_team(whole, 3 * static_cast<double>(features.size()) * static_cast<double>(d), [&](const Execution& execution) {
    Frame<T> frame = sampled_frame(features, options.plain() ? Scaling::per_feature : Scaling::common);
    const Moments m = moments_about_mean<double>(features, frame, labels, options.ledoit_wolf, execution);
    Eigen::MatrixXd scatter = large_copy(m.scatter);
    const double trace = scatter.diagonal().sum(), squares = options.ledoit_wolf ? squared_norm(scatter) : 0;
    const double fourth_moment = options.ledoit_wolf ? m.fourth_radial_moment() : 0;
    const std::optional<FeatureSystem> system =
        feature_system<double>(std::move(scatter), n, fourth_moment, options, execution);
    if (!system) throw std::overflow_error("products of features overflow");
    const double intensity = system->score.intensity, weight = system->weight();
    const Eigen::MatrixXd means = scaled_class_means(m.classes, 0, m.mean, 0, n_classes);
    const Eigen::MatrixXd v = system->factor.finish_solve(system->factor.half_solve(means), d);
    result = {weight * means.cwiseProduct(v).sum(), intensity,
              system->score.rank < 0 ? -1 : std::min(system->score.rank, n - 1)};

    IntensityGradient of_intensity;
    Eigen::MatrixXd full;  // S, both triangles
    double by_intensity = 0;
    if (options.ledoit_wolf) {
      of_intensity = IntensityGradient(n, d, trace, squares, intensity);
      full = m.scatter;
      mirror(full, execution);
      by_intensity = -means.cwiseProduct(v).sum() -
                     weight * (trace / static_cast<double>(d) * v.squaredNorm() - v.cwiseProduct(full * v).sum());
    }
    const double shrunk = intensity * v.squaredNorm() / static_cast<double>(d);
    const Eigen::MatrixXd of_class =
        v * m.classes.counts(0, 0, n_classes).cwiseSqrt().cwiseInverse().asDiagonal();  // (d, K)
    const RowMatrix<double> factors = v.transpose();                                    // (K, d)

    // The derivative is that of centred features: its mean, which is not zero where norms count, is taken away.
    const Eigen::RowVectorXd mean_of_norms =
        of_intensity.is_zero()
            ? Eigen::RowVectorXd::Zero(d)
            : ((m.sums.a_z.transpose() - m.sums.a * m.mean.transpose() - 2 * (full * m.mean).transpose()) /
               static_cast<double>(n))
                  .eval();
    const auto scale = frame.scale.template cast<double>().matrix();
    for_each_wave<double>(features, frame, 1024, execution, [&](Index first_row, const auto& wave) {
      parallel_for_pieces(wave.rows(), 64, execution, [&](Index first, Index count) {
        const RowMatrix<double> f = wave.middleRows(first, count).rowwise() - m.mean.transpose();
        RowMatrix<double> derivative = -weight * ((f * v) * factors) - shrunk * f;
        for (Index i = 0; i < count; ++i)
          derivative.row(i) += of_class.col(labels.ids[first_row + first + i]).transpose();
        derivative *= 2 * weight;
        if (!of_intensity.is_zero()) {
          RowMatrix<double> change = of_intensity.scatter * (f * full) + of_intensity.radius * f;
          for (Index i = 0; i < count; ++i)
            change.row(i) += of_intensity.norm * (f.row(i).squaredNorm() * f.row(i) - mean_of_norms);
          derivative += by_intensity * change;
        }
        for (Index i = 0; i < count; ++i)
          Eigen::Map<Eigen::RowVectorX<T>>(gradient + (first_row + first + i) * d, d) =
              derivative.row(i).cwiseProduct(scale).template cast<T>();
      });
    });
  });
  return result;
}

}  // namespace transferscore

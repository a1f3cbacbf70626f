// GBC: how little the classes overlap as Gaussians, Pandy, Agostinelli, Uijlings, Ferrari, Mensink, CVPR 2022.
//
// Each class is a Gaussian with the mean m_c of its samples and the diagonal S_c of their covariance (divided by n_c),
// or the mean of that diagonal times the identity. Over ordered pairs, with S = (S_i + S_j) / 2:
//
//   GBC = - sum_{i != j} exp(-D_ij)                                                                            (1)
//   D_ij = 1/8 (m_i - m_j)^T S^-1 (m_i - m_j) + 1/2 log( |S| / sqrt(|S_i| |S_j|) )                             (2)
#pragma once

#include "core/pca.hpp"

namespace transferscore {

struct GbcOptions {
  Reduction pca;
  bool spherical = false;
  double least_variance = 0;  // of a coordinate in a class, in squared units of the features
};

namespace detail {

struct ClassGaussians {
  Eigen::ArrayXXd means;      // (q, K)
  Eigen::ArrayXXd variances;  // (q, K)
  Eigen::ArrayXd log_det;     // (K,) sum of log variances
};

/// row(i, first, count): the coordinates first .. first + count - 1 of sample i.
template <class Row>
ClassGaussians class_gaussians(Index n, Index q, const Row& row, const std::int32_t* ids /* (n,) */, Index n_classes,
                               double least_variance, bool spherical, const Execution& execution) {
  constexpr Index tile = 16;
  Eigen::ArrayXd sizes = Eigen::ArrayXd::Zero(n_classes);
  for (Index i = 0; i < n; ++i) sizes[ids[i]] += 1;
  ClassGaussians g{Eigen::ArrayXXd::Zero(q, n_classes), Eigen::ArrayXXd::Zero(q, n_classes), {}};
  parallel_for_pieces(q, tile, execution.for_step(4 * static_cast<double>(n * q)), [&](Index first, Index count) {
    auto means = g.means.middleRows(first, count);
    auto variances = g.variances.middleRows(first, count);
    for (Index i = 0; i < n; ++i) means.col(ids[i]) += row(i, first, count);
    means.rowwise() /= sizes.transpose();
    for (Index i = 0; i < n; ++i) variances.col(ids[i]) += (row(i, first, count) - means.col(ids[i])).square();
    variances.rowwise() /= sizes.transpose();
  });
  if (!g.variances.isFinite().all()) throw std::overflow_error("squares of features overflow");
  g.variances = g.variances.max(least_variance);
  if (spherical) g.variances.rowwise() = g.variances.colwise().mean().eval();
  g.log_det = g.variances.log().colwise().sum().transpose();
  return g;
}

/// (1), without the sign.
inline double overlap(const ClassGaussians& g, const Execution& execution) {
  const Index n_classes = g.means.cols();
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(n_classes);
  const double operations = 10 * static_cast<double>(g.means.size()) * static_cast<double>(n_classes);
  parallel_for(n_classes, execution.for_step(operations), [&](Index i) {
    Eigen::ArrayXd both(g.means.rows());  // S_i + S_j
    for (Index j = i + 1; j < n_classes; ++j) {
      both = g.variances.col(i) + g.variances.col(j);
      const double apart = ((g.means.col(i) - g.means.col(j)).square() / both).sum() / 4;
      const double unlike = ((both / 2).log().sum() - (g.log_det[i] + g.log_det[j]) / 2) / 2;
      sums[i] += 2 * std::exp(-apart - std::max(unlike, 0.0));
    }
  });
  return sums.sum();
}

}  // namespace detail

/// The score (L,) of every label set.
template <class T>
Eigen::VectorXd gbc(MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (L, n) */,
                    const GbcOptions& options, const Execution& execution) {
  using namespace detail;
  const Index n = features.rows(), d = features.cols();
  const double size = static_cast<double>(n) * static_cast<double>(d);
  double work = options.pca.none() ? 0 : size * static_cast<double>(std::min(n, d));
  for (const Index k : labels.n_classes) work += 4 * size + 10 * static_cast<double>(k) * static_cast<double>(k * d);
  Eigen::VectorXd values(labels.count());
  with_team(execution, work, [&](const Execution& team) {
    const Frame<T> frame = centred_frame(features, team);
    const double unit = static_cast<double>(frame.scale[0]);
    const double least = std::max(options.least_variance * unit * unit, std::numeric_limits<double>::min());
    const auto score_all = [&](Index q, const auto& row) {
      for (Index l = 0; l < labels.count(); ++l) {
        const ClassGaussians g =
            class_gaussians(n, q, row, labels.set(l), labels.n_classes[l], least, options.spherical, team);
        values[l] = 0.0 - overlap(g, team);  // never -0
      }
    };
    if (options.pca.none()) {
      const Eigen::ArrayXd shift = frame.shift.template cast<double>();
      score_all(d, [&](Index i, Index first, Index count) {
        const auto x = features.row(i).segment(first, count).transpose().array().template cast<double>();
        return (x - shift.segment(first, count)) * unit;
      });
    } else {
      const RowMatrix<double> z = principal_coordinates(features, frame, options.pca, team);
      score_all(z.cols(),
                [&](Index i, Index first, Index count) { return z.row(i).segment(first, count).transpose().array(); });
    }
  });
  return values;
}

}  // namespace transferscore

// What linear models ask of features and targets: the Gram matrix on the smaller side, and the targets seen from there.
//
// With more samples than features G = X^T X and the right-hand sides are X^T Y. Otherwise G = X X^T and they are Y.
// Targets are class labels, whose columns are indicators, or real numbers. Centred systems have the means of features
// and targets taken away: they are those of models with an intercept.
#pragma once

#include <optional>
#include <stdexcept>

#include "large_matrix.hpp"
#include "row_gram.hpp"
#include "statistics.hpp"

namespace transferscore {

/// Labels of one set, or values, or neither.
struct Targets {
  std::optional<LabelSets> labels;
  MatrixView<double> values{nullptr, 0, 0};  // (n, C)

  Index n_columns() const { return labels ? labels->n_classes[0] : values.cols(); }
};

/// Of samples x = unit * z and targets y = y_unit * t; everything below is of z and t.
struct GramSystem {
  Index n = 0, d = 0;
  bool of_samples = false;  // G = Z Z^T
  double unit = 1;
  Eigen::MatrixXd gram;       // (size, size), lower triangle
  Eigen::MatrixXd rhs;        // (size, C)
  Eigen::VectorXd t_squared;  // (C,) ||t||^2
  Eigen::VectorXd y_unit;     // (C,) powers of two

  Index n_columns() const { return rhs.cols(); }
};

namespace detail {

/// A frame that scales and does not shift.
template <class T>
Frame<T> frame_about_zero(MatrixView<T> features /* (n, d) */) {
  const T largest = features.cwiseAbs().maxCoeff();
  return {Frame<T>::Row::Zero(features.cols()),
          Frame<T>::Row::Constant(features.cols(), inverse_power_of_two(largest))};
}

/// T (n, C) in units of y_unit, and what a system knows of it.
inline RowMatrix<double> scaled_targets(const Targets& targets, Index n, bool centred, GramSystem& system) {
  const Index n_columns = targets.n_columns();
  RowMatrix<double> t = RowMatrix<double>::Zero(n, n_columns);
  system.y_unit.setOnes(n_columns);
  if (targets.labels) {
    for (Index i = 0; i < n; ++i) t(i, targets.labels->ids[i]) = 1;
  } else {
    for (Index c = 0; c < n_columns; ++c) {
      const double scale = inverse_power_of_two(targets.values.col(c).cwiseAbs().maxCoeff());
      system.y_unit[c] = 1 / scale;
      t.col(c) = targets.values.col(c) * scale;
      // Relative to the first value: a constant column is then exactly zero.
      if (centred) t.col(c).array() -= t(0, c);
    }
  }
  if (centred && n_columns > 0) t.rowwise() -= t.colwise().mean().eval();
  system.t_squared = t.colwise().squaredNorm();
  return t;
}

/// Sums over samples in a frame.
struct Products {
  Eigen::MatrixXd gram;  // (d, d) Z^T Z, lower triangle
  Eigen::VectorXd sum;   // (d,)
  Eigen::MatrixXd rhs;   // (d, C) Z^T T
};

template <class T>
Products products(MatrixView<T> features /* (n, d) */, const Frame<T>& frame, const Targets& targets,
                  const RowMatrix<double>& t /* (n, C), read where there are no labels */, const Execution& execution) {
  const Index d = features.cols();
  GramSum<double> gram(d);
  FeatureSums sums(d, false);
  std::optional<ClassSums> classes;
  if (targets.labels) classes.emplace(*targets.labels, 0, 1, d);
  Products p{{}, {}, Eigen::MatrixXd::Zero(d, targets.n_columns())};
  for_each_wave<double>(features, frame, gram.blocks_at_once() * GramSum<double>::block_rows, execution,
                        [&](Index first_row, const auto& wave) {
                          gram.add(wave, execution);
                          sums.add(wave, execution);
                          if (classes) {
                            classes->add(first_row, wave, execution);
                          } else if (t.cols() > 0) {
                            parallel_for_pieces(d, 64, execution, [&](Index first, Index count) {
                              p.rhs.middleRows(first, count).noalias() +=
                                  wave.middleCols(first, count).transpose() * t.middleRows(first_row, wave.rows());
                            });
                          }
                        });
  p.gram = std::move(gram.sum());
  p.sum = sums.z;
  if (classes) p.rhs = classes->sums(0, 0, targets.n_columns());
  return p;
}

/// What labels alone tell of their indicators.
inline void describe_indicators(const Eigen::VectorXd& counts /* (K,) */, bool centred, GramSystem& system) {
  system.y_unit.setOnes(counts.size());
  system.t_squared = counts;
  if (centred) system.t_squared.array() -= counts.array().square() / static_cast<double>(system.n);
}

/// More samples than features.
template <class T>
void sum_over_samples(MatrixView<T> features /* (n, d) */, const Targets& targets, bool centred,
                      const Execution& execution, GramSystem& system) {
  const double n = static_cast<double>(features.rows());
  Frame<T> frame = centred ? sampled_frame(features, Scaling::common) : frame_about_zero(features);
  Eigen::VectorXd counts = Eigen::VectorXd::Zero(targets.n_columns());
  RowMatrix<double> t;
  if (targets.labels) {
    for (Index i = 0; i < features.rows(); ++i) counts[targets.labels->ids[i]] += 1;
    describe_indicators(counts, centred, system);
  } else {
    t = scaled_targets(targets, features.rows(), centred, system);  // centred already
  }
  Products p = products(features, frame, targets, t, execution);
  if (centred) {
    const bool shift_is_poor = (p.sum.array().square() / n > 15.0 / 16 * p.gram.diagonal().array()).any();
    if (shift_is_poor) {  // subtracting the mean would cost digits
      frame.shift += (p.sum.transpose().array() / n / frame.scale.template cast<double>()).template cast<T>();
      p = products(features, frame, targets, t, execution);
    }
    p.gram.template selfadjointView<Eigen::Lower>().rankUpdate(p.sum, -1 / n);
    p.gram.diagonal() = p.gram.diagonal().cwiseMax(0);
    p.rhs -= p.sum * (counts / n).transpose();
  }
  system.unit = 1 / static_cast<double>(frame.scale[0]);
  system.gram = std::move(p.gram);
  system.rhs = std::move(p.rhs);
}

/// Z Z^T, lower triangle.
template <class T>
Eigen::MatrixXd row_gram(MatrixView<T> features /* (n, d) */, const Frame<T>& frame, const Execution& execution) {
  const Index n = features.rows(), d = features.cols();
  GramSum<double> gram(n);
  const Index wave = std::min(d, gram.blocks_at_once() * GramSum<double>::block_rows);
  RowMatrix<double> buffer = padded_matrix<double>(n, wave);
  for (Index first_column = 0; first_column < d; first_column += wave) {
    auto framed = buffer.leftCols(std::min(wave, d - first_column));
    parallel_for_pieces(n, 64, execution, [&](Index first, Index count) {
      write_framed<double>(features, frame, first, first_column, framed.middleRows(first, count));
    });
    gram.add(framed.transpose(), execution);
  }
  return std::move(gram.sum());
}

inline void refuse_overflow(const GramSystem& system) {
  if (!std::isfinite(system.gram.trace())) throw std::overflow_error("products of features overflow");
}

}  // namespace detail

template <class T>
GramSystem gram_system(MatrixView<T> features /* (n, d) */, const Targets& targets, bool centred,
                       const Execution& execution) {
  GramSystem system;
  system.n = features.rows(), system.d = features.cols();
  system.of_samples = system.n <= system.d;
  if (system.of_samples) {
    const Frame<T> frame = centred ? sampled_frame(features, Scaling::common) : detail::frame_about_zero(features);
    system.unit = 1 / static_cast<double>(frame.scale[0]);
    system.gram =
        centred ? centred_row_gram<double>(features, frame, execution) : detail::row_gram(features, frame, execution);
    system.rhs = detail::scaled_targets(targets, system.n, centred, system);
  } else {
    detail::sum_over_samples(features, targets, centred, execution, system);
  }
  detail::refuse_overflow(system);
  return system;
}

/// The same from statistics, which hold Z^T Z for any number of samples.
inline GramSystem gram_system(const FeatureStatistics& statistics, bool centred) {
  GramSystem system;
  const double n = static_cast<double>(statistics.n);
  system.n = statistics.n, system.d = statistics.d();
  detail::describe_indicators(statistics.counts, centred, system);
  // Means may be many times larger than spreads: in a unit that fits both, no square overflows.
  const double spread = std::sqrt(statistics.scatter.diagonal().maxCoeff() / n);
  const double scale = centred ? 1.0 : inverse_power_of_two(statistics.mean.cwiseAbs().maxCoeff() + spread);
  const Eigen::VectorXd mean = statistics.mean * (centred ? 0.0 : scale);
  system.unit = statistics.unit / scale;
  system.gram = large_matrix(system.d, system.d);
  system.gram = statistics.scatter * scale * scale;
  system.gram.selfadjointView<Eigen::Lower>().rankUpdate(mean, n);
  system.rhs = ((statistics.offsets * scale).colwise() + mean) * statistics.counts.asDiagonal();
  detail::refuse_overflow(system);
  return system;
}

}  // namespace transferscore

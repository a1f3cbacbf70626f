// SFDA, self-challenging Fisher discriminant analysis: how surely a regularised discriminant names the class of
// samples that were moved towards the other classes. Shao, Zhao, Ge, Zhang, Yang, Wang, Shan, Luo, ECCV 2022.
//
// With S_w the covariance within classes (divided by n), mu_c the class means and lambda the estimate of the largest
// eigenvalue of S_w that a few power steps give,
//
//   s = max(exp(-5 lambda), 1e-10),   A = (1 - s) S_w + s tr(S_w) / d I                                         (1)
//   a_c(x) = x^T A^-1 mu_c - 1/2 mu_c^T A^-1 mu_c + log(n_c / n),   p = softmax(a)                              (2)
//   w = softmax(p)_y,   x <- w x + (1 - w) o_y,   o_c the mean of the other classes' means                      (3)
//   SFDA = mean of p_y in a second fit (2), to the samples (3), with the same s                                 (4)
//
// The authors write (2) with all generalised eigenvectors of a pair of matrices; their product is A^-1. Nothing
// changes when all samples are moved, so everything is seen from the mean. s depends on the unit of the features.
#pragma once

#include <stdexcept>

#include "core/centred.hpp"
#include "core/quadratic_form.hpp"
#include "core/regularise.hpp"
#include "core/statistics.hpp"

namespace transferscore {

namespace detail {

/// Samples by class: ids (n,), sizes (K,).
struct Grouped {
  const LabelSets& labels;  // (1, n)
  Eigen::VectorXd counts;   // (K,)

  Index of(Index i) const { return labels.ids[i]; }
  Index n() const { return labels.n; }
  Index n_classes() const { return counts.size(); }
};

/// Class means (d, K) and scatter within the classes (d, d), lower triangle.
struct ClassMoments {
  Eigen::MatrixXd means, within;
};

/// Of rows that write(i, centred) puts down less the column of `centres` (d, K) of their class. Centres near the means
/// leave nothing to cancel.
template <class Write>
ClassMoments class_moments(const Grouped& classes, Eigen::MatrixXd centres, const Write& write,
                           const Execution& execution) {
  const Index n = classes.n(), d = centres.rows();
  GramSum<double> gram(d);
  ClassSums sums(classes.labels, 0, 1, d);
  for_each_written_wave<double>(
      n, d, gram.blocks_at_once() * GramSum<double>::block_rows,
      [&](Index i, double* row) {
        write(i, row);
        Eigen::Map<Eigen::VectorXd>(row, d) -= centres.col(classes.of(i));
      },
      execution,
      [&](Index first_row, const auto& wave) {
        sums.add(first_row, wave, execution);
        gram.add(wave, execution);
      });
  const Eigen::MatrixXd totals = sums.sums(0, 0, classes.n_classes());
  ClassMoments m{std::move(centres), std::move(gram.sum())};
  subtract_products(m.within, totals * classes.counts.cwiseSqrt().cwiseInverse().asDiagonal(), execution);
  m.means += totals * classes.counts.cwiseInverse().asDiagonal();
  return m;
}

/// The estimate that (1) is defined with: three times two power steps, from the row sums.
inline double largest_eigenvalue(const Eigen::MatrixXd& lower /* (d, d), lower triangle */) {
  const auto a = lower.selfadjointView<Eigen::Lower>();
  const Index d = lower.rows();
  const double trace = lower.trace();
  if (!(trace > 0)) return 0;
  Eigen::VectorXd x = a * Eigen::VectorXd::Ones(d), y;
  // Features whose sum is constant have row sums of rounding alone: start at those of the widest feature.
  if (x.norm() <= 1e-12 * trace * std::sqrt(static_cast<double>(d))) {
    Index widest;
    lower.diagonal().maxCoeff(&widest);
    x = a * Eigen::VectorXd::Unit(d, widest);
  }
  for (int step = 0; step < 3; ++step) {
    y = (a * x).normalized();
    x = (a * y).normalized();
  }
  return x.dot(a * y);
}

inline double shrinkage_of(double largest) { return std::max(std::exp(-5 * largest), 1e-10); }

/// (2): a_c(x) = x^T coefficients_c + intercepts_c.
struct Discriminant {
  Eigen::MatrixXd coefficients;  // (d, K)
  Eigen::VectorXd intercepts;    // (K,)
  double smallest_pivot;         // of A scaled to a unit diagonal; 0 where it is singular to working precision
};

/// `spread` is that of all samples. Beside it no spread within classes counts as none: each sample then belongs to the
/// nearest mean, and where means are the same, to each class in proportion to its size.
inline Discriminant fit(ClassMoments m, const Grouped& classes, double shrinkage, double spread,
                        const Execution& execution) {
  const double n = static_cast<double>(classes.n());
  const Index d = m.within.rows();
  m.within.diagonal() = m.within.diagonal().cwiseMax(0);
  const double trace = m.within.trace() / n;
  if (!std::isfinite(trace)) throw std::overflow_error("products of features overflow");
  if (trace > 1e-28 * spread) {
    regularise(m.within, (1 - shrinkage) / n, shrinkage * trace / static_cast<double>(d), execution);
  } else {
    m.within.setZero();
    m.within.diagonal().setConstant(spread > 0 ? 1e-20 * spread : 1);
  }
  Factor factor = factor_plain(m.within, 0, execution);
  const double smallest_pivot = factor.smallest_pivot;
  if (!(smallest_pivot > 0)) factor = factor_rank_revealing(m.within, execution);
  m.within.resize(0, 0);

  Discriminant result{Eigen::MatrixXd(d, classes.n_classes()), {}, smallest_pivot};
  parallel_for_pieces(classes.n_classes(), 32, execution, [&](Index first, Index count) {
    result.coefficients.middleCols(first, count) =
        factor.finish_solve(factor.half_solve(m.means.middleCols(first, count)), d);
  });
  result.intercepts = -result.coefficients.cwiseProduct(m.means).colwise().sum().transpose() / 2;
  result.intercepts += (classes.counts / n).array().log().matrix();
  return result;
}

using RowArray = Eigen::Array<double, 1, Eigen::Dynamic>;

inline void softmax(Eigen::Ref<RowArray> a /* (K,) */) {
  a = (a - a.maxCoeff()).exp();
  a /= a.sum();
}

/// take(i, p) with p = softmax(a(x_i)) for all rows that write(i, x) puts down.
template <class Write, class Take>
void for_each_prediction(Index n, const Discriminant& fit, const Write& write, const Execution& execution,
                         const Take& take) {
  constexpr Index piece = 128;
  const Index d = fit.coefficients.rows();
  parallel_for_pieces(n, piece, execution, [&](Index first, Index count) {
    RowMatrix<double> buffer = padded_matrix<double>(count, d);
    for (Index i = 0; i < count; ++i) write(first + i, buffer.data() + i * buffer.outerStride());
    RowMatrix<double> scores = buffer.leftCols(d) * fit.coefficients;
    scores.rowwise() += fit.intercepts.transpose();
    for (Index i = 0; i < count; ++i) {
      Eigen::Map<RowArray> p(scores.data() + i * scores.cols(), scores.cols());
      softmax(p);
      take(first + i, p);
    }
  });
}

/// Mean of p_y over the classes' samples, for each class: (K,).
inline Eigen::VectorXd class_averages(const Grouped& classes, const Eigen::VectorXd& values /* (n,) */) {
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(classes.n_classes());
  for (Index i = 0; i < classes.n(); ++i) sums[classes.of(i)] += values[i];
  return sums.cwiseQuotient(classes.counts);
}

/// The first fit. Where the scatter within classes is all but lost in that of all samples, it is summed anew about the
/// class means.
template <class T>
Discriminant first_fit(const FeatureStatistics& s, const CentredFeatures<T>& z, const Grouped& classes, double spread,
                       double& shrinkage, const Execution& execution) {
  const double n = static_cast<double>(s.n), square = s.unit * s.unit / n;
  ClassMoments m{s.offsets, s.scatter};
  subtract_products(m.within, s.offsets * s.counts.cwiseSqrt().asDiagonal(), execution);
  const bool lost = (m.within.diagonal().array() < 1e-3 * s.scatter.diagonal().array()).any();
  if (!lost) {
    shrinkage = shrinkage_of(square * largest_eigenvalue(m.within));
    Discriminant result = fit(std::move(m), classes, shrinkage, spread, execution);
    constexpr double least_pivot = 1e-6;
    if (result.smallest_pivot > least_pivot) return result;
  }
  m = class_moments(classes, s.offsets, [&](Index i, double* row) { z.write(i, 0, z.d(), row); }, execution);
  shrinkage = shrinkage_of(square * largest_eigenvalue(m.within));
  return fit(std::move(m), classes, shrinkage, spread, execution);
}

template <class T>
double sfda_of_statistics(const FeatureStatistics& s, MatrixView<T> features /* (n, d) */,
                          const LabelSets& labels /* (1, n) */, const Execution& execution) {
  const Index n = features.rows(), d = features.cols();
  const Grouped classes{labels, s.counts};
  const CentredFeatures<T> z{features, s.mean * s.unit, 1 / s.unit};
  const double spread = s.scatter.trace() / static_cast<double>(n);
  if (!std::isfinite(spread)) throw std::overflow_error("products of features overflow");
  const auto original = [&](Index i, double* row) { z.write(i, 0, d, row); };

  double shrinkage;
  Eigen::VectorXd confidence(n);  // w of (3)
  {
    const Discriminant first = first_fit(s, z, classes, spread, shrinkage, execution);
    for_each_prediction(n, first, original, execution,
                        [&](Index i, const auto& p) { confidence[i] = std::exp(p[classes.of(i)]) / p.exp().sum(); });
  }

  const double n_others = static_cast<double>(classes.n_classes() - 1);
  const Eigen::VectorXd sum_of_means = s.offsets.rowwise().sum();
  const Eigen::MatrixXd others = (sum_of_means.replicate(1, classes.n_classes()) - s.offsets) / n_others;  // o_c
  const auto mixed = [&](Index i, double* row) {
    original(i, row);
    Eigen::Map<Eigen::VectorXd> x(row, d);
    x = confidence[i] * x + (1 - confidence[i]) * others.col(classes.of(i));
  };
  const Eigen::VectorXd w = class_averages(classes, confidence);
  const Eigen::MatrixXd centres = others + (s.offsets - others) * w.asDiagonal();
  const Discriminant second =
      fit(class_moments(classes, centres, mixed, execution), classes, shrinkage, spread, execution);

  Eigen::VectorXd own(n);
  for_each_prediction(n, second, mixed, execution, [&](Index i, const auto& p) { own[i] = p[classes.of(i)]; });
  return std::min(own.mean(), 1.0);
}

/// Multiplications: a Gram matrix for each fit, and the scores of all classes.
inline double sfda_work(Index n, Index d, Index n_classes) {
  return 2 * static_cast<double>(n) * static_cast<double>(d) * static_cast<double>(d + n_classes);
}

}  // namespace detail

template <class T>
double sfda(MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (1, n) */, const Execution& execution) {
  double score = 0;
  with_team(execution, detail::sfda_work(features.rows(), features.cols(), labels.n_classes[0]),
            [&](const Execution& team) {
              const FeatureStatistics s = feature_statistics(features, labels, team);
              score = detail::sfda_of_statistics(s, features, labels, team);
            });
  return score;
}

/// The same where the statistics of the features are known: one Gram matrix less.
template <class T>
double sfda(const FeatureStatistics& s, MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (1, n) */,
            const Execution& execution) {
  double score = 0;
  with_team(execution, detail::sfda_work(features.rows(), features.cols(), s.n_classes()),
            [&](const Execution& team) { score = detail::sfda_of_statistics(s, features, labels, team); });
  return score;
}

}  // namespace transferscore

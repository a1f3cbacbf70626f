// Log expected empirical prediction, Nguyen, Hassner, Seeger, Archambeau, ICML 2020.
//
//   P(y, z) = 1/n sum_{i: y_i = y} theta_iz,   P(y|z) = P(y, z) / P(z)                                         (1)
//   LEEP = 1/n sum_i log sum_z P(y_i|z) theta_iz                                                               (2)
//
// A source class z without mass has theta_iz = 0 everywhere and drops out. The sum in (2) is never 0: the largest theta
// of a row is at least 1/C_s, and its P(y_i|z) at least theta_iz / n.
#pragma once

#include <cmath>

#include "core/parallel.hpp"
#include "core/prefetch.hpp"

namespace transferscore {

enum class Rows { as_given, normalised, softmax };

namespace detail {

/// term(0) + ... + term(n - 1), several sums side by side: each addition would else wait for the last.
template <class Term>
double sum_in_lanes(Index n, const Term& term) {
  constexpr Index lanes = 32;
  double sums[lanes] = {};
  Index k = 0;
  for (; k + lanes <= n; k += lanes)
    for (Index lane = 0; lane < lanes; ++lane) sums[lane] += term(k + lane);
  for (; k < n; ++k) sums[0] += term(k);
  double sum = 0;
  for (const double s : sums) sum += s;
  return sum;
}

/// theta: outputs of the source model, made probabilities where they are read.
template <class T>
class Predictions {
 public:
  Predictions(MatrixView<T> outputs /* (n, C_s) */, Rows rows, const Execution& execution)
      : outputs_(outputs), is_softmax_(rows == Rows::softmax), offset_(outputs.rows()), factor_(outputs.rows()) {
    offset_.setZero();
    factor_.setOnes();
    if (rows == Rows::as_given) return;
    parallel_for_pieces(n(), piece, execution, [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) {
        const auto row = outputs_.row(i).template cast<double>().array();
        // The largest is taken out first: of probabilities, because their sum may overflow as well.
        offset_[i] = row.maxCoeff();
        factor_[i] = is_softmax_ ? 1 / (row - offset_[i]).exp().sum() : 1 / (row / offset_[i]).sum();
        if (!is_softmax_) factor_[i] /= offset_[i];
      }
    });
  }

  Index n() const { return outputs_.rows(); }
  Index n_classes() const { return outputs_.cols(); }

  /// sums += theta_i of the classes first .. first + count - 1.
  void add(Index i, Index first, Index count, double* sums /* (count,) */) const {
    const T* row = outputs_.data() + i * n_classes() + first;
    const double offset = offset_[i], factor = factor_[i];
    if (is_softmax_) {
      Eigen::Map<Eigen::ArrayXd>(sums, count) += (values(row, count) - offset).exp() * factor;
    } else {
      for (Index z = 0; z < count; ++z) sums[z] += static_cast<double>(row[z]) * factor;
    }
  }

  /// Asks for what `add` will read.
  EIGEN_ALWAYS_INLINE void foresee(Index i, Index first, Index count) const {
    prefetch(outputs_.data() + i * n_classes() + first, count);
  }

  /// sum_z weights_z theta_iz
  double dot(Index i, const double* weights /* (C_s,) */) const {
    const T* row = outputs_.data() + i * n_classes();
    if (is_softmax_) {
      const Eigen::Map<const Eigen::ArrayXd> w(weights, n_classes());
      return ((values(row, n_classes()) - offset_[i]).exp() * w).sum() * factor_[i];
    }
    return sum_in_lanes(n_classes(), [&](Index z) { return static_cast<double>(row[z]) * weights[z]; }) * factor_[i];
  }

  static constexpr Index piece = 256;  // rows

 private:
  static auto values(const T* row, Index count) {
    return Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>(row, count).template cast<double>();
  }

  MatrixView<T> outputs_;
  bool is_softmax_;
  Eigen::VectorXd offset_, factor_;  // (n,)
};

/// n P(y, z) (C_y, C_s): each task a few source classes, whose sums stay in the cache.
template <class T>
RowMatrix<double> label_sums(const Predictions<T>& theta, const std::int32_t* ids /* (n,) */, Index n_labels,
                             const Execution& execution) {
  constexpr Index tile = 128, ahead = 8;
  RowMatrix<double> sums = RowMatrix<double>::Zero(n_labels, theta.n_classes());
  parallel_for_pieces(theta.n_classes(), tile, execution, [&](Index first, Index count) {
    RowMatrix<double> part = RowMatrix<double>::Zero(n_labels, count);
    for (Index i = 0; i < theta.n(); ++i) {
      if (i % 4096 == 0) execution.check();
      theta.foresee(i + ahead, first, count);
      theta.add(i, first, count, part.data() + ids[i] * count);
    }
    sums.middleCols(first, count) = part;
  });
  return sums;
}

/// body(i, sum_z P(y_i|z) theta_iz) for every sample, in pieces.
template <class T, class Body>
void for_each_prediction(const Predictions<T>& theta, const std::int32_t* ids /* (n,) */,
                         MatrixView<double> conditional /* (C_y, C_s) P(y|z) */, const Execution& execution,
                         const Body& body) {
  parallel_for_pieces(theta.n(), Predictions<T>::piece, execution, [&](Index first, Index count) {
    for (Index i = first; i < first + count; ++i)
      body(i, theta.dot(i, conditional.data() + ids[i] * theta.n_classes()));
  });
}

/// 1/n sum_i value( sum_z P(y_i|z) theta_iz )
template <class T, class Value>
double mean_of_predictions(const Predictions<T>& theta, const std::int32_t* ids /* (n,) */, Index n_labels,
                           const Value& value, const Execution& execution) {
  RowMatrix<double> conditional = label_sums(theta, ids, n_labels, execution);  // (C_y, C_s), P(y|z)
  const Eigen::RowVectorXd mass = conditional.colwise().sum();
  conditional *= (mass.array() > 0).select(mass.array().inverse(), 0.0).matrix().asDiagonal();

  constexpr Index piece = Predictions<T>::piece;
  Eigen::VectorXd parts = Eigen::VectorXd::Zero((theta.n() + piece - 1) / piece);
  const MatrixView<double> view(conditional.data(), conditional.rows(), conditional.cols());
  for_each_prediction(theta, ids, view, execution, [&](Index i, double p) { parts[i / piece] += value(p); });
  return parts.sum() / static_cast<double>(theta.n());
}

}  // namespace detail

template <class T>
double leep(MatrixView<T> outputs /* (n, C_s) */, Rows rows, const std::int32_t* ids /* (n,) */, Index n_labels,
            const Execution& execution) {
  double score = 0;
  with_team(execution, 4 * static_cast<double>(outputs.size()), [&](const Execution& team) {
    const detail::Predictions<T> theta(outputs, rows, team);
    score = detail::mean_of_predictions(theta, ids, n_labels, [](double p) { return std::log(p); }, team);
  });
  return score;
}

/// Sums over the samples of each label.
struct LabelLikelihoods {
  Eigen::VectorXd logs;           // (C_y,) log sum_z P(y|z) theta_iz
  Eigen::VectorXd probabilities;  // (C_y,) sum_z P(y|z) theta_iz
};

/// n P(y, z) (C_y, C_s) of (1), which samples in parts add up to.
template <class T>
RowMatrix<double> label_masses(MatrixView<T> outputs /* (n, C_s) */, Rows rows, const std::int32_t* ids /* (n,) */,
                               Index n_labels, const Execution& execution) {
  RowMatrix<double> masses;
  with_team(execution, 2 * static_cast<double>(outputs.size()), [&](const Execution& team) {
    masses = detail::label_sums(detail::Predictions<T>(outputs, rows, team), ids, n_labels, team);
  });
  return masses;
}

/// The sums of (2) over some of the samples, where P(y|z) is that of all.
template <class T>
LabelLikelihoods label_likelihoods(MatrixView<T> outputs /* (n, C_s) */, Rows rows, const std::int32_t* ids /* (n,) */,
                                   MatrixView<double> conditional /* (C_y, C_s) */, const Execution& execution) {
  Eigen::VectorXd p(outputs.rows()), log_p(outputs.rows());
  with_team(execution, 2 * static_cast<double>(outputs.size()), [&](const Execution& team) {
    const detail::Predictions<T> theta(outputs, rows, team);
    detail::for_each_prediction(theta, ids, conditional, team, [&](Index i, double value) {
      p[i] = value;
      log_p[i] = std::log(value);
    });
  });
  LabelLikelihoods sums{Eigen::VectorXd::Zero(conditional.rows()), Eigen::VectorXd::Zero(conditional.rows())};
  for (Index i = 0; i < outputs.rows(); ++i) {
    sums.logs[ids[i]] += log_p[i];
    sums.probabilities[ids[i]] += p[i];
  }
  return sums;
}

/// A row that is not a distribution.
struct BadRow {
  Index row = -1;  // none
  double sum = 1;
  double least = 0;
};

/// The first row that has a negative or non-finite entry or, unless it is to be normalised, a sum far from 1.
template <class T>
BadRow first_bad_row(MatrixView<T> outputs /* (n, C_s) */, double tolerance /* infinity: any positive sum */,
                     const Execution& execution) {
  constexpr Index piece = detail::Predictions<T>::piece;
  std::vector<BadRow> found((outputs.rows() + piece - 1) / piece);
  with_team(execution, static_cast<double>(outputs.size()), [&](const Execution& team) {
    parallel_for_pieces(outputs.rows(), piece, team, [&](Index first, Index count) {
      for (Index i = first; i < first + count && found[first / piece].row < 0; ++i) {
        const T* row = outputs.data() + i * outputs.cols();
        const double sum = detail::sum_in_lanes(outputs.cols(), [&](Index z) { return static_cast<double>(row[z]); });
        const double least = static_cast<double>(outputs.row(i).minCoeff());
        if (!(least >= 0 && sum > 0 && std::isfinite(sum) && std::abs(sum - 1) <= tolerance))
          found[first / piece] = {i, sum, least};
      }
    });
  });
  for (const BadRow& bad : found)
    if (bad.row >= 0) return bad;
  return {};
}

}  // namespace transferscore

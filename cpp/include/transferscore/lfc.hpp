// LFC, label-feature correlation: how alike the similarities of features and of labels are. Deshpande et al., 2021.
//
// K = X X^T, L_ij = 1 for samples of one class and -1 for others, and the score is the cosine of what is left of both
// when the mean of all entries is taken away:
//
//   LFC = <K - mean(K), L - mean(L)> / (|K - mean(K)| |L - mean(L)|)                                            (1)
//
// No matrix of all pairs is needed. With X = F + 1 m^T, m the mean, S = F^T F, o_c the mean of a class less m and
// q = sum_c n_c^2 / n^2,
//
//   K - mean(K) = F F^T + (F m) 1^T + 1 (F m)^T                                                                 (2)
//   <K - mean(K), L - mean(L)> = 2 sum_c n_c^2 (|o_c|^2 + 2 <o_c, m>)                                           (3)
//   |K - mean(K)|^2 = |S|_F^2 + 2 n m^T S m,   |L - mean(L)|^2 = 4 n^2 q (1 - q)                                (4)
//
// and |S|_F = |F F^T|_F. Nothing here is a difference of large numbers where m is large beside the spread.
#pragma once

#include <stdexcept>
#include <type_traits>

#include "core/centred.hpp"
#include "core/statistics.hpp"

namespace transferscore {

struct Lfc {
  double value = 0;
  bool defined = true;  // false where K is constant; the value is then 0
};

namespace detail {

/// What (3) and (4) ask of the features, in the unit of F.
struct LfcTerms {
  Eigen::VectorXd counts;   // (K,)
  Eigen::MatrixXd offsets;  // (d, K) o_c
  Eigen::VectorXd mean;     // (d,) m
  double squared_norm;      // |S|_F^2
  double mean_spread;       // m^T S m
};

/// sum of a_ij^2 of a symmetric matrix, columns in parallel.
inline double squared_norm(const Eigen::MatrixXd& lower /* (size, size), lower triangle */,
                           const Execution& execution) {
  const Index size = lower.rows();
  Eigen::VectorXd parts(size);
  parallel_for_pieces(size, 64, execution, [&](Index first, Index count) {
    for (Index j = first; j < first + count; ++j)
      parts[j] = lower(j, j) * lower(j, j) + 2 * lower.col(j).tail(size - j - 1).squaredNorm();
  });
  return parts.sum();
}

/// (1) from (3) and (4).
inline Lfc lfc_of_terms(const LfcTerms& t) {
  const double n = t.counts.sum();
  const Eigen::VectorXd squares = (t.counts / n).cwiseAbs2();  // n_c^2 / n^2
  const double q = squares.sum();
  const double product =
      squares.dot(t.offsets.colwise().squaredNorm().transpose() + 2 * (t.offsets.transpose() * t.mean));
  const double norm = std::sqrt(t.squared_norm + 2 * n * t.mean_spread);
  if (!std::isfinite(norm) || !std::isfinite(product)) throw std::overflow_error("products of features overflow");
  if (norm == 0) return {0, false};
  return {std::clamp(n * product / (norm * std::sqrt(q * (1 - q))), -1.0, 1.0), true};
}

template <class C, class T>
LfcTerms lfc_terms(const CentredFeatures<T>& z, const LabelSets& labels /* (1, n) */, const Execution& execution) {
  const Index n = z.n(), d = z.d(), n_classes = labels.n_classes[0];
  LfcTerms t;
  t.mean = z.centre * z.scale;
  ClassSums classes(labels, 0, 1, d);
  Eigen::VectorXd along_mean(n);  // F m
  for_each_written_wave<double>(
      n, d, 256,
      [&](Index i, double* row) {
        z.write(i, 0, d, row);
        along_mean[i] = Eigen::Map<const Eigen::VectorXd>(row, d).dot(t.mean);
      },
      execution, [&](Index first_row, const auto& wave) { classes.add(first_row, wave, execution); });
  // The centre is the mean but for its rounding, which counts where the mean is large.
  along_mean.array() -= along_mean.mean();
  t.mean_spread = along_mean.squaredNorm();
  t.counts = classes.counts(0, 0, n_classes);
  t.offsets = classes.sums(0, 0, n_classes) * t.counts.cwiseInverse().asDiagonal();
  t.offsets.colwise() -= (t.offsets * t.counts / static_cast<double>(n)).eval();
  t.squared_norm = squared_norm(smaller_gram<C>(z, all_rows(n).data(), n, true, execution), execution);
  return t;
}

}  // namespace detail

template <class T>
Lfc lfc(MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (1, n) */, const Execution& execution) {
  const Index n = features.rows(), d = features.cols();
  const double work = static_cast<double>(n) * static_cast<double>(d) * static_cast<double>(std::min(n, d));
  Lfc score;
  with_team(execution, work, [&](const Execution& team) {
    const CentredFeatures<T> z = about_mean(features, team);
    if constexpr (std::is_same_v<T, float>) {
      // The norm is a sum of squares: nothing in it cancels, so single precision is enough unless it overflows.
      const detail::LfcTerms terms = detail::lfc_terms<float>(z, labels, team);
      if (std::isfinite(terms.squared_norm)) {
        score = detail::lfc_of_terms(terms);
        return;
      }
    }
    score = detail::lfc_of_terms(detail::lfc_terms<double>(z, labels, team));
  });
  return score;
}

/// The same of samples that were summed.
inline Lfc lfc(const FeatureStatistics& s, const Execution& execution) {
  Lfc score;
  with_team(execution, static_cast<double>(s.scatter.size()), [&](const Execution& team) {
    const double mean_spread = std::max(0.0, s.mean.dot(s.scatter.selfadjointView<Eigen::Lower>() * s.mean));
    score = detail::lfc_of_terms({s.counts, s.offsets, s.mean, detail::squared_norm(s.scatter, team), mean_spread});
  });
  return score;
}

}  // namespace transferscore

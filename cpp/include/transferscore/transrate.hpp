// TransRate: how many nats describe the features, less those that describe them once the class is known. Huang,
// Huang, Rong, Yang, Wei, ICML 2022.
//
// With Z (n, d) the features about their mean, Z_c the n_c rows of a class (about the same mean) and a distortion
// epsilon,
//
//   R(Z) = 1/2 logdet(I + Z^T Z / (n epsilon))                                                                  (1)
//   TrR  = R(Z) - sum_c w_c R(Z_c),   w_c = n_c / n, or 1 / K                                                   (2)
//
// Z^T Z and Z Z^T have the same determinant in (1) (Sylvester): the smaller one is taken.
#pragma once

#include <optional>
#include <stdexcept>
#include <type_traits>

#include "core/centred.hpp"
#include "core/quadratic_form.hpp"
#include "core/regularise.hpp"
#include "core/statistics.hpp"

namespace transferscore {

enum class ClassWeights { size, uniform };

namespace detail {

struct CodingRate {
  double value;
  double error = 0;  // what the rounding of single-precision products may have changed; 0 for double
};

/// logdet(I + A) from the factor of I + A and the diagonal of A, right to the last digits also for tiny A.
inline double log_det(const Eigen::VectorXd& diagonal /* (size,) of A */, const Factor& factor) {
  Eigen::VectorXd before = Eigen::VectorXd::Zero(factor.rank());  // squares of a row of L before the diagonal
  for (Index j = 0; j < factor.rank(); ++j) {
    const Index rest = factor.rank() - j - 1;
    before.tail(rest) += factor.lower.col(j).segment(j + 1, rest).cwiseAbs2();
  }
  double sum = 0;
  for (Index k = 0; k < factor.rank(); ++k) {
    const double a = diagonal[factor.kept[k]];
    sum += a < 0.5 ? std::log1p(a - (1 + a) * before[k]) : std::log1p(a) + 2 * std::log(factor.lower(k, k));
  }
  return sum;
}

/// By how much logdet may differ where each entry of the scaled matrix E is wrong by about `entry`: first and second
/// order, from |E^-1|_F and tr(E^-1), which a few vectors of signs estimate.
inline double log_det_error(const Factor& factor, double entry) {
  constexpr Index n_vectors = 8;
  Eigen::MatrixXd v(factor.rank(), n_vectors);
  std::uint32_t state = 1;
  for (Index i = 0; i < v.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    v.data()[i] = state >> 31 ? 1 : -1;
  }
  factor.leading().triangularView<Eigen::Lower>().solveInPlace(v);
  const double trace = v.squaredNorm() / n_vectors;
  factor.leading().transpose().triangularView<Eigen::Upper>().solveInPlace(v);
  const double squared_norm = v.squaredNorm() / n_vectors;
  return entry * std::sqrt(2 * squared_norm) + entry * entry / 2 * (trace * trace + squared_norm);
}

/// (1) for A = Z^T Z / (n epsilon), lower triangle, whose entries were summed in double (or else are each a sum of
/// `single_depth` products in single precision, and nothing comes back where these do not suffice).
inline std::optional<CodingRate> half_log_det(Eigen::MatrixXd a /* (size, size) */, Index single_depth,
                                              const Execution& execution) {
  // Below this the rounding of products shows in directions that the features leave empty.
  const double least_pivot = single_depth > 0 ? 1e-4 : 1e-6;
  const Eigen::VectorXd diagonal = a.diagonal();
  if (!std::isfinite(diagonal.sum())) throw std::overflow_error("products of features overflow");
  a.diagonal().array() += 1;
  {
    const Factor factor = factor_plain(a, least_pivot, execution);
    if (factor.smallest_pivot > 0) {
      CodingRate rate{log_det(diagonal, factor) / 2};
      const double entry =
          std::ldexp(1.0, -24) * GramSum<float>::block_rows / std::sqrt(static_cast<double>(single_depth));
      if (single_depth > 0) rate.error = log_det_error(factor, entry) / 2;
      return rate;
    }
  }
  if (single_depth > 0) return std::nullopt;

  // A = B B^T with as many columns as the rank: the determinant of I + B^T B knows nothing of empty directions.
  a.diagonal() = diagonal;
  const Factor range = factor_rank_revealing(a, execution);
  mirror(a, execution);
  const Eigen::MatrixXd b = half_solve(range, a, execution);  // (rank, size) B^T
  a.resize(0, 0);
  GramSum<double> gram(b.rows());
  gram.add(b.transpose(), execution);
  Eigen::MatrixXd small = std::move(gram.sum());
  const Eigen::VectorXd small_diagonal = small.diagonal();
  small.diagonal().array() += 1;
  return CodingRate{log_det(small_diagonal, factorise(small, 0, execution)) / 2};
}

/// (1) for some rows, multiplied in precision C.
template <class C, class T>
std::optional<CodingRate> coding_rate_of_rows(const CentredFeatures<T>& z, const Index* rows /* (n,) */, Index n,
                                              double epsilon, bool many_blocks, const Execution& execution) {
  Eigen::MatrixXd gram = smaller_gram<C>(z, rows, n, many_blocks, execution);
  regularise(gram, 1 / z.scale / z.scale / (static_cast<double>(n) * epsilon), 0, execution);
  return half_log_det(std::move(gram), std::is_same_v<C, float> ? std::max(n, z.d()) : 0, execution);
}

/// (1) from the scatter.
inline double coding_rate_of_scatter(const FeatureStatistics& s, double epsilon, const Execution& execution) {
  Eigen::MatrixXd a = large_copy(s.scatter);
  regularise(a, s.unit * s.unit / (static_cast<double>(s.n) * epsilon), 0, execution);
  return half_log_det(std::move(a), 0, execution)->value;
}

/// The sum in (2): small classes side by side, each on one thread, the others one after the other.
template <class T>
double class_term(const CentredFeatures<T>& z, const LabelSets& labels /* (1, n) */, double epsilon,
                  ClassWeights weights, const Execution& execution) {
  constexpr double large = 2e9;
  const RowsByClass classes(labels);
  std::vector<Index> small;
  std::vector<double> rates(classes.n_classes());
  const auto rate = [&](Index c, bool is_large, const Execution& on) {
    rates[c] = coding_rate_of_rows<double>(z, classes.of(c), classes.count(c), epsilon, is_large, on)->value;
  };
  for (Index c = 0; c < classes.n_classes(); ++c) {
    const double n = static_cast<double>(classes.count(c)), d = static_cast<double>(z.d());
    if (n * d * std::min(n, d) < large) {
      small.push_back(c);
    } else {
      rate(c, true, execution);
    }
  }
  parallel_for(static_cast<Index>(small.size()), execution, [&](Index k) { rate(small[k], false, execution.alone()); });
  double sum = 0;
  for (Index c = 0; c < classes.n_classes(); ++c) {
    const double n_c = static_cast<double>(classes.count(c)), n = static_cast<double>(labels.n);
    sum += (weights == ClassWeights::size ? n_c / n : 1 / static_cast<double>(classes.n_classes())) * rates[c];
  }
  return sum;
}

/// (2); no less than zero where it cannot be: there rounding alone is below.
inline double difference(double all, double within, ClassWeights weights) {
  return weights == ClassWeights::size ? std::max(all - within, 0.0) : all - within;
}

/// Multiplications of a Gram matrix of all samples.
inline double gram_work(Index n, Index d) {
  return static_cast<double>(n) * static_cast<double>(d) * static_cast<double>(std::min(n, d));
}

/// (1) for all rows. Single precision is taken for float32 where it pays, and where the rate less `known_part` is
/// then still right to about 1e-6.
template <class T>
double coding_rate_of_all(const CentredFeatures<T>& z, double epsilon, double known_part, bool may_be_single,
                          const Execution& execution) {
  const std::vector<Index> rows = all_rows(z.n());
  if constexpr (std::is_same_v<T, float>) {
    constexpr double least_products = 1e9;
    if (may_be_single && gram_work(z.n(), z.d()) >= least_products) {
      const auto rate = coding_rate_of_rows<float>(z, rows.data(), z.n(), epsilon, true, execution);
      if (rate && rate->error <= 1e-6 * (rate->value - known_part)) return rate->value;
    }
  }
  return coding_rate_of_rows<double>(z, rows.data(), z.n(), epsilon, true, execution)->value;
}

}  // namespace detail

/// R of the features about their mean, or about zero where not `centred`.
template <class T>
double coding_rate(MatrixView<T> features /* (n, d) */, double epsilon, bool centred, const Execution& execution) {
  double rate = 0;
  with_team(execution, detail::gram_work(features.rows(), features.cols()), [&](const Execution& team) {
    CentredFeatures<T> z = about_mean(features, team);
    if (!centred) z.centre.setZero();
    rate = detail::coding_rate_of_all(z, epsilon, 0, centred, team);
  });
  return rate;
}

/// R of the samples that were summed, about their mean.
inline double coding_rate(const FeatureStatistics& s, double epsilon, const Execution& execution) {
  double rate = 0;
  with_team(execution, detail::gram_work(s.d(), s.d()),
            [&](const Execution& team) { rate = detail::coding_rate_of_scatter(s, epsilon, team); });
  return rate;
}

template <class T>
double transrate(MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (1, n) */, double epsilon,
                 ClassWeights weights, const Execution& execution) {
  double score = 0;
  with_team(execution, detail::gram_work(features.rows(), features.cols()), [&](const Execution& team) {
    const CentredFeatures<T> z = about_mean(features, team);
    const double within = detail::class_term(z, labels, epsilon, weights, team);
    score = detail::difference(detail::coding_rate_of_all(z, epsilon, within, true, team), within, weights);
  });
  return score;
}

/// The same where the statistics of the features are known: only the classes are multiplied.
template <class T>
double transrate(const FeatureStatistics& s, MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (1, n) */,
                 double epsilon, ClassWeights weights, const Execution& execution) {
  double score = 0;
  with_team(execution, detail::gram_work(features.rows(), features.cols()), [&](const Execution& team) {
    const CentredFeatures<T> z{features, s.mean * s.unit, 1 / s.unit};
    const double within = detail::class_term(z, labels, epsilon, weights, team);
    score = detail::difference(detail::coding_rate_of_scatter(s, epsilon, team), within, weights);
  });
  return score;
}

}  // namespace transferscore

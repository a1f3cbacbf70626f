// H-score: tr( pinv(cov f) cov(E[f|y]) ), Bao et al., ICIP 2019; with shrinkage, Ibrahim et al., ECML-PKDD 2022.
//
// S is the scatter of the centred features F (n, d), R = [sqrt(n_c) (mean_c - mean)] and A = (1 - a) S + n a mu I,
// where a is the intensity of the shrinkage (0 for the plain score) and mu = tr(S) / (n d):
//
//   H = (1 - a) tr(R^T A^-1 R)                                                                                 (1)
//
// With no more samples than features the Gram matrix G = F F^T is smaller. W = (1 - a) G + n a mu I and the
// centred, normalised indicators Y of the classes give the same score:
//
//   H = K - 1 - n a mu tr(Y^T W^-1 Y)                                                                          (2)
//   H = || projection of Y on the range of G ||^2 for the plain score, K - 1 where the rank is n - 1           (3)
#pragma once

#include <optional>
#include <stdexcept>
#include <type_traits>

#include "core/moments.hpp"
#include "core/quadratic_form.hpp"
#include "core/regularise.hpp"
#include "core/row_gram.hpp"
#include "core/statistics.hpp"

namespace transferscore {

struct HScoreOptions {
  bool ledoit_wolf = false;  // choose the intensity from the features
  double intensity = 0;      // or take this one; 0 is the plain score
  bool adjust_for_chance = false;
  bool as_if_alone = false;  // each label set in the precision, hence with the bits, that it has alone

  bool plain() const { return !ledoit_wolf && intensity == 0; }
};

struct HScore {
  Eigen::VectorXd values;  // (L,)
  double intensity = 0;    // of the shrinkage
  Index rank = -1;         // of the centred features; -1 where shrinkage makes every direction count
  double chance = 0;       // what unrelated labels score, as a share of K - 1; only where asked for
  Eigen::Array<bool, Eigen::Dynamic, 1> precise;  // (L,) did products in the precision that was tried suffice?
};

namespace detail {

/// Pivots (of 1) below which the factor of a matrix of products in precision C is not trusted.
template <class C>
constexpr double least_pivot = std::is_same_v<C, float> ? 1e-3 : 1e-9;

/// The score is proportional to 1 - intensity. Where that is a small difference, rounding in single precision shows.
constexpr double least_weight_single = 0.1;

/// Ledoit and Wolf (2004): min(beta, delta) / delta, for features centred and divided by n.
inline double ledoit_wolf(Index n_samples, Index n_features, double trace, double squared_norm, double fourth_moment) {
  const double n = static_cast<double>(n_samples), d = static_cast<double>(n_features);
  const double mu = trace / (n * d), squared = squared_norm / (n * n);
  double delta = (squared - d * mu * mu) / d;
  if (delta <= 16 * std::numeric_limits<double>::epsilon() * squared) delta = 0;  // isotropic: equals but for rounding
  const double beta = std::min((fourth_moment / n - squared) / (n * d), delta);
  return beta > 0 ? beta / delta : 0;
}

/// sum of a_ij^2 of a symmetric matrix.
inline double squared_norm(const Eigen::MatrixXd& lower /* (size, size), lower triangle */) {
  double sum = lower.diagonal().squaredNorm();
  for (Index j = 0; j < lower.cols(); ++j) sum += 2 * lower.col(j).tail(lower.rows() - j - 1).squaredNorm();
  return sum;
}

/// R (d, count): sqrt(n_c) (mean_c - mean) for the classes from `first` on.
inline Eigen::MatrixXd scaled_class_means(const ClassSums& classes, Index l, const Eigen::VectorXd& mean /* (d,) */,
                                          Index first, Index count) {
  const Eigen::VectorXd sizes = classes.counts(l, first, count);
  return (classes.sums(l, first, count) - mean * sizes.transpose()) * sizes.cwiseSqrt().cwiseInverse().asDiagonal();
}

/// Y (n, count): (1[y_i = c] - n_c / n) / sqrt(n_c) for the classes from `first` on.
inline Eigen::MatrixXd scaled_indicators(const LabelSets& labels, Index l, Index first, Index count) {
  const std::int32_t* ids = labels.set(l);
  Eigen::MatrixXd y = Eigen::MatrixXd::Zero(labels.n, count);
  for (Index i = 0; i < labels.n; ++i)
    if (ids[i] >= first && ids[i] < first + count) y(i, ids[i] - first) = 1;
  const Eigen::RowVectorXd sizes = y.colwise().sum();
  y.rowwise() -= sizes / static_cast<double>(labels.n);
  return y * sizes.cwiseSqrt().cwiseInverse().asDiagonal();
}

/// tr(A^-1 (A - ridge I)) / (n - 1): with q = this, labels without any relation to the features score
/// q (K - 1), the mean over all permutations of the labels.
inline double chance_level(const Factor& factor, Index size, Index n, double ridge, const Execution& execution) {
  const double used = ridge > 0 ? static_cast<double>(size) - ridge * trace_of_inverse(factor, size, execution)
                                : static_cast<double>(factor.rank());
  return used / static_cast<double>(n - 1);
}

/// The factor of A A^T.
inline Factor factor_of_row_products(const Eigen::MatrixXd& a /* (size, n) */, const Execution& execution) {
  GramSum<double> gram(a.rows());
  gram.add(a.transpose(), execution);
  return factorise(gram.sum(), least_pivot<double>, execution);
}

/// K - 1 for every label set: the most that its score can be.
inline Eigen::VectorXd most(const LabelSets& labels) {
  Eigen::VectorXd bound(labels.count());
  for (Index l = 0; l < labels.count(); ++l) bound[l] = static_cast<double>(labels.n_classes[l] - 1);
  return bound;
}

/// The factor of A in (1), and what the features alone say of the score.
struct FeatureSystem {
  HScore score;  // without values
  double ridge = 0;
  Factor factor;

  double weight() const { return 1 - score.intensity; }
};

/// A from the scatter, factored. Nothing where products in precision C do not suffice.
template <class C>
std::optional<FeatureSystem> feature_system(Eigen::MatrixXd scatter /* (d, d), lower triangle */, Index n,
                                            double fourth_moment /* for Ledoit and Wolf */,
                                            const HScoreOptions& options, const Execution& execution) {
  constexpr bool single = std::is_same_v<C, float>;
  const Index d = scatter.rows();
  const double trace = scatter.diagonal().sum();
  if (!std::isfinite(trace)) return std::nullopt;

  FeatureSystem system;
  system.score.intensity =
      options.ledoit_wolf ? ledoit_wolf(n, d, trace, squared_norm(scatter), fourth_moment) : options.intensity;
  if (single && options.ledoit_wolf && system.weight() < least_weight_single) return std::nullopt;
  system.ridge = system.score.intensity * trace / static_cast<double>(d);
  regularise(scatter, system.weight(), system.ridge, execution);
  system.factor =
      single ? factor_plain(scatter, least_pivot<C>, execution) : factorise(scatter, least_pivot<C>, execution);
  if (single && system.factor.smallest_pivot == 0) return std::nullopt;
  if (system.ridge == 0) system.score.rank = system.factor.rank();
  if (options.adjust_for_chance) system.score.chance = chance_level(system.factor, d, n, system.ridge, execution);
  return system;
}

/// (1), for at least two samples more than features. Nothing where products in precision C do not suffice.
template <class C, class T>
std::optional<HScore> h_score_of_features(MatrixView<T> features /* (n, d) */, const LabelSets& labels,
                                          const HScoreOptions& options, const Execution& execution) {
  constexpr bool single = std::is_same_v<C, float>;
  const Index n = features.rows(), d = features.cols();
  Frame<T> frame = sampled_frame(features, options.plain() ? Scaling::per_feature : Scaling::common);
  Moments m = moments_about_mean<C>(features, frame, labels, options.ledoit_wolf, execution);
  const double fourth_moment = options.ledoit_wolf ? m.fourth_radial_moment() : 0;
  const std::optional<FeatureSystem> system =
      feature_system<C>(std::move(m.scatter), n, fourth_moment, options, execution);
  if (!system) return std::nullopt;
  const Factor& factor = system->factor;
  const double weight = system->weight();

  HScore score = system->score;
  score.values.resize(labels.count());
  score.precise.setConstant(labels.count(), true);
  const RoundedMatrix rounded{d, n, weight, system->ridge, [&](const Eigen::MatrixXd& v) {
                                return energies<C>(features, frame, m.mean, v, execution);
                              }};
  for_each_chunk_of_sets<C>(
      features, frame, labels, std::move(m.classes), execution, [&](Index first_set, const ClassSums& classes) {
        const RightHandSides means{classes.n_classes(), [&](Index l, Index first, Index count) {
                                     return scaled_class_means(classes, l, m.mean, first, count);
                                   }};
        Eigen::VectorXd forms = quadratic_forms(factor, means, execution);
        if (single) {
          constexpr double negligible = 1e-6;
          const Corrections correction = corrections(factor, means, rounded, forms, negligible, execution);
          score.precise.segment(first_set, classes.count()) = correction.suffice(1, forms);
          forms += correction.first_order;
        }
        score.values.segment(first_set, classes.count()) = weight * forms;
      });
  return score;
}

/// The Gram matrix of the samples as (2) or (3) use it, and what the features alone say of the score.
struct SampleSystem {
  HScore score;           // without values
  double ridge = 0;       // n a mu of (2); 0 where (3) holds
  Factor factor;          // of W in (2), of Q^T Q in (3)
  Eigen::MatrixXd basis;  // (rank, n) Q^T of (3), nearly orthonormal; empty where the rank is n - 1
};

/// (3), with G = B B^T and B made orthonormal by a Cholesky factor of B^T B, twice: the first time
/// leaves what the condition of B spoils, the second time finds almost nothing left to do.
inline SampleSystem projection(Eigen::MatrixXd gram /* (n, n), lower triangle */, const Execution& execution) {
  const Index n = gram.rows();
  // G is singular by centring alone. With the vector of ones put back it is regular where the rank is n - 1.
  const double ones = gram.trace() / static_cast<double>(n * n);
  gram.array() += ones;
  SampleSystem system;
  Eigen::MatrixXd b;  // (rank, n) B^T
  {
    const Factor range = factorise(gram, least_pivot<double>, execution);
    // The vector of ones is orthogonal to the range of G and to Y: it adds to the rank and changes nothing else.
    system.score.rank = std::max<Index>(range.rank() - 1, 0);
    if (system.score.rank == n - 1) return system;
    mirror(gram, execution);
    b = half_solve(range, gram, execution);
    gram.resize(0, 0);
  }
  system.basis = half_solve(factor_of_row_products(b, execution), b, execution);
  system.factor = factor_of_row_products(system.basis, execution);
  return system;
}

/// (2) or (3) from the Gram matrix of the samples. Nothing where products in precision C do not suffice.
template <class C>
std::optional<SampleSystem> sample_system(Eigen::MatrixXd gram /* (n, n), lower triangle */, Index d,
                                          const HScoreOptions& options, const Execution& execution) {
  constexpr bool single = std::is_same_v<C, float>;
  const Index n = gram.rows();
  const double trace = gram.trace();
  if (!std::isfinite(trace)) return std::nullopt;

  const double intensity = options.ledoit_wolf
                               ? ledoit_wolf(n, d, trace, squared_norm(gram), gram.diagonal().squaredNorm())
                               : options.intensity;
  const double weight = 1 - intensity, ridge = intensity * trace / static_cast<double>(d);
  if (single && options.ledoit_wolf && weight < least_weight_single) return std::nullopt;
  if (ridge > 0) {
    regularise(gram, weight, ridge, execution);  // W
    SampleSystem system{{{}, intensity}, ridge, factor_plain(gram, least_pivot<C>, execution), {}};
    if (system.factor.smallest_pivot > 0) {
      if (options.adjust_for_chance) system.score.chance = chance_level(system.factor, n, n, ridge, execution);
      return system;
    }
    if (single) return std::nullopt;
    // Too weak to make W regular: no shrinkage at all, to working precision.
    regularise(gram, 1 / weight, -ridge / weight, execution);
  }
  if (single) return std::nullopt;
  SampleSystem system = projection(std::move(gram), execution);
  system.score.intensity = intensity;
  system.score.chance = static_cast<double>(system.score.rank) / static_cast<double>(n - 1);
  return system;
}

/// The indicators of every label set, as right-hand sides of (2).
inline auto indicators(const LabelSets& labels) {
  return RightHandSides{labels.n_classes, [&labels](Index l, Index first, Index count) {
                          return scaled_indicators(labels, l, first, count);
                        }};
}

/// (2) or (3) for every label set: (L,).
inline Eigen::VectorXd values(const SampleSystem& system, const LabelSets& labels, const Execution& execution) {
  if (system.ridge > 0)
    return most(labels) - system.ridge * quadratic_forms(system.factor, indicators(labels), execution);
  if (system.score.rank == labels.n - 1) return most(labels);
  const RightHandSides projections{labels.n_classes, [&](Index l, Index first, Index count) -> Eigen::MatrixXd {
                                     return system.basis * scaled_indicators(labels, l, first, count);
                                   }};
  return quadratic_forms(system.factor, projections, execution);
}

/// (2) and (3), for fewer samples. Nothing where products in precision C do not suffice.
template <class C, class T>
std::optional<HScore> h_score_of_samples(MatrixView<T> features /* (n, d) */, const LabelSets& labels,
                                         const HScoreOptions& options, const Execution& execution) {
  const Index n = features.rows(), d = features.cols();
  const Frame<T> frame = sampled_frame(features, options.plain() ? Scaling::per_feature : Scaling::common);
  const std::optional<SampleSystem> system =
      sample_system<C>(centred_row_gram<C>(features, frame, execution), d, options, execution);
  if (!system) return std::nullopt;
  HScore score = system->score;
  score.values = values(*system, labels, execution);
  score.precise.setConstant(labels.count(), true);
  if (std::is_same_v<C, float>) {
    const RoundedMatrix rounded{n, d, 1 - score.intensity, system->ridge, [&](const Eigen::MatrixXd& v) {
                                  return transposed_energies<C>(features, frame, v, execution);
                                }};
    const Eigen::VectorXd forms = (most(labels) - score.values) / system->ridge;
    const Corrections correction = corrections(system->factor, indicators(labels), rounded, forms, 0, execution);
    score.precise = correction.suffice(system->ridge, score.values);
    score.values -= system->ridge * correction.first_order;
  }
  return score;
}

/// Do single-precision products pay? Not for small matrices, and not where so many classes are scored
/// that their corrections cost more than products in double precision.
inline bool single_precision_pays(const LabelSets& labels, Index n, Index d, const HScoreOptions& options) {
  constexpr double least_products = 1e9;
  const Index smaller = std::min(n, d);
  const Index n_classes = std::accumulate(labels.n_classes.begin(), labels.n_classes.end(), Index{0});
  const bool needs_trace_of_inverse = options.adjust_for_chance && !options.plain();
  const bool has_singular_gram = n <= d + 1 && options.plain();
  return static_cast<double>(n) * static_cast<double>(d) * static_cast<double>(smaller) >= least_products &&
         2 * n_classes <= smaller && !needs_trace_of_inverse && !has_singular_gram;
}

/// Within 0 <= H <= min(K - 1, rank), which rounding may pass by a last digit. Adjusted, 0 for chance and still
/// K - 1 for perfect separation: (H - (K - 1) q) / (1 - q).
inline HScore finished(HScore score, const Eigen::VectorXd& most /* (L,) K - 1 */, bool adjust_for_chance) {
  const double rank = score.rank < 0 ? std::numeric_limits<double>::infinity() : static_cast<double>(score.rank);
  if (score.intensity == 1) score.values.setZero();  // nothing of the features is left
  score.values = score.values.cwiseMax(0).cwiseMin(most.cwiseMin(rank));
  const double q = score.chance;
  if (adjust_for_chance && q < 1) score.values = (score.values - q * most) / (1 - q);
  return score;
}

/// The score of every label set with products in precision C. Nothing where the features alone ask for more.
template <class C, class T>
std::optional<HScore> h_score_in(MatrixView<T> features /* (n, d) */, const LabelSets& labels,
                                 const HScoreOptions& options, const Execution& execution) {
  return features.rows() > features.cols() + 1 ? h_score_of_features<C>(features, labels, options, execution)
                                               : h_score_of_samples<C>(features, labels, options, execution);
}

/// Some of many label sets, in a place of their own.
struct SomeLabels {
  std::vector<Index> which;
  std::vector<std::int32_t> ids;
  LabelSets sets;

  template <class Chosen>
  SomeLabels(const LabelSets& labels, const Chosen& chosen) : sets{nullptr, labels.n, {}} {
    for (Index l = 0; l < labels.count(); ++l) {
      if (!chosen(l)) continue;
      which.push_back(l);
      ids.insert(ids.end(), labels.set(l), labels.set(l) + labels.n);
      sets.n_classes.push_back(labels.n_classes[l]);
    }
    sets.ids = ids.data();
  }

  /// Puts their values among those of all sets.
  void write(const HScore& of_some, HScore& of_all) const {
    for (std::size_t i = 0; i < which.size(); ++i) {
      of_all.values[which[i]] = of_some.values[static_cast<Index>(i)];
      of_all.precise[which[i]] = of_some.precise[static_cast<Index>(i)];
    }
  }
};

/// Scores from products in single precision, where these pay; `precise` says of which label sets they suffice.
template <class T>
std::optional<HScore> h_score_in_single(MatrixView<T> features /* (n, d) */, const LabelSets& labels,
                                        const HScoreOptions& options, const Execution& execution) {
  const Index n = features.rows(), d = features.cols();
  if (!options.as_if_alone) {
    if (!single_precision_pays(labels, n, d, options)) return std::nullopt;
    std::optional<HScore> score = h_score_in<float>(features, labels, options, execution);
    if (score && !score->precise.all()) return std::nullopt;  // one precision for all
    return score;
  }
  const SomeLabels some(labels, [&](Index l) {
    return single_precision_pays({nullptr, labels.n, {labels.n_classes[l]}}, n, d, options);
  });
  if (some.which.empty()) return std::nullopt;
  const std::optional<HScore> found = h_score_in<float>(features, some.sets, options, execution);
  if (!found) return std::nullopt;
  HScore score = *found;
  score.values.setZero(labels.count());
  score.precise.setConstant(labels.count(), false);
  some.write(*found, score);
  return score;
}

}  // namespace detail

/// One score for each label set, from one pass over the features and one factorisation (one for each precision, where
/// label sets are scored as if alone).
template <class T>
HScore h_score(MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (L, n) */, const HScoreOptions& options,
               const Execution& execution) {
  using namespace detail;
  const Index smaller = std::min(features.rows(), features.cols());
  const double work = static_cast<double>(features.size()) * static_cast<double>(smaller + labels.count());
  std::optional<HScore> score;
  const auto in_double = [&](const LabelSets& sets, const Execution& team) {
    std::optional<HScore> found = h_score_in<double>(features, sets, options, team);
    if (!found) throw std::overflow_error("products of features overflow");
    return finished(*found, most(sets), options.adjust_for_chance);
  };
  with_team(execution, work, [&](const Execution& team) {
    if constexpr (std::is_same_v<T, float>) score = h_score_in_single(features, labels, options, team);
    if (!score || !score->precise.any()) {
      score = in_double(labels, team);
      return;
    }
    score = finished(*score, most(labels), options.adjust_for_chance);
    if (score->precise.all()) return;
    const SomeLabels rest(labels, [&](Index l) { return !score->precise[l]; });
    rest.write(in_double(rest.sets, team), *score);
  });
  return *score;
}

/// (1) from statistics that were summed before, whatever the number of samples; one label set.
inline HScore h_score(FeatureStatistics s, const HScoreOptions& options, const Execution& execution) {
  using namespace detail;
  const double most = static_cast<double>(s.n_classes() - 1);
  HScore score;
  with_team(execution, std::pow(static_cast<double>(s.d()), 3) / 3, [&](const Execution& team) {
    const std::optional<FeatureSystem> system =
        feature_system<double>(std::move(s.scatter), s.n, s.radial_fourth, options, team);
    if (!system) throw std::overflow_error("products of features overflow");
    score = system->score;
    score.rank = std::min(score.rank, s.n - 1);
    const RightHandSides means{{s.n_classes()}, [&](Index, Index first, Index count) -> Eigen::MatrixXd {
                                 return s.offsets.middleCols(first, count) *
                                        s.counts.segment(first, count).cwiseSqrt().asDiagonal();
                               }};
    score.values = system->weight() * quadratic_forms(system->factor, means, team);
  });
  if (score.rank == s.n - 1) score.values.setConstant(most);
  return finished(score, Eigen::VectorXd::Constant(1, most), options.adjust_for_chance);
}

}  // namespace transferscore

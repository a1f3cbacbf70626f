// What scores need to know of labelled samples: counts, means, scatter and radial moments. Parts of the samples merge
// to the statistics of all, in double: Chan, Golub, LeVeque, COMPSTAT 1982.
#pragma once

#include "moments.hpp"

namespace transferscore {

/// Of samples x = unit * z, z (d,); everything below is of z.
struct FeatureStatistics {
  Index n = 0;
  double unit = 1;               // a power of two, so that squares of tiny and huge features stay in range
  Eigen::VectorXd mean;          // (d,)
  Eigen::VectorXd mean_rest;     // (d,) what rounding has left of the mean: it may be large beside the spread
  Eigen::MatrixXd scatter;       // (d, d) sum (z - mean)(z - mean)^T, lower triangle
  Eigen::VectorXd counts;        // (K,) samples of each class
  Eigen::MatrixXd offsets;       // (d, K) mean of each class - mean; 0 for a class without samples
  Eigen::VectorXd radial_third;  // (d,) sum ||z - mean||^2 (z - mean)
  double radial_fourth = 0;      // sum ||z - mean||^4

  Index d() const { return mean.size(); }
  Index n_classes() const { return counts.size(); }
};

namespace detail {

/// sum + rest = a + b, exactly.
inline void add_exactly(const Eigen::ArrayXd& a /* (d,) */, const Eigen::ArrayXd& b /* (d,) */, Eigen::VectorXd& sum,
                        Eigen::VectorXd& rest) {
  sum = a + b;
  const Eigen::ArrayXd added = sum.array() - a;
  rest = (a - (sum.array() - added)) + (b - added);
}

}  // namespace detail

/// The statistics of features with one label set, from one pass with products in double.
template <class T>
FeatureStatistics feature_statistics(MatrixView<T> features /* (n, d) */, const LabelSets& labels /* (1, n) */,
                                     const Execution& execution) {
  Frame<T> frame = sampled_frame(features, Scaling::common);
  Moments m = moments_about_mean<double>(features, frame, labels, true, execution);
  FeatureStatistics s;
  s.n = m.n;
  s.unit = 1 / static_cast<double>(frame.scale[0]);
  const Eigen::ArrayXd shift = (frame.shift * frame.scale).template cast<double>().transpose();
  detail::add_exactly(shift, m.mean, s.mean, s.mean_rest);
  s.counts = m.classes.counts(0, 0, labels.n_classes[0]);
  s.offsets = m.classes.sums(0, 0, labels.n_classes[0]) * s.counts.cwiseInverse().asDiagonal();
  s.offsets.colwise() -= m.mean;
  const Eigen::VectorXd spread = m.scatter.selfadjointView<Eigen::Lower>() * m.mean;
  s.radial_third = m.sums.a_z - 2 * spread - m.sums.a * m.mean;
  s.radial_fourth = m.fourth_radial_moment();
  s.scatter = std::move(m.scatter);
  return s;
}

namespace detail {

/// The same samples in another unit: exact, both are powers of two.
inline void change_unit(FeatureStatistics& s, double unit) {
  const double factor = s.unit / unit;
  s.unit = unit;
  if (factor == 1) return;
  // One factor after the other: zero stays zero where a power of the factor would be infinite.
  s.mean *= factor;
  s.mean_rest *= factor;
  s.offsets *= factor;
  for (int power = 0; power < 2; ++power) s.scatter *= factor;
  for (int power = 0; power < 3; ++power) s.radial_third *= factor;
  for (int power = 0; power < 4; ++power) s.radial_fourth *= factor;
}

/// The unit in which the samples of both are about one: of parts that do not vary, the distance decides.
inline double common_unit(const FeatureStatistics& a, const FeatureStatistics& b) {
  const auto spread = [](const FeatureStatistics& s) {
    return s.unit * std::sqrt(s.scatter.diagonal().maxCoeff() / static_cast<double>(s.n));
  };
  const double apart = (b.unit * b.mean - a.unit * a.mean).lpNorm<Eigen::Infinity>();
  const double size = std::max({spread(a), spread(b), apart});
  return size > 0 ? 1 / inverse_power_of_two(size) : std::max(a.unit, b.unit);
}

/// Adds the radial moments of s, taken about its own mean + shift.
inline void add_radial_moments(const FeatureStatistics& s, const Eigen::VectorXd& shift /* (d,) */,
                               FeatureStatistics& sum) {
  const double n = static_cast<double>(s.n), trace = s.scatter.diagonal().sum();
  const Eigen::VectorXd spread = s.scatter.selfadjointView<Eigen::Lower>() * shift;
  const double q = shift.squaredNorm();
  sum.radial_third += s.radial_third - (trace + n * q) * shift - 2 * spread;
  sum.radial_fourth +=
      s.radial_fourth - 4 * shift.dot(s.radial_third) + 4 * shift.dot(spread) + 2 * trace * q + n * q * q;
}

/// An order of statistics in one unit, but for those with equal means: what is merged does not depend on who merges.
inline bool comes_before(const FeatureStatistics& a, const FeatureStatistics& b) {
  const auto less = [](const Eigen::VectorXd& x, const Eigen::VectorXd& y) {
    return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
  };
  return a.mean == b.mean ? less(a.mean_rest, b.mean_rest) : less(a.mean, b.mean);
}

}  // namespace detail

/// The statistics of the samples of both, which know the same K classes, some perhaps without samples.
inline FeatureStatistics merged(FeatureStatistics a, FeatureStatistics b) {
  const double unit = detail::common_unit(a, b);
  detail::change_unit(a, unit);
  detail::change_unit(b, unit);
  if (detail::comes_before(b, a)) std::swap(a, b);
  const double n_a = static_cast<double>(a.n), n_b = static_cast<double>(b.n), n = n_a + n_b;
  const Eigen::VectorXd difference = (b.mean - a.mean) + (b.mean_rest - a.mean_rest);
  FeatureStatistics s;
  s.n = a.n + b.n;
  s.unit = unit;
  detail::add_exactly(a.mean, a.mean_rest + n_b / n * difference, s.mean, s.mean_rest);
  s.counts = a.counts + b.counts;
  s.offsets = (a.offsets.colwise() - n_b / n * difference) * a.counts.asDiagonal();
  s.offsets += (b.offsets.colwise() + n_a / n * difference) * b.counts.asDiagonal();
  s.offsets = s.offsets * s.counts.cwiseMax(1).cwiseInverse().asDiagonal();
  s.radial_third.setZero(s.d());
  detail::add_radial_moments(a, n_b / n * difference, s);
  detail::add_radial_moments(b, -n_a / n * difference, s);
  s.scatter = std::move(a.scatter);
  s.scatter += b.scatter;
  s.scatter.selfadjointView<Eigen::Lower>().rankUpdate(difference, n_a * n_b / n);
  return s;
}

}  // namespace transferscore

// What one pass over the samples leaves of them: counts, class sums, scatter, and the radial sums that
// Ledoit and Wolf's intensity needs. All in the frame's units, all sums in double.
#pragma once

#include "class_sums.hpp"
#include "frame.hpp"
#include "gram.hpp"

namespace transferscore {

/// Sums over samples that know nothing of labels. With a = ||z||^2, the radial ones are enough for
/// sum ||z - mean||^4 when the mean is known only at the end.
class FeatureSums {
 public:
  FeatureSums(Index d, bool radial) : z(Eigen::VectorXd::Zero(d)), a_z(z), radial_(radial) {}

  template <class Wave>
  void add(const Wave& wave /* (rows, d) */, const Execution& execution) {
    Eigen::VectorXd norms = Eigen::VectorXd::Zero(wave.rows());
    if (radial_) {
      parallel_for_pieces(wave.rows(), 64, execution, [&](Index first, Index count) {
        for (Index i = first; i < first + count; ++i)
          norms[i] = squared_norm(wave.data() + i * wave.outerStride(), wave.cols());
      });
    }
    parallel_for_pieces(wave.cols(), 64, execution, [&](Index first, Index count) {
      for (Index i = 0; i < wave.rows(); ++i) {
        const auto* row = wave.data() + i * wave.outerStride() + first;
        add_row(1, row, count, z.data() + first);
        if (radial_) add_row(norms[i], row, count, a_z.data() + first);
      }
    });
    a += norms.sum();
    a_squared += norms.squaredNorm();
  }

  Eigen::VectorXd z;  // (d,) sum z
  double a = 0, a_squared = 0;
  Eigen::VectorXd a_z;  // (d,) sum a z

 private:
  template <class C>
  static double squared_norm(const C* z /* (d,) */, Index d) {
    constexpr int lanes = 8;  // several sums side by side, or each addition would wait for the last
    double sums[lanes] = {};
    Index j = 0;
    for (; j + lanes <= d; j += lanes)
      for (int k = 0; k < lanes; ++k) sums[k] += static_cast<double>(z[j + k]) * static_cast<double>(z[j + k]);
    for (; j < d; ++j) sums[0] += static_cast<double>(z[j]) * static_cast<double>(z[j]);
    double sum = 0;
    for (const double s : sums) sum += s;
    return sum;
  }

  /// sum += weight * row
  template <class C>
  static void add_row(double weight, const C* row /* (count,) */, Index count, double* sum /* (count,) */) {
    for (Index j = 0; j < count; ++j) sum[j] += weight * static_cast<double>(row[j]);
  }

  bool radial_;
};

struct Moments {
  Index n;
  Eigen::VectorXd mean;     // (d,)
  Eigen::MatrixXd scatter;  // (d, d) sum (z - mean)(z - mean)^T, lower triangle
  FeatureSums sums;
  ClassSums classes;
  bool shift_is_poor;  // the mean is so far off that subtracting it has cost digits

  /// sum ||z - mean||^4
  double fourth_radial_moment() const {
    const double q = mean.squaredNorm();
    const double spread = mean.dot(scatter.selfadjointView<Eigen::Lower>() * mean);
    return sums.a_squared - 4 * mean.dot(sums.a_z) + 4 * spread + 2 * q * sums.a + static_cast<double>(n) * q * q;
  }
};

/// The moments of the features, multiplied in precision C, with the class sums of the first label sets.
template <class C, class T>
Moments moments(MatrixView<T> features /* (n, d) */, const Frame<T>& frame, const LabelSets& labels,
                bool with_radial_sums, const Execution& execution) {
  const Index n = features.rows(), d = features.cols();
  GramSum<C> gram(d);
  Moments m{n, {}, {}, FeatureSums(d, with_radial_sums), ClassSums(labels, 0, sets_at_once(labels, 0, d), d), false};
  for_each_wave<C>(features, frame, gram.blocks_at_once() * GramSum<C>::block_rows, execution,
                   [&](Index first_row, const auto& wave) {
                     m.classes.add(first_row, wave, execution);
                     m.sums.add(wave, execution);
                     gram.add(wave, execution);
                   });
  m.mean = m.sums.z / static_cast<double>(n);
  m.scatter = std::move(gram.sum());
  const Eigen::VectorXd about_shift = m.scatter.diagonal();
  m.scatter.selfadjointView<Eigen::Lower>().rankUpdate(m.mean, -static_cast<double>(n));
  m.shift_is_poor = (m.scatter.diagonal().array() < about_shift.array() / 16).any();
  return m;
}

/// The same in a frame that fits: moved to the mean where the sampled frame turned out to be far off.
template <class C, class T>
Moments moments_about_mean(MatrixView<T> features, Frame<T>& frame, const LabelSets& labels, bool with_radial_sums,
                           const Execution& execution) {
  Moments m = moments<C>(features, frame, labels, with_radial_sums, execution);
  if (!m.shift_is_poor) return m;
  frame.shift += (m.mean.transpose().array() / frame.scale.template cast<double>()).template cast<T>();
  return moments<C>(features, frame, labels, with_radial_sums, execution);
}

/// body(first_set, class sums) for all label sets, in chunks; the first chunk has been summed already.
template <class C, class T, class Body>
void for_each_chunk_of_sets(MatrixView<T> features, const Frame<T>& frame, const LabelSets& labels, ClassSums chunk,
                            const Execution& execution, const Body& body) {
  for (Index first = 0;;) {
    body(first, chunk);
    first += chunk.count();
    if (first == labels.count()) return;
    chunk = ClassSums(labels, first, sets_at_once(labels, first, features.cols()), features.cols());
    for_each_wave<C>(features, frame, GramSum<C>::block_rows, execution,
                     [&](Index first_row, const auto& wave) { chunk.add(first_row, wave, execution); });
  }
}

}  // namespace transferscore

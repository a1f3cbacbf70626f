// Principal components: the samples in coordinates along the eigenvectors of their covariance.
//
// Products are in double for float32 features, too: what comes after may depend on single eigenvectors, and these move
// by the error of the covariance over the gap between eigenvalues.
#pragma once

#include <stdexcept>

#include "cholesky.hpp"
#include "eigenvectors.hpp"
#include "moments.hpp"
#include "row_gram.hpp"

namespace transferscore {

/// How many principal components.
struct Reduction {
  Index n_components = 0;  // so many, or all there are; 0: by share
  double share = 0;        // the least number that holds more than this share of the variance; 0: features as they are

  bool none() const { return n_components == 0 && share == 0; }
};

/// A frame whose shift is the mean, as near as T holds it, and whose scale is the same for all features.
template <class T>
Frame<T> centred_frame(MatrixView<T> features /* (n, d) */, const Execution& execution) {
  Frame<T> frame = sampled_frame(features, Scaling::common);
  // Variances that users give, in squared units of the features, must stay finite in the frame.
  if constexpr (std::numeric_limits<T>::max_exponent > 400) frame.scale = frame.scale.min(std::ldexp(T{1}, 400));
  FeatureSums sums(features.cols(), false);
  for_each_wave<double>(features, frame, 1024, execution, [&](Index, const auto& wave) { sums.add(wave, execution); });
  const auto mean = sums.z.transpose().array() / static_cast<double>(features.rows());
  frame.shift += (mean / frame.scale.template cast<double>()).template cast<T>();
  if (!frame.shift.allFinite()) throw std::overflow_error("features overflow");
  return frame;
}

namespace detail {

/// The eigenpairs that a reduction asks for.
inline Eigenpairs principal_pairs(const Eigen::MatrixXd& a /* (size, size), both triangles */,
                                  const Reduction& reduction, const Execution& execution) {
  const auto leading = [](const Eigenpairs& pairs, Index k) {
    return Eigenpairs{pairs.values.head(k), pairs.vectors.leftCols(k)};
  };
  const Index size = a.rows();
  if (reduction.n_components > 0) {
    const Index k = std::min(reduction.n_components, size);
    return leading(leading_eigenpairs(a, k, {}, execution), k);
  }
  const double wanted = reduction.share * a.trace();
  Eigenpairs pairs;
  for (Index k = 32;; k *= 2) {
    pairs = leading_eigenpairs(a, std::min(k, size), pairs.vectors, execution);
    double sum = 0;
    for (Index j = 0; j < pairs.values.size(); ++j)
      if ((sum += pairs.values[j]) > wanted) return leading(pairs, j + 1);
    if (pairs.values.size() == size) return sum > 0 ? pairs : leading(pairs, 1);
  }
}

inline void refuse_overflow(const Eigen::MatrixXd& gram) {
  if (!std::isfinite(gram.trace())) throw std::overflow_error("squares of features overflow");
}

}  // namespace detail

/// Z (n, q), q <= min(n, d): the centred features along their leading principal axes, in the frame's units.
template <class T>
RowMatrix<double> principal_coordinates(MatrixView<T> features /* (n, d) */, const Frame<T>& frame /* about the mean */,
                                        const Reduction& reduction, const Execution& execution) {
  using namespace detail;
  const Index n = features.rows(), d = features.cols();
  if (n <= d) {
    Eigen::MatrixXd gram = centred_row_gram<double>(features, frame, execution);
    refuse_overflow(gram);
    mirror(gram, execution);
    const Eigenpairs pairs = principal_pairs(gram, reduction, execution);
    return pairs.vectors * pairs.values.cwiseSqrt().asDiagonal();
  }
  GramSum<double> gram(d);
  FeatureSums sums(d, false);
  for_each_wave<double>(features, frame, gram.blocks_at_once() * GramSum<double>::block_rows, execution,
                        [&](Index, const auto& wave) {
                          sums.add(wave, execution);
                          gram.add(wave, execution);
                        });
  const Eigen::VectorXd mean = sums.z / static_cast<double>(n);  // what rounding the shift has left
  Eigen::MatrixXd scatter = std::move(gram.sum());
  refuse_overflow(scatter);
  scatter.selfadjointView<Eigen::Lower>().rankUpdate(mean, -static_cast<double>(n));
  mirror(scatter, execution);
  const Eigen::MatrixXd axes = principal_pairs(scatter, reduction, execution).vectors;  // (d, q)

  const Eigen::RowVectorXd of_mean = mean.transpose() * axes;
  RowMatrix<double> z(n, axes.cols());
  parallel_for_pieces(n, 256, execution, [&](Index first, Index count) {
    RowMatrix<double> framed(count, d);
    write_framed<double>(features, frame, first, 0, framed);
    z.middleRows(first, count).noalias() = framed * axes;
    z.middleRows(first, count).rowwise() -= of_mean;
  });
  return z;
}

}  // namespace transferscore

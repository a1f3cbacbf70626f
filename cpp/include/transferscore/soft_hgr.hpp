// Soft-HGR (Wang, Wu, Huang, Zheng, Xu, Zhang, Huang, "An efficient approach to informative feature extraction from
// multimodal data", AAAI 2019) of centred samples F, G (n, k):
//
//   L = tr(F^T G) / N - tr(F^T F G^T G) / (2 N^2),  N = n - 1
//   dL/dF = (G - F (G^T G) / N) / N,  dL/dG = (F - G (F^T F) / N) / N
#pragma once

#include "core/cholesky.hpp"
#include "core/frame.hpp"
#include "core/gram.hpp"

namespace transferscore {

/// Samples without their mean, in double precision.
template <class T>
RowMatrix<double> centred_samples(MatrixView<T> features /* (n, k) */, const Execution& execution) {
  RowMatrix<double> samples(features.rows(), features.cols());
  parallel_for_pieces(features.cols(), 64, execution, [&](Index first, Index count) {
    // From the first sample on: a constant is then exactly zero.
    const Eigen::RowVectorXd origin = features.row(0).segment(first, count).template cast<double>();
    auto part = samples.middleCols(first, count);
    part = features.middleCols(first, count).template cast<double>().rowwise() - origin;
    const Eigen::RowVectorXd mean = part.colwise().sum() / static_cast<double>(features.rows());
    part.rowwise() -= mean;
  });
  return samples;
}

/// X^T X / N, both triangles.
inline Eigen::MatrixXd covariance(const RowMatrix<double>& samples /* (n, k) */, double size,
                                  const Execution& execution) {
  GramSum<double> gram(samples.cols());
  gram.add(samples, execution);
  Eigen::MatrixXd sum = gram.sum() / size;
  mirror(sum, execution);
  return sum;
}

/// The value; derivatives go to the two buffers.
template <class T>
double soft_hgr(MatrixView<T> f /* (n, k) */, MatrixView<T> g /* (n, k) */, T* by_f /* (n, k) */, T* by_g /* (n, k) */,
                const Execution& whole) {
  const Index n = f.rows(), k = f.cols();
  const double size = static_cast<double>(n - 1);
  double value = 0;
  with_team(whole, 4 * static_cast<double>(f.size()) * static_cast<double>(k), [&](const Execution& execution) {
    const RowMatrix<double> x = centred_samples(f, execution), y = centred_samples(g, execution);
    const Eigen::MatrixXd of_x = covariance(x, size, execution), of_y = covariance(y, size, execution);
    value = x.cwiseProduct(y).sum() / size - of_x.cwiseProduct(of_y).sum() / 2;
    if (!std::isfinite(value)) throw std::overflow_error("products of features overflow");
    parallel_for_pieces(n, 64, execution, [&](Index first, Index count) {
      const auto rows_of_x = x.middleRows(first, count), rows_of_y = y.middleRows(first, count);
      Eigen::Map<RowMatrix<T>>(by_f + first * k, count, k) = ((rows_of_y - rows_of_x * of_y) / size).template cast<T>();
      Eigen::Map<RowMatrix<T>>(by_g + first * k, count, k) = ((rows_of_x - rows_of_y * of_x) / size).template cast<T>();
    });
  });
  return value;
}

}  // namespace transferscore

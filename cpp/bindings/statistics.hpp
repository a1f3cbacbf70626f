// Feature statistics as a tuple of numbers and arrays, the form in which Python keeps them.
#pragma once

#include "arrays.hpp"
#include "transferscore/core/large_matrix.hpp"
#include "transferscore/core/mirror.hpp"
#include "transferscore/core/statistics.hpp"

namespace transferscore {

/// (n, unit, mean (d,), mean_rest (d,), scatter (d, d), counts (K,), offsets (K, d), radial_third (d,), radial_fourth)
using StatisticsTuple = std::tuple<Index, double, Array<double>, Array<double>, Array<double>, Array<double>,
                                   Array<double>, Array<double>, double>;

/// (size, size) of which the lower triangle counts; the upper one repeats it.
inline py::array_t<double> symmetric_array(const Eigen::MatrixXd& lower) {
  Array<double> array({lower.rows(), lower.cols()});
  Eigen::Map<Eigen::MatrixXd> whole(array.mutable_data(), lower.rows(), lower.cols());
  whole = lower;
  mirror(whole, Execution{});
  return array;
}

inline StatisticsTuple to_tuple(const FeatureStatistics& s) {
  const RowMatrix<double> offsets = s.offsets.transpose();
  return {s.n,
          s.unit,
          to_array(s.mean),
          to_array(s.mean_rest),
          symmetric_array(s.scatter),
          to_array(s.counts),
          to_array(offsets),
          to_array(s.radial_third),
          s.radial_fourth};
}

inline FeatureStatistics from_tuple(const StatisticsTuple& tuple) {
  FeatureStatistics s;
  s.n = std::get<0>(tuple);
  s.unit = std::get<1>(tuple);
  s.mean = to_vector(std::get<2>(tuple));
  s.mean_rest = to_vector(std::get<3>(tuple));
  const auto scatter = matrix_view(std::get<4>(tuple));
  s.scatter = large_matrix(scatter.cols(), scatter.rows());
  s.scatter = scatter.transpose();  // symmetric: read in the order in which it lies
  s.counts = to_vector(std::get<5>(tuple));
  s.offsets = matrix_view(std::get<6>(tuple)).transpose();
  s.radial_third = to_vector(std::get<7>(tuple));
  s.radial_fourth = std::get<8>(tuple);
  const Index d = s.d();
  if (s.mean_rest.size() != d || s.scatter.rows() != d || s.scatter.cols() != d || s.offsets.rows() != d ||
      s.radial_third.size() != d || s.offsets.cols() != s.n_classes())
    throw std::invalid_argument("expected statistics of one number of features and classes");
  return s;
}

}  // namespace transferscore

// Effective rank: how many directions the features use, Roy and Vetterli, EUSIPCO 2007.
//
// With the singular values sigma_k of the features, from the eigenvalues sigma_k^2 of the smaller Gram matrix:
//
//   erank = exp( -sum_k p_k log p_k ),   p_k = sigma_k / sum_j sigma_j                                           (1)
#pragma once

#include "core/gram_system.hpp"
#include "core/tridiagonal.hpp"

namespace transferscore {

/// (1) from the eigenvalues of a Gram matrix, in any unit; 0 where all are zero.
inline double effective_rank(const Eigen::ArrayXd& squares /* (size,) */) {
  const double largest = squares.maxCoeff();
  if (!(largest > 0)) return 0;
  // Eigenvalues are exact to a few roundings of the largest one; what is smaller is taken for zero.
  const double rounding = 64 * std::numeric_limits<double>::epsilon() * largest;
  const Eigen::ArrayXd sigma = (squares > rounding).select(squares, 0.0).sqrt();
  const Eigen::ArrayXd p = sigma / sigma.sum();
  double entropy = 0;
  for (const double share : p) entropy -= share > 0 ? share * std::log(share) : 0;
  return std::exp(std::max(entropy, 0.0));
}

template <class T>
double effective_rank(MatrixView<T> features /* (n, d) */, bool centred, const Execution& execution) {
  double rank = 0;
  const double work =
      static_cast<double>(features.size()) * static_cast<double>(std::min(features.rows(), features.cols()));
  with_team(execution, work, [&](const Execution& team) {
    rank = effective_rank(Tridiagonal(gram_system(features, Targets{}, centred, team).gram, team).eigenvalues());
  });
  return rank;
}

inline double effective_rank(const FeatureStatistics& statistics, bool centred, const Execution& execution) {
  double rank = 0;
  const double d = static_cast<double>(statistics.d());
  with_team(execution, d * d * d, [&](const Execution& team) {
    rank = effective_rank(Tridiagonal(gram_system(statistics, centred).gram, team).eigenvalues());
  });
  return rank;
}

}  // namespace transferscore

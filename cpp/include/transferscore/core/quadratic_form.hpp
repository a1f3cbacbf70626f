// tr(R^T A^-1 R) for many right-hand sides R and one factor of A.
#pragma once

#include <optional>
#include <type_traits>

#include "cholesky.hpp"
#include "frame.hpp"

namespace transferscore {

/// L problems with one matrix: block(l, first, count) gives columns of R_l (size, n_columns[l]).
template <class Block>
struct RightHandSides {
  std::vector<Index> n_columns;  // (L,)
  Block block;
};
template <class Block>
RightHandSides(std::vector<Index>, Block) -> RightHandSides<Block>;

/// tr(R_l^T A^-1 R_l) for every l: (L,). A problem is cut the same way whoever stands beside it, so its
/// value has the same bits alone and among thousands.
template <class Block>
Eigen::VectorXd quadratic_forms(const Factor& factor, const RightHandSides<Block>& rhs, const Execution& execution) {
  constexpr Index piece = 32;
  struct Task {
    Index l, first, count;
  };
  std::vector<Task> tasks;
  for (Index l = 0; l < static_cast<Index>(rhs.n_columns.size()); ++l)
    for (Index first = 0; first < rhs.n_columns[l]; first += piece)
      tasks.push_back({l, first, std::min(piece, rhs.n_columns[l] - first)});

  Eigen::VectorXd parts(tasks.size());
  parallel_for(static_cast<Index>(tasks.size()), execution, [&](Index t) {
    parts[t] = factor.half_solve(rhs.block(tasks[t].l, tasks[t].first, tasks[t].count)).squaredNorm();
  });
  Eigen::VectorXd forms = Eigen::VectorXd::Zero(rhs.n_columns.size());
  for (std::size_t t = 0; t < tasks.size(); ++t) forms[tasks[t].l] += parts[t];
  return forms;
}

/// tr(A^-1) of a matrix of full rank: all unit vectors are right-hand sides.
inline double trace_of_inverse(const Factor& factor, Index size, const Execution& execution) {
  const auto unit_vectors = [&](Index, Index first, Index count) {
    Eigen::MatrixXd units = Eigen::MatrixXd::Zero(size, count);
    units.middleRows(first, count).setIdentity();
    return units;
  };
  return quadratic_forms(factor, RightHandSides{{size}, unit_vectors}, execution)[0];
}

/// ||F v||^2 for every column v of V, F the centred features: (k,).
template <class C, class T>
Eigen::VectorXd energies(MatrixView<T> features /* (n, d) */, const Frame<T>& frame,
                         const Eigen::VectorXd& mean /* (d,) */, const Eigen::MatrixXd& v /* (d, k) */,
                         const Execution& execution) {
  constexpr Index wave_rows = 2048, piece = 128;
  const Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic> rounded = v.template cast<C>();
  const Eigen::RowVectorXd offset = mean.transpose() * v;
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(v.cols());
  for_each_wave<C>(features, frame, wave_rows, execution, [&](Index, const auto& wave) {
    Eigen::MatrixXd parts(v.cols(), (wave.rows() + piece - 1) / piece);
    parallel_for_pieces(wave.rows(), piece, execution, [&](Index first, Index count) {
      const Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic> product = wave.middleRows(first, count) * rounded;
      parts.col(first / piece) = (product.template cast<double>().rowwise() - offset).colwise().squaredNorm();
    });
    sum += parts.rowwise().sum();
  });
  return sum;
}

/// ||F^T v||^2 for every column v of V, F the centred features: (k,).
template <class C, class T>
Eigen::VectorXd transposed_energies(MatrixView<T> features /* (n, d) */, const Frame<T>& frame,
                                    const Eigen::MatrixXd& v /* (n, k) */, const Execution& execution) {
  constexpr Index piece = 128;
  const Index n = features.rows(), d = features.cols();
  const Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic> rounded =
      (v.rowwise() - v.colwise().mean()).template cast<C>();
  Eigen::MatrixXd parts(v.cols(), (d + piece - 1) / piece);
  parallel_for_pieces(d, piece, execution, [&](Index first, Index count) {
    RowMatrix<C> framed(n, count);
    write_framed<C>(features, frame, 0, first, framed, Execution{});
    const Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic> product = framed.transpose() * rounded;
    parts.col(first / piece) = product.template cast<double>().colwise().squaredNorm();
  });
  return parts.rowwise().sum();
}

/// tr(R_l^T A^-1 R_l) for A = weight F^T F + ridge I, F given by energies(V) = [||F v||^2]: (L,).
///
/// In double precision that is the factor's own answer. A factor of products in single precision is
/// slightly off; with V near A^-1 R the value 2 <V, R> - <V, A V> is wrong only by the square of V's
/// error. Nothing where the correction is so large that its square would show.
template <class C, class Block, class Energies>
std::optional<Eigen::VectorXd> settled_forms(const Factor& factor, const RightHandSides<Block>& rhs, Index size,
                                             double weight, double ridge, const Energies& energies,
                                             const Execution& execution) {
  const Eigen::VectorXd raw = quadratic_forms(factor, rhs, execution);
  if (!std::is_same_v<C, float>) return raw;

  Eigen::VectorXd settled(raw.size());
  for (Index l = 0; l < settled.size(); ++l) {
    const Index k = rhs.n_columns[l];
    const Eigen::MatrixXd r = rhs.block(l, 0, k);
    Eigen::MatrixXd v(size, k);
    parallel_for_pieces(k, 32, execution, [&](Index first, Index count) {
      const Eigen::MatrixXd solution = factor.finish_solve(factor.half_solve(r.middleCols(first, count)), size);
      v.middleCols(first, count) = solution.cast<float>().cast<double>();  // as the products will see it
    });
    settled[l] = 2 * v.cwiseProduct(r).sum() - weight * energies(v).sum() - ridge * v.squaredNorm();
  }
  constexpr double largest_correction = 1e-3;
  if (!((settled - raw).array().abs() <= largest_correction * raw.array()).all()) return std::nullopt;
  return settled;
}

}  // namespace transferscore

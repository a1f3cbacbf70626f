// tr(R^T A^-1 R) for many right-hand sides R and one factor of A.
#pragma once

#include "cholesky.hpp"
#include "frame.hpp"
#include "gram.hpp"

namespace transferscore {

/// L problems with one matrix: block(l, first, count) gives columns of R_l (size, n_columns[l]).
template <class Block>
struct RightHandSides {
  std::vector<Index> n_columns;  // (L,)
  Block block;
};
template <class Block>
RightHandSides(std::vector<Index>, Block) -> RightHandSides<Block>;

/// U (r, columns) as Factor::half_solve gives it, in pieces.
inline Eigen::MatrixXd half_solve(const Factor& factor, const Eigen::MatrixXd& rhs /* (size, columns) */,
                                  const Execution& execution) {
  Eigen::MatrixXd u(factor.rank(), rhs.cols());
  parallel_for_pieces(rhs.cols(), 64, execution, [&](Index first, Index count) {
    u.middleCols(first, count) = factor.half_solve(rhs.middleCols(first, count));
  });
  return u;
}

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
  constexpr Index stage = 1 << 16, piece = 128;  // rows: partial sums of a stage, rows framed together
  const Index n = features.rows(), d = features.cols();
  const Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic> rounded = v.template cast<C>();
  const Eigen::RowVectorXd offset = mean.transpose() * v;
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(v.cols());
  for (Index first_row = 0; first_row < n; first_row += stage) {
    const Index rows = std::min(stage, n - first_row);
    Eigen::MatrixXd parts(v.cols(), (rows + piece - 1) / piece);
    parallel_for_pieces(rows, piece, execution, [&](Index first, Index count) {
      RowMatrix<C> buffer = padded_matrix<C>(count, d);
      write_framed<C>(features, frame, first_row + first, 0, buffer.leftCols(d));
      const Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic> product = buffer.leftCols(d) * rounded;
      parts.col(first / piece) = (product.template cast<double>().rowwise() - offset).colwise().squaredNorm();
    });
    sum += parts.rowwise().sum();
  }
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
    RowMatrix<C> buffer = padded_matrix<C>(n, count);
    write_framed<C>(features, frame, 0, first, buffer.leftCols(count));
    const Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic> product = buffer.leftCols(count).transpose() * rounded;
    parts.col(first / piece) = product.template cast<double>().colwise().squaredNorm();
  });
  return parts.rowwise().sum();
}

/// A = weight F^T F + ridge I whose factor comes from products in single precision, each entry a sum of `depth` of
/// them. F itself is given by energies(V) = [||F v||^2].
template <class Energies>
struct RoundedMatrix {
  Index size, depth;
  double weight, ridge;
  Energies energies;
};
template <class Energies>
RoundedMatrix(Index, Index, double, double, Energies) -> RoundedMatrix<Energies>;

/// tr(E^-1) of the scaled matrix E = D A D that a factor stands for, estimated from a few vectors of signs.
inline double estimated_trace_of_inverse(const Factor& factor) {
  constexpr Index n_vectors = 8;
  Eigen::MatrixXd signs(factor.rank(), n_vectors);
  std::uint32_t state = 1;
  for (Index i = 0; i < signs.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    signs.data()[i] = state >> 31 ? 1 : -1;
  }
  factor.leading().triangularView<Eigen::Lower>().solveInPlace(signs);
  return signs.squaredNorm() / n_vectors;
}

/// What the rounding of single precision asks of tr(R_l^T A^-1 R_l).
struct Corrections {
  Eigen::VectorXd first_order;   // (L,) to be added
  Eigen::VectorXd second_order;  // (L,) about what is still wrong then

  /// Are the corrected scores right to about 1e-6? They are the forms times `weight` and a constant.
  Eigen::Array<bool, Eigen::Dynamic, 1> suffice(double weight, const Eigen::VectorXd& scores /* (L,) */) const {
    return weight * first_order.array().abs() <= 1e-3 * scores.array() &&
           weight * second_order.array() <= 1e-6 * scores.array();
  }
};

/// By how much tr(R_l^T A^-1 R_l) must be corrected for the rounding of the factor.
///
/// With V near A^-1 R, 2 <V, R> - <V, A V> is wrong only by the square of V's error. Where even that of the
/// first order is sure to be below the share `negligible` of the form, nothing is corrected.
template <class Block, class Energies>
Corrections corrections(const Factor& factor, const RightHandSides<Block>& rhs, const RoundedMatrix<Energies>& a,
                        const Eigen::VectorXd& forms /* (L,) */, double negligible, const Execution& execution) {
  // An entry of D A D is rounded once for each product of a block; the errors of blocks average out.
  const double entry = std::ldexp(1.0, -24) * GramSum<float>::block_rows / std::sqrt(static_cast<double>(a.depth));
  const double trace = estimated_trace_of_inverse(factor);
  Corrections result{Eigen::VectorXd::Zero(forms.size()), Eigen::VectorXd::Zero(forms.size())};
  for (Index l = 0; l < forms.size(); ++l) {
    const Index k = rhs.n_columns[l];
    const Eigen::MatrixXd r = rhs.block(l, 0, k);
    Eigen::MatrixXd v(a.size, k);
    Eigen::VectorXd norms = Eigen::VectorXd::Zero(k);  // of D^-1 V
    parallel_for_pieces(k, 32, execution, [&](Index first, Index count) {
      const Eigen::MatrixXd x = factor.finish_solve(factor.half_solve(r.middleCols(first, count)), a.size);
      norms[first] = (factor.scale.cwiseInverse().asDiagonal() * x(factor.kept, Eigen::all)).squaredNorm();
      v.middleCols(first, count) = x.cast<float>().cast<double>();  // as the products will see it
    });
    result.second_order[l] = entry * entry * trace * norms.sum();
    if (entry * norms.sum() <= negligible * forms[l]) continue;
    result.first_order[l] =
        2 * v.cwiseProduct(r).sum() - a.weight * a.energies(v).sum() - a.ridge * v.squaredNorm() - forms[l];
  }
  return result;
}

}  // namespace transferscore

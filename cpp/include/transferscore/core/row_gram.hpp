// The other Gram matrix, of samples instead of features: small where there are fewer samples than features.
#pragma once

#include "frame.hpp"
#include "gram.hpp"

namespace transferscore {

/// G (n, n) = F F^T for the centred features F in the frame's units, lower triangle; products in precision C.
template <class C, class T>
Eigen::MatrixXd centred_row_gram(MatrixView<T> features /* (n, d) */, const Frame<T>& frame,
                                 const Execution& execution) {
  const Index n = features.rows(), d = features.cols();
  GramSum<C> gram(n);
  const Index wave = std::min(d, gram.blocks_at_once() * GramSum<C>::block_rows);
  RowMatrix<C> buffer = padded_matrix<C>(n, wave);
  for (Index first_column = 0; first_column < d; first_column += wave) {
    auto framed = buffer.leftCols(std::min(wave, d - first_column));
    parallel_for_pieces(n, 64, execution, [&](Index first, Index count) {
      write_framed<C>(features, frame, first, first_column, framed.middleRows(first, count));
    });
    gram.add(framed.transpose(), execution);
  }
  Eigen::MatrixXd g = std::move(gram.sum());
  // Centring twice, rows and columns: G_ij - m_i - m_j + mean(m).
  Eigen::VectorXd means =
      g.selfadjointView<Eigen::Lower>() * Eigen::VectorXd::Constant(n, 1.0 / static_cast<double>(n));
  const double half = means.mean() / 2;
  means.array() -= half;
  for (Index j = 0; j < n; ++j) g.col(j).tail(n - j) -= (means.tail(n - j).array() + means[j]).matrix();
  return g;
}

}  // namespace transferscore

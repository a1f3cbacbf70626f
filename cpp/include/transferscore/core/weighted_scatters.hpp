// Scatters of samples in groups that are weighted: what resampling draws, many draws at a time.
#pragma once

#include "parallel.hpp"
#include "types.hpp"

namespace transferscore {

/// sum_g w_bg T_g - m_b m_b^T for each draw b: T (G, d, d) and the result (B, d, d) are symmetric.
inline void weighted_scatters(const MatrixView<double>& groups /* (G, d d) T */,
                              const MatrixView<double>& weights /* (B, G) w */,
                              const MatrixView<double>& means /* (B, d) m */,
                              Eigen::Map<RowMatrix<double>> draws /* (B, d d) */, const Execution& execution) {
  constexpr Index side = 64;  // of the blocks in which a triangle becomes a matrix
  const Index d = means.cols();
  const double work = static_cast<double>(weights.size()) * static_cast<double>(d * d) / 2;
  with_team(execution, work, [&](const Execution& team) {
    // The rest of a row, from the diagonal on, is a product of its own, hence the same bits for any number of threads.
    parallel_for(d, team, [&](Index i) {
      auto rest = draws.middleCols(i * d + i, d - i);
      rest.noalias() = weights * groups.middleCols(i * d + i, d - i);
      rest.noalias() -= means.col(i).asDiagonal() * means.rightCols(d - i);
    });
    parallel_for(draws.rows(), team, [&](Index b) {
      Eigen::Map<RowMatrix<double>> draw(draws.row(b).data(), d, d);
      for (Index i = 0; i < d; i += side) {
        const Index rows = std::min(side, d - i);
        for (Index r = i; r < i + rows; ++r)
          draw.col(r).segment(r + 1, i + rows - r - 1) = draw.row(r).segment(r + 1, i + rows - r - 1).transpose();
        for (Index j = i + rows; j < d; j += side) {
          const Index columns = std::min(side, d - j);
          draw.block(j, i, columns, rows) = draw.block(i, j, rows, columns).transpose();
        }
      }
    });
  });
}

}  // namespace transferscore

// Scatters of samples in groups that are weighted: what resampling draws, many draws at a time.
#pragma once

#include "parallel.hpp"
#include "types.hpp"

namespace transferscore {

/// sum_g w_bg T_g - m_b m_b^T for each draw b, its upper triangle: what lies below is neither read nor written.
inline void weighted_scatters(const MatrixView<double>& groups /* (G, d d) T */,
                              const MatrixView<double>& weights /* (B, G) w */,
                              const MatrixView<double>& means /* (B, d) m */,
                              Eigen::Map<RowMatrix<double>> draws /* (B, d d) */, const Execution& execution) {
  const Index d = means.cols();
  const double work = static_cast<double>(weights.size()) * static_cast<double>(d * d) / 2;
  with_team(execution, work, [&](const Execution& team) {
    // The rest of a row, from the diagonal on, is a product of its own, hence the same bits for any number of threads.
    parallel_for(d, team, [&](Index i) {
      auto rest = draws.middleCols(i * d + i, d - i);
      rest.noalias() = weights * groups.middleCols(i * d + i, d - i);
      rest.noalias() -= means.col(i).asDiagonal() * means.rightCols(d - i);
    });
  });
}

}  // namespace transferscore

// A matrix drawn towards the identity.
#pragma once

#include "parallel.hpp"

namespace transferscore {

/// A <- weight A + ridge I.
inline void regularise(Eigen::MatrixXd& lower /* (size, size), lower triangle */, double weight, double ridge,
                       const Execution& execution) {
  if (ridge == 0 && weight == 1) return;
  const Index size = lower.rows();
  parallel_for_pieces(size, 64, execution, [&](Index first, Index count) {
    for (Index j = first; j < first + count; ++j) {
      lower.col(j).tail(size - j) *= weight;
      lower(j, j) += ridge;
    }
  });
}

/// A <- A - R R^T.
inline void subtract_products(Eigen::MatrixXd& lower /* (size, size), lower triangle */,
                              const Eigen::MatrixXd& r /* (size, k) */, const Execution& execution) {
  const Index size = lower.rows();
  parallel_for_pieces(size, 128, execution, [&](Index j, Index count) {
    lower.block(j, j, size - j, count).noalias() -= r.bottomRows(size - j) * r.middleRows(j, count).transpose();
  });
}

}  // namespace transferscore

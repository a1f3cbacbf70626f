// Symmetric matrices of which one triangle was computed.
#pragma once

#include "parallel.hpp"
#include "types.hpp"

namespace transferscore {

/// Copies the lower triangle to the upper one, block by block: a row of a large matrix at a time would touch a page of
/// memory for every value.
inline void mirror(Eigen::Ref<Eigen::MatrixXd> a /* (size, size) */, const Execution& execution) {
  constexpr Index side = 64;
  const Index size = a.rows();
  parallel_for_pieces(size, side, execution, [&](Index j, Index columns) {
    for (Index k = j + 1; k < j + columns; ++k) a.col(k).segment(j, k - j) = a.row(k).segment(j, k - j).transpose();
    for (Index i = 0; i < j; i += side) a.block(i, j, side, columns) = a.block(j, i, columns, side).transpose();
  });
}

}  // namespace transferscore

// Sums of products, A^T A, cut into tiles: products in the caller's precision, sums in double.
//
// Blocks of 1,024 rows are multiplied in type C and added to the double sum one after the other, so
// single precision gives its speed while the error stays that of a short sum. Neither the blocks
// nor the tiles depend on the number of threads.
#pragma once

#include "parallel.hpp"

namespace transferscore {

/// Adds A^T A to the lower triangle of a square matrix, A given in pieces of rows.
template <class C>
class GramSum {
 public:
  explicit GramSum(Index size) : sum_(Eigen::MatrixXd::Zero(size, size)) {
    for (Index j = 0; j < size; j += tile_edge)
      for (Index i = j; i < size; i += tile_edge) tiles_.push_back({i, j});
  }

  /// How many blocks of rows should come at once to keep the threads busy.
  Index blocks_at_once() const { return std::max<Index>(1, 16 / static_cast<Index>(tiles_.size())); }

  template <class Piece>
  void add(const Eigen::MatrixBase<Piece>& piece /* (rows, size) */, const Execution& execution) {
    const Index n_tiles = static_cast<Index>(tiles_.size());
    const Index n_blocks = (piece.rows() + block_rows - 1) / block_rows;
    products_.resize(std::max(products_.size(), static_cast<std::size_t>(n_tiles * n_blocks)));
    parallel_for(n_tiles * n_blocks, execution, [&](Index task) {
      const Tile tile = tiles_[task % n_tiles];
      const Index first = task / n_tiles * block_rows;
      const auto block = piece.middleRows(first, std::min(block_rows, piece.rows() - first));
      products_[task].noalias() =
          block.middleCols(tile.i, edge(tile.i)).transpose() * block.middleCols(tile.j, edge(tile.j));
    });
    parallel_for(n_tiles, execution, [&](Index t) {
      auto target = sum_.block(tiles_[t].i, tiles_[t].j, edge(tiles_[t].i), edge(tiles_[t].j));
      for (Index b = 0; b < n_blocks; ++b) target += products_[b * n_tiles + t].template cast<double>();
    });
  }

  /// The sum so far; only the lower triangle counts.
  Eigen::MatrixXd& sum() { return sum_; }

  static constexpr Index block_rows = 1024;

 private:
  struct Tile {
    Index i, j;
  };
  static constexpr Index tile_edge = 256;
  Index edge(Index first) const { return std::min(tile_edge, sum_.rows() - first); }

  Eigen::MatrixXd sum_;      // (size, size)
  std::vector<Tile> tiles_;  // of the lower triangle
  std::vector<Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic>> products_;
};

}  // namespace transferscore

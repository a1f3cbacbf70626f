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
  explicit GramSum(Index size) : sum_(size, size) {
    // The largest first: the last tasks to be drawn should be short.
    for (Index j = 0; j < size; j += tile_edge)
      for (Index i = j + tile_edge; i < size; i += tile_edge) tiles_.push_back({i, j});
    for (Index j = 0; j < size; j += tile_edge) tiles_.push_back({j, j});
  }

  /// How many blocks of rows should come at once to keep the threads busy.
  Index blocks_at_once() const { return std::max<Index>(1, 20 / std::max<Index>(1, n_tiles())); }

  template <class Piece>
  void add(const Eigen::MatrixBase<Piece>& piece /* (rows, size) */, const Execution& execution) {
    const Index n_blocks = (piece.rows() + block_rows - 1) / block_rows;
    products_.resize(std::max(products_.size(), static_cast<std::size_t>(n_tiles() * n_blocks)));
    parallel_for(n_tiles() * n_blocks, execution, [&](Index task) {
      const Tile tile = tiles_[task / n_blocks];
      const Index first = task % n_blocks * block_rows;
      const auto block = piece.middleRows(first, std::min(block_rows, piece.rows() - first));
      Product& product = products_[task];
      product.resize(edge(tile.i), edge(tile.j));
      if (tile.i == tile.j) {
        multiply_lower(block.middleCols(tile.i, edge(tile.i)), 0, edge(tile.i), product);
      } else {
        product.noalias() = block.middleCols(tile.i, edge(tile.i)).transpose() * block.middleCols(tile.j, edge(tile.j));
      }
      if (n_blocks == 1) add_to_sum(tile, product, is_first_);
    });
    if (n_blocks > 1) {
      parallel_for(n_tiles(), execution, [&](Index t) {
        for (Index b = 0; b < n_blocks; ++b) add_to_sum(tiles_[t], products_[t * n_blocks + b], is_first_ && b == 0);
      });
    }
    is_first_ = false;
  }

  /// The sum so far; only the lower triangle counts.
  Eigen::MatrixXd& sum() { return sum_; }

  static constexpr Index block_rows = 1024;

 private:
  using Product = Eigen::Matrix<C, Eigen::Dynamic, Eigen::Dynamic>;
  struct Tile {
    Index i, j;
  };

  /// The lower triangle of a^T a and little more, by halving the columns first .. first + size - 1.
  template <class A>
  static void multiply_lower(const A& a /* (rows, edge) */, Index first, Index size, Product& product) {
    constexpr Index smallest = 96;
    if (size <= smallest) {
      product.block(first, first, size, size).noalias() =
          a.middleCols(first, size).transpose() * a.middleCols(first, size);
      return;
    }
    const Index half = size / 2, rest = size - half;
    multiply_lower(a, first, half, product);
    product.block(first + half, first, rest, half).noalias() =
        a.middleCols(first + half, rest).transpose() * a.middleCols(first, half);
    multiply_lower(a, first + half, rest, product);
  }

  void add_to_sum(Tile tile, const Product& product, bool is_first) {
    auto target = sum_.block(tile.i, tile.j, product.rows(), product.cols());
    if (is_first) {
      target = product.template cast<double>();
    } else {
      target += product.template cast<double>();
    }
  }

  Index n_tiles() const { return static_cast<Index>(tiles_.size()); }
  static constexpr Index tile_edge = 384;
  Index edge(Index first) const { return std::min(tile_edge, sum_.rows() - first); }

  // (size, size), not set to zero: memory that nobody touches, the upper tiles, is never given to the process.
  Eigen::MatrixXd sum_;
  bool is_first_ = true;
  std::vector<Tile> tiles_;  // of the lower triangle
  std::vector<Product> products_;
};

}  // namespace transferscore

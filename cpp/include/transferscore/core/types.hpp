// The nouns that every kernel speaks in. Rows are samples, columns are features.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

namespace transferscore {

using Index = Eigen::Index;  // 64 bit on every supported platform: rows * columns may pass 2^31

template <class T>
using RowMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A feature matrix that somebody else owns: (n, d), rows contiguous.
template <class T>
using MatrixView = Eigen::Map<const RowMatrix<T>>;

/// A row-major (rows, columns) buffer to take the left `columns` of. Its rows are an odd number of cache lines
/// apart: at a power of two the values of a column would all compete for the same few places of the cache.
template <class T>
RowMatrix<T> padded_matrix(Index rows, Index columns) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  return RowMatrix<T>(rows, ((columns + line - 1) / line | 1) * line);
}

/// L label sets of the same n samples, as class ids 0 .. K-1 without gaps.
struct LabelSets {
  const std::int32_t* ids;       // (L, n)
  Index n;                       // samples
  std::vector<Index> n_classes;  // (L,): K of each set

  Index count() const { return static_cast<Index>(n_classes.size()); }
  const std::int32_t* set(Index l) const { return ids + l * n; }  // (n,)
};

}  // namespace transferscore

// Features seen from a centre that is known before they are multiplied, and Gram matrices of some of their rows.
#pragma once

#include <numeric>

#include "moments.hpp"

namespace transferscore {

/// z = (x - centre) * scale, computed in double.
template <class T>
struct CentredFeatures {
  MatrixView<T> features;  // (n, d)
  Eigen::VectorXd centre;  // (d,)
  double scale = 1;        // a power of two

  Index n() const { return features.rows(); }
  Index d() const { return features.cols(); }

  template <class C>
  void write(Index row, Index first_column, Index columns, C* z /* (columns,) */) const {
    const T* x = features.data() + row * d() + first_column;
    const double* m = centre.data() + first_column;
    for (Index j = 0; j < columns; ++j) z[j] = static_cast<C>((static_cast<double>(x[j]) - m[j]) * scale);
  }
};

/// Features seen from their mean, in a unit that brings them to about one.
template <class T>
CentredFeatures<T> about_mean(MatrixView<T> features /* (n, d) */, const Execution& execution) {
  const Frame<T> frame = sampled_frame(features, Scaling::common);
  FeatureSums sums(features.cols(), false);
  for_each_wave<double>(features, frame, 256, execution, [&](Index, const auto& wave) { sums.add(wave, execution); });
  const double scale = static_cast<double>(frame.scale[0]);
  const Eigen::VectorXd shift = frame.shift.template cast<double>().matrix().transpose();
  return {features, shift + sums.z / (static_cast<double>(features.rows()) * scale), scale};
}

/// body(first_row, Z) for n rows of d values in waves; write(i, z) puts row i at z.
template <class C, class Write, class Body>
void for_each_written_wave(Index n, Index d, Index wave_rows, const Write& write, const Execution& execution,
                           const Body& body) {
  RowMatrix<C> buffer = padded_matrix<C>(std::min(wave_rows, n), d);
  for (Index first_row = 0; first_row < n; first_row += wave_rows) {
    const auto wave = buffer.topLeftCorner(std::min(wave_rows, n - first_row), d);
    parallel_for_pieces(wave.rows(), 64, execution, [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) write(first_row + i, buffer.data() + i * buffer.outerStride());
    });
    body(first_row, wave);
  }
}

/// Z^T Z (d, d) or Z Z^T (n, n), whichever is smaller, of the rows rows[0 .. n-1]: lower triangle; products in
/// precision C. `many_blocks` keeps a team of threads busy, for more memory.
template <class C, class T>
Eigen::MatrixXd smaller_gram(const CentredFeatures<T>& z, const Index* rows /* (n,) */, Index n, bool many_blocks,
                             const Execution& execution) {
  const Index d = z.d();
  GramSum<C> gram(std::min(n, d));
  const Index wave = (many_blocks ? gram.blocks_at_once() : 1) * GramSum<C>::block_rows;
  if (n > d) {
    for_each_written_wave<C>(
        n, d, wave, [&](Index i, C* row) { z.write(rows[i], 0, d, row); }, execution,
        [&](Index, const auto& block) { gram.add(block, execution); });
  } else {
    RowMatrix<C> buffer = padded_matrix<C>(n, std::min(wave, d));
    for (Index first_column = 0; first_column < d; first_column += wave) {
      const Index columns = std::min(wave, d - first_column);
      parallel_for_pieces(n, 64, execution, [&](Index first, Index count) {
        for (Index i = first; i < first + count; ++i)
          z.write(rows[i], first_column, columns, buffer.data() + i * buffer.outerStride());
      });
      gram.add(buffer.leftCols(columns).transpose(), execution);
    }
  }
  return std::move(gram.sum());
}

/// 0 .. n-1
inline std::vector<Index> all_rows(Index n) {
  std::vector<Index> rows(n);
  std::iota(rows.begin(), rows.end(), Index{0});
  return rows;
}

/// The rows of each class, one class after the other.
struct RowsByClass {
  std::vector<Index> rows;   // (n,)
  std::vector<Index> first;  // (K + 1,) where each class begins

  explicit RowsByClass(const LabelSets& labels /* (1, n) */) : rows(labels.n), first(labels.n_classes[0] + 1, 0) {
    const std::int32_t* ids = labels.set(0);
    for (Index i = 0; i < labels.n; ++i) ++first[ids[i] + 1];
    for (std::size_t c = 1; c < first.size(); ++c) first[c] += first[c - 1];
    std::vector<Index> next(first.begin(), first.end() - 1);
    for (Index i = 0; i < labels.n; ++i) rows[next[ids[i]]++] = i;
  }
  Index count(Index c) const { return first[c + 1] - first[c]; }
  const Index* of(Index c) const { return rows.data() + first[c]; }
  Index n_classes() const { return static_cast<Index>(first.size()) - 1; }
};

}  // namespace transferscore

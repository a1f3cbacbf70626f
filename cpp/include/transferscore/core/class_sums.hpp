// Sums of the samples of each class, for one or thousands of label sets over the same features.
#pragma once

#include "parallel.hpp"

namespace transferscore {

/// Sums (d,) and counts of every class of the label sets first_set .. first_set + n_sets - 1, in double, in row order.
class ClassSums {
 public:
  ClassSums(const LabelSets& labels, Index first_set, Index n_sets, Index d)
      : labels_(&labels), first_set_(first_set), d_(d), offsets_{0} {
    for (Index l = 0; l < n_sets; ++l) offsets_.push_back(offsets_.back() + labels.n_classes[first_set + l]);
    sums_.setZero(n_tiles() * offsets_.back(), tile);
    counts_.setZero(offsets_.back());
  }

  /// Adds the samples first_row .. first_row + rows - 1.
  template <class Wave>
  void add(Index first_row, const Wave& wave /* (rows, d) */, const Execution& execution) {
    const Index n_groups = (count() + group - 1) / group;
    parallel_for(n_tiles() * n_groups, execution, [&](Index task) {
      const Index t = task % n_tiles(), first_set = task / n_tiles() * group;
      const Index last_set = std::min(first_set + group, count());
      // A packed block of a tile stays in the cache while all label sets of the group read it.
      RowMatrix<double> packed = RowMatrix<double>::Zero(std::min(block_rows, wave.rows()), tile);
      const Index width = std::min(tile, d_ - t * tile);
      for (Index row = 0; row < wave.rows(); row += block_rows) {
        const Index rows = std::min(block_rows, wave.rows() - row);
        for (Index i = 0; i < rows; ++i) {
          const auto* z = wave.data() + (row + i) * wave.outerStride() + t * tile;
          std::copy(z, z + width, packed.data() + i * tile);
        }
        for (Index l = first_set; l < last_set; ++l) {
          const std::int32_t* ids = labels_->set(first_set_ + l) + first_row + row;
          add_block(packed.data(), ids, rows, sums_.row(t * offsets_.back() + offsets_[l]).data());
          if (t == 0) add_counts(ids, rows, counts_.data() + offsets_[l]);
        }
      }
    });
  }

  /// Sums (d, n) of the classes first .. first + n - 1 of the l-th set.
  Eigen::MatrixXd sums(Index l, Index first, Index n) const {
    Eigen::MatrixXd columns(d_, n);
    for (Index t = 0; t < n_tiles(); ++t) {
      const Index width = std::min(tile, d_ - t * tile);
      columns.middleRows(t * tile, width) =
          sums_.block(t * offsets_.back() + offsets_[l] + first, 0, n, width).transpose();
    }
    return columns;
  }

  /// Sizes (n,) of the classes first .. first + n - 1 of the l-th set.
  Eigen::VectorXd counts(Index l, Index first, Index n) const { return counts_.segment(offsets_[l] + first, n); }

  std::vector<Index> n_classes() const {
    return {labels_->n_classes.begin() + first_set_, labels_->n_classes.begin() + first_set_ + count()};
  }
  Index count() const { return static_cast<Index>(offsets_.size()) - 1; }

 private:
  static constexpr Index tile = 64;        // columns
  static constexpr Index group = 32;       // label sets
  static constexpr Index block_rows = 64;  // rows

  Index n_tiles() const { return (d_ + tile - 1) / tile; }

  static void add_block(const double* z /* (rows, tile) */, const std::int32_t* ids /* (rows,) */, Index rows,
                        double* sums /* (K, tile) */) {
    for (Index i = 0; i < rows; ++i, z += tile) {
      double* sum = sums + ids[i] * tile;
      for (Index j = 0; j < tile; ++j) sum[j] += z[j];
    }
  }

  static void add_counts(const std::int32_t* ids /* (rows,) */, Index rows, double* counts /* (K,) */) {
    for (Index i = 0; i < rows; ++i) counts[ids[i]] += 1;
  }

  const LabelSets* labels_;
  Index first_set_, d_;
  std::vector<Index> offsets_;  // (L + 1,) where the classes of a set begin
  // (tiles x classes, tile): tile by tile, because rows of d values apart by a power of two would all
  // compete for the same few places of the cache.
  RowMatrix<double> sums_;
  Eigen::VectorXd counts_;
};

/// How many label sets, from first_set on, are summed in one pass: as many as 64 MiB of sums hold.
inline Index sets_at_once(const LabelSets& labels, Index first_set, Index d) {
  constexpr Index budget = Index{64} << 20;
  Index bytes = 0, n_sets = 0;
  for (Index l = first_set; l < labels.count(); ++l, ++n_sets) {
    bytes += labels.n_classes[l] * d * static_cast<Index>(sizeof(double));
    if (bytes > budget && n_sets > 0) break;
  }
  return n_sets;
}

}  // namespace transferscore

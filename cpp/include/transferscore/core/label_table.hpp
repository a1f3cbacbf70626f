// The joint distribution of source and target labels under a plan, and its conditional entropy.
#pragma once

#include <cmath>

#include "types.hpp"

namespace transferscore {

/// Class ids 0 .. K-1 of the two sides; a table has a row for each source class, a column for each target class.
struct LabelPair {
  const std::int32_t* source_ids = nullptr;  // (n,)
  const std::int32_t* target_ids = nullptr;  // (m,)
  Index n_source_classes = 0, n_target_classes = 0;

  bool is_given() const { return source_ids != nullptr; }
};

/// Mass by source and target class, over rows whose classes lie in a range (few rows know many classes).
class LabelTable {
 public:
  LabelTable(const LabelPair& labels, Index first_row, Index end_row) : labels_(labels) {
    if (!labels.is_given()) return;
    const auto range = std::minmax_element(labels.source_ids + first_row, labels.source_ids + end_row);
    first_class_ = *range.first;
    mass_.setZero(*range.second - first_class_ + 1, labels.n_target_classes);
  }

  /// Adds the mass (columns,) that a row of the class sends to the columns from first_column on.
  template <class Mass>
  void add(std::int32_t source_id, Index first_column, const Mass& mass) {
    double* row = mass_.data() + (source_id - first_class_) * mass_.cols();
    const std::int32_t* ids = labels_.target_ids + first_column;
    for (Index j = 0; j < mass.size(); ++j) row[ids[j]] += mass[j];
  }

  void add_to(RowMatrix<double>& joint /* (C_s, C_t) */) const {
    joint.middleRows(first_class_, mass_.rows()) += mass_;
  }

 private:
  LabelPair labels_;
  Index first_class_ = 0;
  RowMatrix<double> mass_;  // (classes in the range, C_t)
};

/// H(target | source) = - sum_kl J_kl log(J_kl / sum_l J_kl), natural logarithm, of a table scaled to a sum of one.
inline double conditional_entropy(MatrixView<double> joint /* (C_s, C_t) */) {
  double entropy = 0, total = 0;
  for (Index k = 0; k < joint.rows(); ++k) {
    double row = 0;  // in order: Eigen's sums depend on where in memory a caller's table lies
    for (Index l = 0; l < joint.cols(); ++l) row += joint(k, l);
    total += row;
    for (Index l = 0; l < joint.cols(); ++l)
      if (joint(k, l) > 0) entropy -= joint(k, l) * std::log(joint(k, l) / row);
  }
  return std::max(0.0, entropy / total);
}

}  // namespace transferscore

// Features with the class ids of one label set.
#pragma once

#include "arrays.hpp"
#include "transferscore/core/statistics.hpp"

namespace transferscore {

/// (1, n) class ids of the rows of the features.
template <class T>
LabelSets one_label_set(const MatrixView<T>& features, const Array<std::int32_t>& ids, Index n_classes) {
  const LabelSets labels = label_sets(ids, {n_classes});
  if (features.rows() != labels.n) throw std::invalid_argument("expected a row of features for each label");
  return labels;
}

/// ... of samples whose statistics are known.
template <class T>
LabelSets one_label_set(const MatrixView<T>& features, const Array<std::int32_t>& ids, const FeatureStatistics& s) {
  if (features.rows() != s.n || features.cols() != s.d() || (s.counts.array() < 1).any())
    throw std::invalid_argument("expected statistics of these features, with samples of every class");
  return one_label_set(features, ids, s.n_classes());
}

}  // namespace transferscore

// Class ids (n,) or values (n, C) as targets of linear models; both empty where there are none.
#pragma once

#include "arrays.hpp"
#include "transferscore/core/gram_system.hpp"

namespace transferscore {

inline Targets targets_view(const Array<std::int32_t>& ids, Index n_classes, const Array<double>& values, Index n) {
  Targets targets;
  if (ids.size() > 0) {
    targets.labels = LabelSets{ids.data(), ids.size(), {n_classes}};
  } else {
    const auto view = matrix_view(values);
    new (&targets.values) MatrixView<double>(view.data(), view.rows(), view.cols());
  }
  if ((targets.labels ? targets.labels->n : targets.values.rows()) != n)
    throw std::invalid_argument("expected a target for each row of features");
  return targets;
}

}  // namespace transferscore

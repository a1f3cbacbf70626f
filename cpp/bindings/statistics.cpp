// Feature statistics: from samples, and of samples that were summed apart.
#include "statistics.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
void register_statistics_of(py::module_& module) {
  module.def(
      "feature_statistics",
      [](const Array<T>& features, const Array<std::int32_t>& ids, const std::vector<Index>& n_classes, int n_threads) {
        const auto view = matrix_view(features);
        const auto labels = label_sets(ids, n_classes);
        if (view.rows() != labels.n || labels.count() != 1)
          throw std::invalid_argument("expected a row of features for each label of one set");
        return to_tuple(run(n_threads, [&](const Execution& execution) {
          FeatureStatistics statistics;
          const double work = static_cast<double>(view.size()) * static_cast<double>(view.cols());
          with_team(execution, work,
                    [&](const Execution& team) { statistics = feature_statistics<T>(view, labels, team); });
          return statistics;
        }));
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(statistics) {
  using namespace transferscore;
  register_statistics_of<float>(module);
  register_statistics_of<double>(module);
  module.def(
      "merged_statistics",
      [](const StatisticsTuple& a, const StatisticsTuple& b) { return to_tuple(merged(from_tuple(a), from_tuple(b))); },
      py::arg("a"), py::arg("b"));
}

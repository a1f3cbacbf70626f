// The H-score.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"
#include "statistics.hpp"
#include "transferscore/h_score.hpp"

namespace transferscore {

inline py::tuple to_tuple(const HScore& score) {
  return py::make_tuple(to_array(score.values), score.intensity, score.rank, score.chance);
}

template <class T>
void register_h_score_of(py::module_& module) {
  module.def(
      "h_score",
      [](const Array<T>& features, const Array<std::int32_t>& ids, const std::vector<Index>& n_classes,
         bool ledoit_wolf, double intensity, bool adjust_for_chance, bool as_if_alone, int n_threads) {
        const auto view = matrix_view(features);
        const auto labels = label_sets(ids, n_classes);
        if (view.rows() != labels.n) throw std::invalid_argument("expected a row of features for each label");
        const HScoreOptions options{ledoit_wolf, intensity, adjust_for_chance, as_if_alone};
        const HScore score =
            run(n_threads, [&](const Execution& execution) { return h_score<T>(view, labels, options, execution); });
        return to_tuple(score);
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("ledoit_wolf"), py::arg("intensity"), py::arg("adjust_for_chance"), py::arg("as_if_alone"),
      py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(h_score) {
  using namespace transferscore;
  register_h_score_of<float>(module);
  register_h_score_of<double>(module);
  module.def(
      "h_score_of_statistics",
      [](const StatisticsTuple& tuple, bool ledoit_wolf, double intensity, bool adjust_for_chance, int n_threads) {
        FeatureStatistics statistics = from_tuple(tuple);
        const HScoreOptions options{ledoit_wolf, intensity, adjust_for_chance};
        return to_tuple(run(
            n_threads, [&](const Execution& execution) { return h_score(std::move(statistics), options, execution); }));
      },
      py::arg("statistics"), py::kw_only(), py::arg("ledoit_wolf"), py::arg("intensity"), py::arg("adjust_for_chance"),
      py::arg("n_threads"));
}

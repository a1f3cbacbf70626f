// A set of sources by the H-score of their features side by side.
#include "transferscore/select_set.hpp"

#include <pybind11/stl.h>

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
void register_select_set_of(py::module_& module) {
  module.def(
      "select_set",
      [](const std::vector<Array<T>>& sources, const Array<std::int32_t>& ids, Index n_classes, Index most,
         double least_gain, bool ledoit_wolf, double intensity, bool adjust_for_chance, int n_threads) {
        const LabelSets labels = label_sets(ids, {n_classes});
        std::vector<MatrixView<T>> views;
        for (const auto& features : sources) views.push_back(matrix_view(features));
        if (views.empty()) throw std::invalid_argument("expected a source");
        for (const auto& view : views)
          if (view.rows() != labels.n) throw std::invalid_argument("expected a row of features for each label");
        if (most < 1 || most > static_cast<Index>(views.size()))
          throw std::invalid_argument("expected to choose between one and all sources");
        const HScoreOptions options{ledoit_wolf, intensity, adjust_for_chance};
        const SetSelection selection = run(n_threads, [&](const Execution& execution) {
          return select_set<T>(views, labels, most, least_gain, options, execution);
        });
        py::list steps;
        for (const SetStep& step : selection.steps)
          steps.append(py::make_tuple(step.source, step.score.values[0], step.score.intensity, step.score.rank,
                                      step.score.chance, step.values));
        return py::make_tuple(steps, selection.no_gain);
      },
      py::arg("sources").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(), py::arg("most"),
      py::arg("least_gain"), py::arg("ledoit_wolf"), py::arg("intensity"), py::arg("adjust_for_chance"),
      py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(select_set) {
  using namespace transferscore;
  register_select_set_of<float>(module);
  register_select_set_of<double>(module);
}

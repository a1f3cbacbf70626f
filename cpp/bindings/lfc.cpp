// LFC.
#include "transferscore/lfc.hpp"

#include "call.hpp"
#include "labelled.hpp"
#include "registration.hpp"
#include "statistics.hpp"

namespace transferscore {

template <class T>
void register_lfc_of(py::module_& module) {
  module.def(
      "lfc",
      [](const Array<T>& features, const Array<std::int32_t>& ids, Index n_classes, int n_threads) {
        const auto view = matrix_view(features);
        const auto labels = one_label_set(view, ids, n_classes);
        const Lfc score = run(n_threads, [&](const Execution& on) { return lfc<T>(view, labels, on); });
        return std::make_pair(score.value, score.defined);
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(lfc) {
  using namespace transferscore;
  register_lfc_of<float>(module);
  register_lfc_of<double>(module);
  module.def(
      "lfc_of_statistics",
      [](const StatisticsTuple& tuple, int n_threads) {
        const FeatureStatistics statistics = from_tuple(tuple);
        const Lfc score = run(n_threads, [&](const Execution& on) { return lfc(statistics, on); });
        return std::make_pair(score.value, score.defined);
      },
      py::arg("statistics"), py::kw_only(), py::arg("n_threads"));
}

// SFDA.
#include "transferscore/sfda.hpp"

#include "call.hpp"
#include "labelled.hpp"
#include "registration.hpp"
#include "statistics.hpp"

namespace transferscore {

template <class T>
void register_sfda_of(py::module_& module) {
  module.def(
      "sfda",
      [](const Array<T>& features, const Array<std::int32_t>& ids, Index n_classes, int n_threads) {
        const auto view = matrix_view(features);
        const auto labels = one_label_set(view, ids, n_classes);
        return run(n_threads, [&](const Execution& on) { return sfda<T>(view, labels, on); });
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("n_threads"));
  module.def(
      "sfda_of_statistics",
      [](const StatisticsTuple& tuple, const Array<T>& features, const Array<std::int32_t>& ids, int n_threads) {
        const FeatureStatistics statistics = from_tuple(tuple);
        const auto view = matrix_view(features);
        const auto labels = one_label_set(view, ids, statistics);
        return run(n_threads, [&](const Execution& on) { return sfda<T>(statistics, view, labels, on); });
      },
      py::arg("statistics"), py::arg("features").noconvert(), py::arg("ids").noconvert(), py::kw_only(),
      py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(sfda) {
  using namespace transferscore;
  register_sfda_of<float>(module);
  register_sfda_of<double>(module);
}

// TransRate and the coding rate.
#include "transferscore/transrate.hpp"

#include "call.hpp"
#include "labelled.hpp"
#include "registration.hpp"
#include "statistics.hpp"

namespace transferscore {

static ClassWeights class_weights(bool uniform) { return uniform ? ClassWeights::uniform : ClassWeights::size; }

template <class T>
void register_transrate_of(py::module_& module) {
  module.def(
      "coding_rate",
      [](const Array<T>& features, double epsilon, bool centred, int n_threads) {
        const auto view = matrix_view(features);
        return run(n_threads, [&](const Execution& on) { return coding_rate<T>(view, epsilon, centred, on); });
      },
      py::arg("features").noconvert(), py::kw_only(), py::arg("epsilon"), py::arg("centred"), py::arg("n_threads"));
  module.def(
      "transrate",
      [](const Array<T>& features, const Array<std::int32_t>& ids, Index n_classes, double epsilon, bool uniform,
         int n_threads) {
        const auto view = matrix_view(features);
        const auto labels = one_label_set(view, ids, n_classes);
        return run(n_threads, [&](const Execution& on) {
          return transrate<T>(view, labels, epsilon, class_weights(uniform), on);
        });
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("epsilon"), py::arg("uniform"), py::arg("n_threads"));
  module.def(
      "transrate_of_statistics",
      [](const StatisticsTuple& tuple, const Array<T>& features, const Array<std::int32_t>& ids, double epsilon,
         bool uniform, int n_threads) {
        const FeatureStatistics statistics = from_tuple(tuple);
        const auto view = matrix_view(features);
        const auto labels = one_label_set(view, ids, statistics);
        return run(n_threads, [&](const Execution& on) {
          return transrate<T>(statistics, view, labels, epsilon, class_weights(uniform), on);
        });
      },
      py::arg("statistics"), py::arg("features").noconvert(), py::arg("ids").noconvert(), py::kw_only(),
      py::arg("epsilon"), py::arg("uniform"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(transrate) {
  using namespace transferscore;
  register_transrate_of<float>(module);
  register_transrate_of<double>(module);
  module.def(
      "coding_rate_of_statistics",
      [](const StatisticsTuple& tuple, double epsilon, int n_threads) {
        const FeatureStatistics statistics = from_tuple(tuple);
        return run(n_threads, [&](const Execution& on) { return coding_rate(statistics, epsilon, on); });
      },
      py::arg("statistics"), py::kw_only(), py::arg("epsilon"), py::arg("n_threads"));
}

// The effective rank.
#include "transferscore/effective_rank.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "registration.hpp"
#include "statistics.hpp"

namespace transferscore {

template <class T>
void register_effective_rank_of(py::module_& module) {
  module.def(
      "effective_rank",
      [](const Array<T>& features, bool centred, int n_threads) {
        const auto view = matrix_view(features);
        return run(n_threads, [&](const Execution& execution) { return effective_rank<T>(view, centred, execution); });
      },
      py::arg("features").noconvert(), py::kw_only(), py::arg("centred"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(effective_rank) {
  using namespace transferscore;
  register_effective_rank_of<float>(module);
  register_effective_rank_of<double>(module);
  module.def(
      "effective_rank_of_eigenvalues",
      [](const Array<double>& squares) { return effective_rank(to_vector(squares).array()); }, py::arg("squares"));
  module.def(
      "effective_rank_of_statistics",
      [](const StatisticsTuple& tuple, bool centred, int n_threads) {
        const FeatureStatistics statistics = from_tuple(tuple);
        return run(n_threads,
                   [&](const Execution& execution) { return effective_rank(statistics, centred, execution); });
      },
      py::arg("statistics"), py::kw_only(), py::arg("centred"), py::arg("n_threads"));
}

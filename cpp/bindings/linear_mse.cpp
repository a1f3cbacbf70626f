// The error of a linear model.
#include "transferscore/linear_mse.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "registration.hpp"
#include "statistics.hpp"
#include "targets.hpp"

namespace transferscore {

/// (errors, ridges)
inline py::tuple to_tuple(const LinearMSE& result) {
  return py::make_tuple(to_array(result.errors), to_array(result.ridges));
}

template <class T>
void register_linear_mse_of(py::module_& module) {
  module.def(
      "linear_mse",
      [](const Array<T>& features, const Array<std::int32_t>& ids, Index n_classes, const Array<double>& values,
         bool of_evidence, double ridge, int n_threads) {
        const auto view = matrix_view(features);
        const auto targets = targets_view(ids, n_classes, values, view.rows());
        const LinearMSEOptions options{of_evidence, ridge};
        return to_tuple(run(
            n_threads, [&](const Execution& execution) { return linear_mse<T>(view, targets, options, execution); }));
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::arg("values").noconvert(),
      py::kw_only(), py::arg("of_evidence"), py::arg("ridge"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(linear_mse) {
  using namespace transferscore;
  register_linear_mse_of<float>(module);
  register_linear_mse_of<double>(module);
  module.def(
      "linear_mse_of_statistics",
      [](const StatisticsTuple& tuple, bool of_evidence, double ridge, int n_threads) {
        const FeatureStatistics statistics = from_tuple(tuple);
        const LinearMSEOptions options{of_evidence, ridge};
        return to_tuple(
            run(n_threads, [&](const Execution& execution) { return linear_mse(statistics, options, execution); }));
      },
      py::arg("statistics"), py::kw_only(), py::arg("of_evidence"), py::arg("ridge"), py::arg("n_threads"));
}

// LogME.
#include "transferscore/logme.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "registration.hpp"
#include "statistics.hpp"
#include "targets.hpp"

namespace transferscore {

/// (max_iter, tol, epsilon, epsilon_in_evidence, carried, all_terms, alpha, beta)
using FixedPointTuple = std::tuple<int, double, double, bool, bool, bool, double, double>;

inline LogMEOptions logme_options(const std::optional<FixedPointTuple>& rule, bool weights) {
  LogMEOptions options;
  options.weights = weights;
  if (rule) options.fixed_point = std::apply([](auto... parts) { return FixedPoint{parts...}; }, *rule);
  return options;
}

/// (evidences, alpha, beta, gamma, n_iter, weights (C, d), eigenvalues)
inline py::tuple to_tuple(const LogME& result) {
  const RowMatrix<double> weights = result.weights.transpose();
  return py::make_tuple(to_array(result.evidences), to_array(result.alpha), to_array(result.beta),
                        to_array(result.effective_parameters), result.n_iter, to_array(weights),
                        to_array(result.eigenvalues));
}

template <class T>
void register_logme_of(py::module_& module) {
  module.def(
      "logme",
      [](const Array<T>& features, const Array<std::int32_t>& ids, Index n_classes, const Array<double>& values,
         const std::optional<FixedPointTuple>& fixed_point, bool weights, int n_threads) {
        const auto view = matrix_view(features);
        const auto targets = targets_view(ids, n_classes, values, view.rows());
        const auto options = logme_options(fixed_point, weights);
        return to_tuple(
            run(n_threads, [&](const Execution& execution) { return logme<T>(view, targets, options, execution); }));
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::arg("values").noconvert(),
      py::kw_only(), py::arg("fixed_point"), py::arg("weights"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(logme) {
  using namespace transferscore;
  register_logme_of<float>(module);
  register_logme_of<double>(module);
  module.def(
      "logme_of_statistics",
      [](const StatisticsTuple& tuple, const std::optional<FixedPointTuple>& fixed_point, bool weights, int n_threads) {
        const FeatureStatistics statistics = from_tuple(tuple);
        const auto options = logme_options(fixed_point, weights);
        return to_tuple(
            run(n_threads, [&](const Execution& execution) { return logme(statistics, options, execution); }));
      },
      py::arg("statistics"), py::kw_only(), py::arg("fixed_point"), py::arg("weights"), py::arg("n_threads"));
}

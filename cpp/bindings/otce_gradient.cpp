// Gradients of OTCE.
#include "transferscore/otce_gradient.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "registration.hpp"
#include "transport.hpp"

namespace transferscore {

template <class T>
void register_otce_gradient_of(py::module_& module) {
  module.def(
      "otce_gradient",
      [](const std::vector<Array<T>>& problem, const std::vector<Array<std::int64_t>>& taken,
         const std::vector<Array<std::int32_t>>& ids, const std::vector<Index>& n_classes, const Weights& weights,
         const Array<double>& label_distances, const Array<double>& initial, const Array<double>& initial_derivatives,
         const Array<double>& coefficients, double feature_share, double epsilon, double relative_epsilon, double tol,
         Index max_iter, double memory_budget, int n_threads) {
        OTCEProblem<T> given = otce_problem(problem, taken, ids, n_classes, weights, label_distances, feature_share);
        given.initial = to_vector(initial);
        const OTCEGradientOptions options{matrix_view(coefficients),
                                          matrix_view(initial_derivatives),
                                          {epsilon, relative_epsilon, tol, max_iter, memory_budget}};
        const Index k = options.count(), n = given.transport.n(), m = given.transport.m();
        const Index d = given.transport.source.cols();
        if (options.coefficients.cols() != 2) throw std::invalid_argument("expected two coefficients");
        if ((options.initial.size() > 0 && (options.initial.rows() != k || options.initial.cols() != m)) ||
            (given.initial.size() > 0 && given.initial.size() != m))
          throw std::invalid_argument("expected a value for each target point");
        py::array_t<T> source({k, n, d}), target({k, m, d});
        const PointGradients<T> points{source.mutable_data(), target.mutable_data()};
        const OTCEGradient result = run(
            n_threads, [&](const Execution& execution) { return otce_gradient(given, options, points, execution); });
        return py::make_tuple(to_tuple(result.transport), source, target, to_array(result.source_weights),
                              to_array(result.target_weights), to_array(result.label_cost), result.domain_difference,
                              result.task_difference, result.entropy, result.least_entropy, to_array(result.residuals),
                              result.n_iter);
      },
      py::arg("problem").noconvert(), py::arg("taken").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"),
      py::arg("weights").noconvert(), py::arg("label_distances").noconvert(), py::arg("initial").noconvert(),
      py::arg("initial_derivatives").noconvert(), py::arg("coefficients").noconvert(), py::kw_only(),
      py::arg("feature_share"), py::arg("epsilon"), py::arg("relative_epsilon"), py::arg("tol"), py::arg("max_iter"),
      py::arg("memory_budget"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(otce_gradient) {
  using namespace transferscore;
  register_otce_gradient_of<float>(module);
  register_otce_gradient_of<double>(module);
}

// The gradient of the H-score.
#include "transferscore/h_score_gradient.hpp"

#include <pybind11/stl.h>

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
void register_h_score_gradient_of(py::module_& module) {
  module.def(
      "h_score_gradient",
      [](const Array<T>& features, const Array<std::int32_t>& ids, const std::vector<Index>& n_classes,
         bool ledoit_wolf, double intensity, int n_threads) {
        const auto view = matrix_view(features);
        const auto labels = label_sets(ids, n_classes);
        if (view.rows() != labels.n || labels.count() != 1)
          throw std::invalid_argument("expected a row of features for each label of one set");
        py::array_t<T> gradient({view.rows(), view.cols()});
        T* const to = gradient.mutable_data();
        const HScoreOptions options{ledoit_wolf, intensity, false};
        const HScoreGradient result = run(n_threads, [&](const Execution& execution) {
          return h_score_gradient<T>(view, labels, options, to, execution);
        });
        return py::make_tuple(result.value, gradient, result.intensity, result.rank);
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("ledoit_wolf"), py::arg("intensity"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(h_score_gradient) {
  using namespace transferscore;
  register_h_score_gradient_of<float>(module);
  register_h_score_gradient_of<double>(module);
}

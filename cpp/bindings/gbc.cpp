// Gaussian Bhattacharyya coefficient.
#include "transferscore/gbc.hpp"

#include <pybind11/stl.h>

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
void register_gbc_of(py::module_& module) {
  module.def(
      "gbc",
      [](const Array<T>& features, const Array<std::int32_t>& ids, const std::vector<Index>& n_classes, bool spherical,
         Index n_components, double least_variance, int n_threads) {
        const auto view = matrix_view(features);
        const auto labels = label_sets(ids, n_classes);
        if (view.rows() != labels.n) throw std::invalid_argument("expected a row of features for each label");
        const GbcOptions options{{n_components, 0}, spherical, least_variance};
        return to_array(
            run(n_threads, [&](const Execution& execution) { return gbc<T>(view, labels, options, execution); }));
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("spherical"), py::arg("n_components"), py::arg("least_variance"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(gbc) {
  using namespace transferscore;
  register_gbc_of<float>(module);
  register_gbc_of<double>(module);
}

// What the checks ask of every value.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"
#include "transferscore/core/class_ids.hpp"
#include "transferscore/core/finite.hpp"

namespace transferscore {

template <class T>
void register_checks_of(py::module_& module) {
  module.def(
      "first_nonfinite",
      [](const Array<T>& values, int n_threads) {
        const auto view = matrix_view(values);
        return run(n_threads, [&](const Execution& execution) { return first_nonfinite<T>(view, execution); });
      },
      py::arg("values").noconvert(), py::arg("n_threads"));
}

template <class I>
void register_class_ids_of(py::module_& module) {
  module.def(
      "class_ids",
      [](const Array<I>& labels, int n_threads) {
        if (labels.ndim() != 2) throw std::invalid_argument("expected a matrix");
        const Index n = labels.shape(0), n_sets = labels.shape(1);
        const I* values = labels.data();
        Array<std::int32_t> ids({n_sets, n});
        std::int32_t* out = ids.mutable_data();
        const auto n_classes =
            run(n_threads, [&](const Execution& execution) { return class_ids(values, n, n_sets, out, execution); });
        return py::make_tuple(ids, n_classes);
      },
      py::arg("labels").noconvert(), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(checks) {
  using namespace transferscore;
  register_checks_of<float>(module);
  register_checks_of<double>(module);
  register_class_ids_of<std::int32_t>(module);
  register_class_ids_of<std::int64_t>(module);
}

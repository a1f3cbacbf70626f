// Log expected empirical prediction.
#include "transferscore/leep.hpp"

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
void register_leep_of(py::module_& module) {
  module.def(
      "leep",
      [](const Array<T>& outputs, const Array<std::int32_t>& ids, Index n_classes, bool normalise, bool softmax,
         int n_threads) {
        const auto view = matrix_view(outputs);
        if (view.rows() != ids.size()) throw std::invalid_argument("expected a row of outputs for each label");
        const Rows rows = softmax ? Rows::softmax : normalise ? Rows::normalised : Rows::as_given;
        const std::int32_t* labels = ids.data();
        return run(n_threads,
                   [&](const Execution& execution) { return leep<T>(view, rows, labels, n_classes, execution); });
      },
      py::arg("outputs").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("normalise"), py::arg("softmax"), py::arg("n_threads"));
  module.def(
      "first_bad_row",
      [](const Array<T>& outputs, double tolerance, int n_threads) {
        const auto view = matrix_view(outputs);
        const BadRow bad =
            run(n_threads, [&](const Execution& execution) { return first_bad_row<T>(view, tolerance, execution); });
        return py::make_tuple(bad.row, bad.sum, bad.least);
      },
      py::arg("outputs").noconvert(), py::arg("tolerance"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(leep) {
  using namespace transferscore;
  register_leep_of<float>(module);
  register_leep_of<double>(module);
}

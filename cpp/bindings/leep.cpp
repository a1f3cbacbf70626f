// Log expected empirical prediction.
#include "transferscore/leep.hpp"

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

static Rows rows_of(bool normalise, bool softmax) {
  return softmax ? Rows::softmax : normalise ? Rows::normalised : Rows::as_given;
}

/// Outputs (n, C_s) with a label for each row.
template <class T>
MatrixView<T> labelled_outputs(const Array<T>& outputs, const Array<std::int32_t>& ids) {
  const auto view = matrix_view(outputs);
  if (view.rows() != ids.size()) throw std::invalid_argument("expected a row of outputs for each label");
  return view;
}

template <class T>
void register_leep_of(py::module_& module) {
  module.def(
      "leep",
      [](const Array<T>& outputs, const Array<std::int32_t>& ids, Index n_classes, bool normalise, bool softmax,
         int n_threads) {
        const auto view = labelled_outputs(outputs, ids);
        const Rows rows = rows_of(normalise, softmax);
        const std::int32_t* labels = ids.data();
        return run(n_threads, [&](const Execution& on) { return leep<T>(view, rows, labels, n_classes, on); });
      },
      py::arg("outputs").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("normalise"), py::arg("softmax"), py::arg("n_threads"));
  module.def(
      "label_masses",
      [](const Array<T>& outputs, const Array<std::int32_t>& ids, Index n_classes, bool normalise, bool softmax,
         int n_threads) {
        const auto view = labelled_outputs(outputs, ids);
        const Rows rows = rows_of(normalise, softmax);
        const std::int32_t* labels = ids.data();
        return to_array(
            run(n_threads, [&](const Execution& on) { return label_masses<T>(view, rows, labels, n_classes, on); }));
      },
      py::arg("outputs").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("normalise"), py::arg("softmax"), py::arg("n_threads"));
  module.def(
      "label_likelihoods",
      [](const Array<T>& outputs, const Array<std::int32_t>& ids, const Array<double>& conditional, bool normalise,
         bool softmax, int n_threads) {
        const auto view = labelled_outputs(outputs, ids);
        const auto known = matrix_view(conditional);
        if (known.cols() != view.cols()) throw std::invalid_argument("expected the source classes of the outputs");
        const Rows rows = rows_of(normalise, softmax);
        const std::int32_t* labels = ids.data();
        const LabelLikelihoods sums =
            run(n_threads, [&](const Execution& on) { return label_likelihoods<T>(view, rows, labels, known, on); });
        return py::make_tuple(to_array(sums.logs), to_array(sums.probabilities));
      },
      py::arg("outputs").noconvert(), py::arg("ids").noconvert(), py::arg("conditional").noconvert(), py::kw_only(),
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

// PARC.
#include "transferscore/parc.hpp"
#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T, class Labels>
py::tuple run_parc(MatrixView<T> features, const Labels& labels, int n_threads) {
  const Parc result = run(n_threads, [&](const Execution& execution) { return parc<T>(features, labels, execution); });
  return py::make_tuple(result.value, result.constant_row, result.equal_features, result.equal_labels);
}

template <class T>
void register_parc_of(py::module_& module) {
  module.def(
      "parc",
      [](const Array<T>& features, const Array<std::int32_t>& ids, int n_threads) {
        const auto view = matrix_view(features);
        if (view.rows() != ids.size()) throw std::invalid_argument("expected a row of features for each label");
        return run_parc<T>(view, ClassPairs(ids.data()), n_threads);
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::kw_only(), py::arg("n_threads"));
  module.def(
      "parc_multi_label",
      [](const Array<T>& features, const Array<std::uint8_t>& labels, int n_threads) {
        const auto view = matrix_view(features);
        const auto rows = matrix_view(labels);
        if (view.rows() != rows.rows()) throw std::invalid_argument("expected a row of features for each label");
        return run_parc<T>(view, MultiLabelPairs(rows), n_threads);
      },
      py::arg("features").noconvert(), py::arg("labels").noconvert(), py::kw_only(), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(parc) {
  using namespace transferscore;
  register_parc_of<float>(module);
  register_parc_of<double>(module);
}

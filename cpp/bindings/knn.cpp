// k nearest neighbours.
#include "transferscore/knn.hpp"
#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

/// Neighbours as Python has them: indices and distances (n, k).
static py::tuple to_arrays(const Neighbours& found) {
  const std::vector<Index> shape{found.indices.rows(), found.indices.cols()};
  return py::make_tuple(py::array_t<std::int64_t>(shape, found.indices.data()), to_array(found.distances));
}

template <class T>
Neighbours search(MatrixView<T> features, Index n, Index k, bool cosine, int n_threads) {
  if (features.rows() != n) throw std::invalid_argument("expected a row of features for each target");
  if (k < 1 || k >= n) throw std::invalid_argument("expected fewer neighbours than samples");
  const Metric metric = cosine ? Metric::cosine : Metric::euclidean;
  return run(n_threads,
             [&](const Execution& execution) { return nearest_neighbours<T>(features, k, metric, execution); });
}

template <class T>
void register_knn_of(py::module_& module) {
  module.def(
      "knn",
      [](const Array<T>& features, const Array<std::int32_t>& ids, Index n_classes, Index k, bool cosine,
         int n_threads) {
        const Neighbours found = search<T>(matrix_view(features), ids.size(), k, cosine, n_threads);
        const auto winners = elected(found.indices, ids.data(), n_classes);
        const py::array_t<std::int64_t> winning(static_cast<Index>(winners.size()), winners.data());
        return py::make_tuple(accuracy(winners, ids.data()), winning, to_arrays(found));
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(), py::arg("k"),
      py::arg("cosine"), py::arg("n_threads"));
  module.def(
      "knn_regression",
      [](const Array<T>& features, const Array<double>& targets, Index k, bool cosine, int n_threads) {
        const auto columns = matrix_view(targets);
        const Neighbours found = search<T>(matrix_view(features), columns.rows(), k, cosine, n_threads);
        const NeighbourMeans means = neighbour_means(found.indices, columns);
        return py::make_tuple(means.correlation, to_array(means.predictions), to_arrays(found));
      },
      py::arg("features").noconvert(), py::arg("targets").noconvert(), py::kw_only(), py::arg("k"), py::arg("cosine"),
      py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(knn) {
  using namespace transferscore;
  register_knn_of<float>(module);
  register_knn_of<double>(module);
}

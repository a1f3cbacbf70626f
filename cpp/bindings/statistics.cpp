// Feature statistics: from samples, and of samples that were summed apart.
#include "statistics.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "registration.hpp"
#include "transferscore/core/weighted_scatters.hpp"

namespace transferscore {

template <class T>
void register_statistics_of(py::module_& module) {
  module.def(
      "feature_statistics",
      [](const Array<T>& features, const Array<std::int32_t>& ids, const std::vector<Index>& n_classes, int n_threads) {
        const auto view = matrix_view(features);
        const auto labels = label_sets(ids, n_classes);
        if (view.rows() != labels.n || labels.count() != 1)
          throw std::invalid_argument("expected a row of features for each label of one set");
        return to_tuple(run(n_threads, [&](const Execution& execution) {
          FeatureStatistics statistics;
          const double work = static_cast<double>(view.size()) * static_cast<double>(view.cols());
          with_team(execution, work,
                    [&](const Execution& team) { statistics = feature_statistics<T>(view, labels, team); });
          return statistics;
        }));
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(statistics) {
  using namespace transferscore;
  register_statistics_of<float>(module);
  register_statistics_of<double>(module);
  module.def(
      "merged_statistics",
      [](const StatisticsTuple& a, const StatisticsTuple& b) { return to_tuple(merged(from_tuple(a), from_tuple(b))); },
      py::arg("a"), py::arg("b"));
  module.def(
      "weighted_scatters",
      [](const Array<double>& groups, const Array<double>& weights, const Array<double>& means, Array<double>& draws,
         int n_threads) {
        const auto w = matrix_view(weights), m = matrix_view(means);
        const Index n_draws = w.rows(), d = m.cols();
        if (groups.ndim() != 3 || groups.shape(0) != w.cols() || groups.shape(1) != d || groups.shape(2) != d ||
            m.rows() != n_draws || draws.ndim() != 3 || draws.shape(0) != n_draws || draws.shape(1) != d ||
            draws.shape(2) != d)
          throw std::invalid_argument(
              "expected scatters of the groups that are weighted, a mean and room for each draw");
        const MatrixView<double> scatters{groups.data(), w.cols(), d * d};
        Eigen::Map<RowMatrix<double>> result{draws.mutable_data(), n_draws, d * d};
        run(n_threads, [&](const Execution& execution) { weighted_scatters(scatters, w, m, result, execution); });
      },
      py::arg("groups"), py::arg("weights"), py::arg("means"), py::arg("draws").noconvert(), py::kw_only(),
      py::arg("n_threads"));
}

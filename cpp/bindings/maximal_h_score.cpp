// The maximal H-score.
#include "transferscore/maximal_h_score.hpp"

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

TRANSFERSCORE_BINDINGS(maximal_h_score) {
  using namespace transferscore;
  using Ids = Array<std::int32_t>;
  module.def(
      "maximal_h_score",
      [](const Ids& x, Index n_values, const Ids& y, Index n_classes, Index n_features, Index block, bool svd,
         double tol, Index max_iter, bool functions, int n_threads) {
        if (x.ndim() != 1 || y.ndim() != 1 || x.size() != y.size())
          throw std::invalid_argument("expected an id of x for each label");
        const DiscreteVariable values{x.data(), n_values}, classes{y.data(), n_classes};
        const Index n = x.size();
        const MaximalHScoreOptions options{n_features, block, svd, tol, max_iter, functions};
        const MaximalHScore score = run(n_threads, [&](const Execution& execution) {
          return maximal_h_score(values, classes, n, options, execution);
        });
        return py::make_tuple(score.value, to_array(score.singular_values), to_array(score.f), to_array(score.g),
                              score.n_iter, score.converged, score.error);
      },
      py::arg("x").noconvert(), py::arg("n_values"), py::arg("y").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("n_features"), py::arg("block"), py::arg("svd"), py::arg("tol"), py::arg("max_iter"),
      py::arg("functions"), py::arg("n_threads"));
}

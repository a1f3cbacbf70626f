// Negative conditional entropy.
#include "transferscore/nce.hpp"

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

TRANSFERSCORE_BINDINGS(nce) {
  using namespace transferscore;
  module.def(
      "nce",
      [](const Array<std::int32_t>& source_ids, Index n_source_classes, const Array<std::int32_t>& target_ids,
         Index n_target_classes, int n_threads) {
        const Index n = source_ids.size();
        if (target_ids.size() != n) throw std::invalid_argument("expected a target label for each source label");
        const Ids z{source_ids.data(), n_source_classes}, y{target_ids.data(), n_target_classes};
        return run(n_threads, [&](const Execution& execution) { return nce(z, y, n, execution); });
      },
      py::arg("source_ids").noconvert(), py::arg("n_source_classes"), py::arg("target_ids").noconvert(),
      py::arg("n_target_classes"), py::kw_only(), py::arg("n_threads"));
}

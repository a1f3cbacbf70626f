// Negative conditional entropy, and the counts that it is made of.
#include "transferscore/nce.hpp"

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

/// kernel(z, y, n, execution) for the ids of both sides.
template <class Kernel>
auto of_pairs(const Kernel& kernel, const Array<std::int32_t>& source_ids, Index n_source_classes,
              const Array<std::int32_t>& target_ids, Index n_target_classes, int n_threads) {
  const Index n = source_ids.size();
  if (target_ids.size() != n) throw std::invalid_argument("expected a target label for each source label");
  const Ids z{source_ids.data(), n_source_classes}, y{target_ids.data(), n_target_classes};
  return run(n_threads, [&](const Execution& execution) { return kernel(z, y, n, execution); });
}

template <class T>
py::array_t<T> to_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<Index>(values.size()), values.data());
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(nce) {
  using namespace transferscore;
  module.def(
      "nce",
      [](const Array<std::int32_t>& source_ids, Index n_source_classes, const Array<std::int32_t>& target_ids,
         Index n_target_classes, int n_threads) {
        const auto kernel = [](const Ids& z, const Ids& y, Index n, const Execution& on) { return nce(z, y, n, on); };
        return of_pairs(kernel, source_ids, n_source_classes, target_ids, n_target_classes, n_threads);
      },
      py::arg("source_ids").noconvert(), py::arg("n_source_classes"), py::arg("target_ids").noconvert(),
      py::arg("n_target_classes"), py::kw_only(), py::arg("n_threads"));
  module.def(
      "pair_counts",
      [](const Array<std::int32_t>& source_ids, Index n_source_classes, const Array<std::int32_t>& target_ids,
         Index n_target_classes, int n_threads) {
        const PairCounts pairs =
            of_pairs(pair_counts, source_ids, n_source_classes, target_ids, n_target_classes, n_threads);
        return py::make_tuple(to_array(pairs.z), to_array(pairs.y), to_array(pairs.counts));
      },
      py::arg("source_ids").noconvert(), py::arg("n_source_classes"), py::arg("target_ids").noconvert(),
      py::arg("n_target_classes"), py::kw_only(), py::arg("n_threads"));
  module.def(
      "nce_of_counts",
      [](const Array<std::int32_t>& source_ids, const Array<std::int64_t>& counts) {
        if (source_ids.size() != counts.size()) throw std::invalid_argument("expected a source label for each count");
        return nce(source_ids.data(), counts.data(), counts.size());
      },
      py::arg("source_ids").noconvert(), py::arg("counts").noconvert());
}

// Negative conditional entropy, and the counts that it is made of.
#include "transferscore/nce.hpp"

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
py::array_t<T> to_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<Index>(values.size()), values.data());
}

template <class A, class B>
void expect_pairs(const Array<A>& source, const Array<B>& target) {
  if (source.ndim() != 1 || target.ndim() != 1 || source.size() != target.size())
    throw std::invalid_argument("expected a target label for each source label");
}

template <class Z, class Y>
void register_nce_of(py::module_& module) {
  module.def(
      "nce",
      [](const Array<Z>& source, const Array<Y>& target, int n_threads) {
        expect_pairs(source, target);
        const Z* z = source.data();
        const Y* y = target.data();
        const Index n = source.size();
        return run(n_threads, [&](const Execution& execution) { return nce(z, y, n, execution); });
      },
      py::arg("source_labels").noconvert(), py::arg("target_labels").noconvert(), py::kw_only(), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(nce) {
  using namespace transferscore;
  register_nce_of<std::int32_t, std::int32_t>(module);
  register_nce_of<std::int32_t, std::int64_t>(module);
  register_nce_of<std::int64_t, std::int32_t>(module);
  register_nce_of<std::int64_t, std::int64_t>(module);
  module.def(
      "pair_counts",
      [](const Array<std::int32_t>& source_ids, Index n_source_classes, const Array<std::int32_t>& target_ids,
         Index n_target_classes, int n_threads) {
        expect_pairs(source_ids, target_ids);
        const Ids z{source_ids.data(), n_source_classes}, y{target_ids.data(), n_target_classes};
        const Index n = source_ids.size();
        const PairCounts pairs =
            run(n_threads, [&](const Execution& execution) { return pair_counts(z, y, n, execution); });
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

// Soft-HGR.
#include "transferscore/soft_hgr.hpp"

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
void register_soft_hgr_of(py::module_& module) {
  module.def(
      "soft_hgr",
      [](const Array<T>& f, const Array<T>& g, int n_threads) {
        const auto first = matrix_view(f), second = matrix_view(g);
        if (first.rows() != second.rows() || first.cols() != second.cols())
          throw std::invalid_argument("expected features of one shape");
        py::array_t<T> by_f({first.rows(), first.cols()}), by_g({first.rows(), first.cols()});
        T *const to_f = by_f.mutable_data(), *const to_g = by_g.mutable_data();
        const double value = run(
            n_threads, [&](const Execution& execution) { return soft_hgr<T>(first, second, to_f, to_g, execution); });
        return py::make_tuple(value, by_f, by_g);
      },
      py::arg("f").noconvert(), py::arg("g").noconvert(), py::kw_only(), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(soft_hgr) {
  using namespace transferscore;
  register_soft_hgr_of<float>(module);
  register_soft_hgr_of<double>(module);
}

// Pixels near a change of label.
#include "transferscore/boundaries.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "label_maps.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
void register_boundaries_of(py::module_& module) {
  module.def(
      "label_boundaries",
      [](const Stacks<T>& stacks, Index connectivity, Index squared_radius, const std::vector<T>& ignored,
         int n_threads) {
        std::vector<LabelMap<T>> maps;
        std::vector<std::uint8_t*> pointers;
        py::list masks;
        for (const Array<T>& stack : stacks) {
          Array<bool> mask(std::vector<Index>(stack.shape(), stack.shape() + stack.ndim()));
          auto* pixels = reinterpret_cast<std::uint8_t*>(mask.mutable_data());
          each_map(stack, [&](const LabelMap<T>& map, Index i) {
            maps.push_back(map);
            pointers.push_back(pixels + i * map.size());
          });
          masks.append(std::move(mask));
        }
        Boundaries<T> boundaries(std::move(maps), std::move(pointers), {connectivity, squared_radius}, ignored);
        run(n_threads, [&](const Execution& execution) { boundaries.mark(execution); });
        return masks;
      },
      py::arg("stacks").noconvert(), py::kw_only(), py::arg("connectivity"), py::arg("squared_radius"),
      py::arg("ignored"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(boundaries) {
  using namespace transferscore;
  register_boundaries_of<std::uint8_t>(module);
  register_boundaries_of<std::uint16_t>(module);
  register_boundaries_of<std::uint32_t>(module);
  register_boundaries_of<std::uint64_t>(module);
}

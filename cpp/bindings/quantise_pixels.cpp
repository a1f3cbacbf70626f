// Label sets from images.
#include "transferscore/quantise_pixels.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "images.hpp"
#include "registration.hpp"

TRANSFERSCORE_BINDINGS(quantise_pixels) {
  using namespace transferscore;
  module.def(
      "quantise_pixels",
      [](const py::array& images, Index n_colours, Index superpixel, std::uint64_t seed, int n_threads) {
        const Positions positions = positions_of(images, superpixel);
        Array<std::int32_t> ids({positions.count(), positions.n_images()});
        std::int32_t* out = ids.mutable_data();
        const auto found = run(n_threads, [&](const Execution& execution) {
          return quantise_pixels(positions, {n_colours, seed}, out, execution);
        });
        return py::make_tuple(ids, found);
      },
      py::arg("images"), py::kw_only(), py::arg("n_colours"), py::arg("superpixel"), py::arg("seed"),
      py::arg("n_threads"));
}

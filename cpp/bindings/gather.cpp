// Features at pixels.
#include "transferscore/gather.hpp"

#include <pybind11/stl.h>

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

/// (maps, channels, depth, height, width) of any layout, aligned.
template <class T>
FeatureMaps<T> feature_maps(const py::array_t<T>& array) {
  if (array.ndim() != 5) throw std::invalid_argument("expected feature maps");
  FeatureMaps<T> maps{array.data(), {}, {}};
  for (int axis = 0; axis < 5; ++axis) {
    maps.shape[axis] = array.shape(axis);
    maps.strides[axis] = array.strides(axis) / static_cast<Index>(sizeof(T));
  }
  return maps;
}

template <class T>
void register_gather_of(py::module_& module) {
  module.def(
      "gather_pixel_features",
      [](const py::array_t<T>& maps, const Array<std::int64_t>& image, const Array<std::int64_t>& coordinates,
         const std::array<Index, 3>& scale, bool linear, int n_threads) {
        const FeatureMaps<T> view = feature_maps(maps);
        const PixelPlaces places{image.size(), image.data(), coordinates.data(), scale};
        if (coordinates.size() != 3 * places.n) throw std::invalid_argument("expected three coordinates for a pixel");
        Array<T> features({places.n, view.channels()});
        T* out = features.mutable_data();
        run(n_threads, [&](const Execution& execution) { gather(view, places, linear, out, execution); });
        return features;
      },
      py::arg("maps").noconvert(), py::arg("image").noconvert(), py::arg("coordinates").noconvert(), py::kw_only(),
      py::arg("scale"), py::arg("linear"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(gather) {
  using namespace transferscore;
  register_gather_of<float>(module);
  register_gather_of<double>(module);
}

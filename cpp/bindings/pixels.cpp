// Pixels drawn from label maps, and features at them.
#include <pybind11/stl.h>

#include "call.hpp"
#include "label_maps.hpp"
#include "registration.hpp"
#include "transferscore/sample_pixels.hpp"

namespace transferscore {

/// keys, maps, pixels, labels: (k,) each.
using DrawnArrays = std::tuple<Array<std::uint64_t>, Array<std::int64_t>, Array<std::int64_t>, Array<std::int64_t>>;

inline DrawnArrays to_arrays(const std::vector<KeyedPixel>& pixels) {
  const auto k = static_cast<Index>(pixels.size());
  DrawnArrays arrays{Array<std::uint64_t>(k), Array<std::int64_t>(k), Array<std::int64_t>(k), Array<std::int64_t>(k)};
  auto& [keys, maps, places, labels] = arrays;
  for (Index i = 0; i < k; ++i) {
    keys.mutable_data()[i] = pixels[i].key;
    maps.mutable_data()[i] = pixels[i].map;
    places.mutable_data()[i] = pixels[i].pixel;
    labels.mutable_data()[i] = pixels[i].label;
  }
  return arrays;
}

inline std::vector<KeyedPixel> to_pixels(const DrawnArrays& arrays) {
  const auto& [keys, maps, places, labels] = arrays;
  std::vector<KeyedPixel> pixels(keys.size());
  for (Index i = 0; i < keys.size(); ++i)
    pixels[i] = {keys.data()[i], maps.data()[i], places.data()[i], labels.data()[i]};
  return pixels;
}

template <class T>
std::vector<CandidateMap<T>> candidate_maps(const Stacks<T>& stacks, const Stacks<bool>& masks, Index first_map) {
  std::vector<CandidateMap<T>> maps;
  for (std::size_t s = 0; s < stacks.size(); ++s) {
    const auto* mask = masks.empty() ? nullptr : reinterpret_cast<const std::uint8_t*>(masks.at(s).data());
    if (mask != nullptr && masks[s].size() != stacks[s].size()) throw std::invalid_argument("expected a mask per map");
    each_map(stacks[s], [&](const LabelMap<T>& map, Index i) {
      maps.push_back({map, mask == nullptr ? nullptr : mask + i * map.size(), first_map++});
    });
  }
  return maps;
}

template <class T>
void register_pixels_of(py::module_& module) {
  module.def(
      "sample_pixels",
      [](const Stacks<T>& stacks, const Stacks<bool>& masks, Index first_map, const std::vector<DrawnArrays>& drawn,
         const std::vector<std::uint64_t>& seeds, Index n, Index per_map, bool balanced, const std::vector<T>& ignored,
         bool is_signed, int n_threads) {
        PixelSampler<T> sampler({n, per_map, balanced}, seeds, ignored, is_signed);
        for (std::size_t s = 0; s < drawn.size(); ++s) sampler.draws().at(s).add(to_pixels(drawn[s]));
        const auto maps = candidate_maps<T>(stacks, masks, first_map);
        run(n_threads, [&](const Execution& execution) { sampler.add(maps, execution); });
        std::vector<DrawnArrays> all;
        for (PixelDraw& draw : sampler.draws()) all.push_back(to_arrays(draw.candidates()));
        return py::make_tuple(all, sampler.counts());
      },
      py::arg("stacks").noconvert(), py::arg("masks").noconvert(), py::kw_only(), py::arg("first_map"),
      py::arg("drawn").noconvert(), py::arg("seeds"), py::arg("n"), py::arg("per_map"), py::arg("balanced"),
      py::arg("ignored"), py::arg("is_signed"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(pixels) {
  using namespace transferscore;
  register_pixels_of<std::uint8_t>(module);
  register_pixels_of<std::uint16_t>(module);
  register_pixels_of<std::uint32_t>(module);
  register_pixels_of<std::uint64_t>(module);
  module.def(
      "chosen_pixels",
      [](const DrawnArrays& drawn, Index n, bool balanced) {
        PixelDraw draw(n, balanced);
        draw.add(to_pixels(drawn));
        return to_arrays(sorted_by_place(draw.chosen()));
      },
      py::arg("drawn").noconvert(), py::kw_only(), py::arg("n"), py::arg("balanced"));
}

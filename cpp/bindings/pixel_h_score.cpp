// The H-score of image-to-image tasks.
#include "transferscore/pixel_h_score.hpp"

#include <pybind11/stl.h>

#include "call.hpp"
#include "images.hpp"
#include "registration.hpp"

namespace transferscore {

template <class T>
void register_pixel_h_score_of(py::module_& module) {
  module.def(
      "pixel_h_score",
      [](const std::vector<Array<T>>& sources, const std::vector<Combination>& combinations, const py::array& images,
         Index n_colours, Index superpixel, std::uint64_t seed, bool ledoit_wolf, double intensity,
         bool adjust_for_chance, double budget, int n_threads) {
        const Positions positions = positions_of(images, superpixel);
        std::vector<MatrixView<T>> views;
        for (const auto& features : sources) views.push_back(matrix_view(features));
        for (const auto& view : views)
          if (view.rows() != positions.n_images()) throw std::invalid_argument("expected a row for each image");
        for (const Combination& of : combinations)
          for (const Index s : of)
            if (s < 0 || s >= static_cast<Index>(views.size())) throw std::invalid_argument("expected a known source");
        const HScoreOptions options{ledoit_wolf, intensity, adjust_for_chance};
        const PixelHScores result = run(n_threads, [&](const Execution& execution) {
          return pixel_h_score<T>(views, combinations, positions, {n_colours, seed}, options, budget, execution);
        });
        py::list scores;
        for (const HScore& score : result.scores)
          scores.append(py::make_tuple(to_array(score.values), score.intensity, score.rank, score.chance));
        return py::make_tuple(scores, result.n_colours);
      },
      py::arg("sources").noconvert(), py::arg("combinations"), py::arg("images"), py::kw_only(), py::arg("n_colours"),
      py::arg("superpixel"), py::arg("seed"), py::arg("ledoit_wolf"), py::arg("intensity"),
      py::arg("adjust_for_chance"), py::arg("budget"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(pixel_h_score) {
  using namespace transferscore;
  register_pixel_h_score_of<float>(module);
  register_pixel_h_score_of<double>(module);
}

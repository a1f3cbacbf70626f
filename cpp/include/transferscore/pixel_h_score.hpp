// H-score of image-to-image tasks: every pixel of the target images, or every square of them, is a task of its own,
// whose labels are its colours over the images. Bao et al., ICIP 2019.
//
// All positions share one factor. Of the labels and class sums, those of some positions at a time are in memory.
// Sources side by side (second-order transfer and higher) share what core/side_by_side.hpp says.
#pragma once

#include "h_score_of_sources.hpp"
#include "quantise_pixels.hpp"

namespace transferscore {

struct PixelHScores {
  std::vector<HScore> scores;    // one for each combination, with the values of all positions
  std::vector<Index> n_colours;  // (positions,)
};

namespace detail {

/// The class sums of the sources that some system asks for; those of others are empty.
template <class T>
std::vector<ClassSums> class_sums(const SideBySide<T>& sources, Index n_sources,
                                  const std::vector<ScoringSystem>& systems, const LabelSets& labels,
                                  const Execution& execution) {
  std::vector<char> is_needed(n_sources, 0);
  for (const ScoringSystem& system : systems)
    if (system.needs_class_sums())
      for (const Index s : system.combination()) is_needed[s] = 1;
  std::vector<ClassSums> classes;
  for (Index s = 0; s < n_sources; ++s) {
    const Source<T>& source = sources.source(s);
    classes.emplace_back(labels, 0, is_needed[s] ? labels.count() : 0, source.d());
    if (is_needed[s]) add_class_sums(source, classes[s], execution);
  }
  return classes;
}

/// How many positions are scored together: as many as 64 MiB of values and labels and 64 MiB of class sums hold.
inline Index positions_at_once(const Positions& positions, Index n_colours, Index d /* of all sources */) {
  constexpr Index budget = Index{64} << 20;
  const Index bytes = n_colours * d * static_cast<Index>(sizeof(double));
  return std::clamp<Index>(budget / bytes, 1, positions_at_once(positions));
}

}  // namespace detail

/// The scores of all positions for each combination of the sources. Factors of at most `budget` bytes are held at a
/// time, or one; labels and class sums are made anew for each such group.
template <class T>
PixelHScores pixel_h_score(const std::vector<MatrixView<T>>& features /* (n, d_s) each */,
                           const std::vector<Combination>& combinations, const Positions& positions,
                           const Quantisation& quantisation, const HScoreOptions& options, double budget,
                           const Execution& execution) {
  using namespace detail;
  const Index n = positions.n_images(), n_sources = static_cast<Index>(features.size());
  Index d = 0;
  for (const auto& view : features) d += view.cols();
  const Index at_once = positions_at_once(positions, quantisation.n_colours, d);
  PixelHScores result{{}, std::vector<Index>(positions.count())};
  const double work = static_cast<double>(n * d) * static_cast<double>(std::min(n, d) + positions.count());
  with_team(execution, work, [&](const Execution& team) {
    SideBySide<T> sources(features, options.plain() ? Scaling::per_feature : Scaling::common);
    for (const Combination& of : combinations) sources.prepare(of, team);
    std::vector<std::int32_t> ids(at_once * n);
    while (result.scores.size() < combinations.size()) {
      const std::size_t first_of_group = result.scores.size();
      std::vector<ScoringSystem> systems;
      for (double bytes = 0; result.scores.size() < combinations.size();) {
        const Combination& of = combinations[result.scores.size()];
        const double size = static_cast<double>(sources.more_samples(of) ? sources.d(of) : n);
        bytes += 8 * size * size;
        if (bytes > budget && !systems.empty()) break;
        systems.emplace_back(sources, of, options, team);
        result.scores.push_back(systems.back().score());
        result.scores.back().values.resize(positions.count());
      }
      sources.forget_products();
      for (Index first = 0; first < positions.count(); first += at_once) {
        const Index count = std::min(at_once, positions.count() - first);
        quantise_positions(positions, first, count, quantisation, ids.data(), result.n_colours.data() + first, team);
        const auto sets = result.n_colours.begin() + first;
        const LabelSets labels{ids.data(), n, {sets, sets + count}};
        const std::vector<ClassSums> classes = class_sums(sources, n_sources, systems, labels, team);
        for (std::size_t k = 0; k < systems.size(); ++k)
          result.scores[first_of_group + k].values.segment(first, count) =
              systems[k].values(sources, labels, classes, team);
      }
    }
  });
  Eigen::VectorXd most(positions.count());
  for (Index p = 0; p < most.size(); ++p) most[p] = static_cast<double>(result.n_colours[p] - 1);
  for (HScore& score : result.scores) score = finished(std::move(score), most, options.adjust_for_chance);
  return result;
}

}  // namespace transferscore

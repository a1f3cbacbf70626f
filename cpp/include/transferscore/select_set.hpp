// A set of sources, chosen one by one: each step adds the source that raises the H-score of all chosen features side by
// side the most. Forward selection with the score of Bao et al., ICIP 2019.
//
// Every source is summed once and multiplied once with each chosen one; what a step costs beyond that is a factor for
// each source that is left.
#pragma once

#include <limits>

#include "h_score_of_sources.hpp"

namespace transferscore {

struct SetStep {
  Index source;                // the one that is added
  HScore score;                // of all chosen so far, with one value
  std::vector<double> values;  // (sources,) of the chosen before and each other one; NaN where there is none
};

struct SetSelection {
  std::vector<SetStep> steps;
  bool no_gain = false;  // ended because no source raised the score enough, or none had a score
};

/// At most `most` sources, each but the first raising the score by more than `least_gain`. Of those that are equal but
/// for rounding the first is taken. A set has no score where it is to be adjusted for chance and any labels would score
/// the most.
template <class T>
SetSelection select_set(const std::vector<MatrixView<T>>& features /* (n, d_s) each */,
                        const LabelSets& labels /* (1, n) */, Index most, double least_gain,
                        const HScoreOptions& options, const Execution& execution) {
  using namespace detail;
  constexpr double none = std::numeric_limits<double>::quiet_NaN(), alike = 1e-10;
  const Index n = labels.n, n_sources = static_cast<Index>(features.size());
  Index d = 0;
  for (const auto& view : features) d += view.cols();
  const double work = static_cast<double>(n * d) * static_cast<double>(std::min(n, d));
  const Eigen::VectorXd bound = detail::most(labels);
  SetSelection selection;
  with_team(execution, work, [&](const Execution& team) {
    SideBySide<T> sources(features, options.plain() ? Scaling::per_feature : Scaling::common);
    std::vector<ClassSums> classes;
    for (Index s = 0; s < n_sources; ++s) {
      sources.prepare({s}, team);
      const bool as_features = sources.more_samples({s});
      classes.emplace_back(labels, 0, as_features ? 1 : 0, sources.source(s).d());
      if (as_features) add_class_sums(sources.source(s), classes.back(), team);
    }
    Combination chosen;
    std::vector<char> is_chosen(n_sources, 0);
    while (static_cast<Index>(chosen.size()) < most) {
      SetStep step{-1, {}, std::vector<double>(n_sources, none)};
      for (Index s = 0; s < n_sources; ++s) {
        if (is_chosen[s]) continue;
        Combination of = chosen;
        of.push_back(s);
        sources.prepare(of, team);
        const ScoringSystem system(sources, of, options, team);
        HScore score = system.score();
        if (options.adjust_for_chance && score.chance >= 1) continue;
        score.values = system.values(sources, labels, classes, team);
        score = finished(std::move(score), bound, options.adjust_for_chance);
        step.values[s] = score.values[0];
        if (step.source >= 0 && !(score.values[0] - step.score.values[0] > alike * std::abs(step.score.values[0])))
          continue;
        step.source = s;
        step.score = std::move(score);
      }
      const bool is_first = selection.steps.empty();
      if (step.source < 0 ||
          (!is_first && !(step.score.values[0] - selection.steps.back().score.values[0] > least_gain))) {
        selection.no_gain = true;
        break;
      }
      chosen.push_back(step.source);
      is_chosen[step.source] = 1;
      selection.steps.push_back(std::move(step));
    }
  });
  return selection;
}

}  // namespace transferscore

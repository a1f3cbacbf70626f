// The H-score of several sources side by side, for any label set: what the scores of pixels and the choice of a set of
// sources share.
#pragma once

#include "core/side_by_side.hpp"
#include "h_score.hpp"

namespace transferscore {
namespace detail {

/// One combination of sources, ready for any label set.
class ScoringSystem {
 public:
  template <class T>
  ScoringSystem(SideBySide<T>& sources, const Combination& of, const HScoreOptions& options, const Execution& execution)
      : of_(of) {
    if (sources.more_samples(of))
      features_ = feature_system<double>(sources.scatter(of, execution), sources.n(), sources.fourth_moment(of),
                                         options, execution);
    else
      samples_ = sample_system<double>(sources.row_gram(of), sources.d(of), options, execution);
    if (!features_ && !samples_) throw std::overflow_error("products of features overflow");
  }

  bool needs_class_sums() const { return features_.has_value(); }
  const Combination& combination() const { return of_; }
  const HScore& score() const { return features_ ? features_->score : samples_->score; }

  /// (L,), from the class sums of every source that is needed.
  template <class T>
  Eigen::VectorXd values(const SideBySide<T>& sources, const LabelSets& labels, const std::vector<ClassSums>& classes,
                         const Execution& execution) const {
    if (samples_) return detail::values(*samples_, labels, execution);
    const Index d = sources.d(of_);
    const RightHandSides means{labels.n_classes, [&](Index l, Index first, Index count) {
                                 Eigen::MatrixXd rows(d, count);
                                 Index row = 0;
                                 for (const Index s : of_) {
                                   const Source<T>& source = sources.source(s);
                                   rows.middleRows(row, source.d()) =
                                       sources.factor(of_, s) *
                                       scaled_class_means(classes[s], l, source.mean(), first, count);
                                   row += source.d();
                                 }
                                 return rows;
                               }};
    return features_->weight() * quadratic_forms(features_->factor, means, execution);
  }

 private:
  Combination of_;
  std::optional<FeatureSystem> features_;
  std::optional<SampleSystem> samples_;
};

/// Adds all samples of a source, whose mean is known, to the sums of their classes.
template <class T>
void add_class_sums(const Source<T>& source, ClassSums& classes, const Execution& execution) {
  for_each_wave<double>(source.features(), source.frame(), GramSum<double>::block_rows, execution,
                        [&](Index first_row, const auto& wave) { classes.add(first_row, wave, execution); });
}

}  // namespace detail
}  // namespace transferscore

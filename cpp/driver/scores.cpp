// Scores of features with labels, and the statistics that they share.
#include "cases.hpp"
#include "transferscore/core/weighted_scatters.hpp"
#include "transferscore/effective_rank.hpp"
#include "transferscore/gbc.hpp"
#include "transferscore/h_score.hpp"
#include "transferscore/h_score_gradient.hpp"
#include "transferscore/lfc.hpp"
#include "transferscore/linear_mse.hpp"
#include "transferscore/logme.hpp"
#include "transferscore/select_set.hpp"
#include "transferscore/sfda.hpp"
#include "transferscore/soft_hgr.hpp"
#include "transferscore/transrate.hpp"

namespace transferscore {
namespace {

template <class T>
FeatureStatistics statistics_of(const Problem<T>& p, const Execution& on) {
  FeatureStatistics statistics;
  with_team(on, 1e9,
            [&](const Execution& team) { statistics = feature_statistics<T>(p.features(), p.labels(), team); });
  return statistics;
}

void add(const HScore& score, Digest& digest) {
  digest.add(score.values);
  digest.add(score.intensity);
}

const Cases cases([] {
  add_for_problems("h_score", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    for (const bool ledoit_wolf : {false, true})
      add(h_score<T>(p.features(), p.labels(), HScoreOptions{ledoit_wolf, ledoit_wolf ? 0 : 0.1, false, false}, on),
          digest);
    for (const double intensity : {0.0, 0.1})
      add(h_score<T>(p.features(), p.labels(), HScoreOptions{false, intensity, true, false}, on), digest);
  });
  // Large enough for products in single precision, and for eigenvectors by iteration.
  add_case("large", [](const Execution& on, Digest& digest) {
    const auto p = problem<float>(1500, 300, 5);
    for (const double intensity : {0.0, 0.1})
      for (const bool alone : {false, true})
        add(h_score<float>(p.features(), p.labels(), HScoreOptions{false, intensity, intensity > 0, alone}, on),
            digest);
    digest.add(transrate<float>(p.features(), p.labels(), 1e-4, ClassWeights::size, on));
    digest.add(gbc<float>(p.features(), p.labels(), GbcOptions{{32, 0}, false, 1e-4}, on));
    std::vector<float> gradient(p.x.size());
    digest.add(
        h_score_gradient<float>(p.features(), p.labels(), HScoreOptions{true, 0, false}, gradient.data(), on).value);
    digest.add(gradient);
  });
  add_for_problems("label sets", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    std::vector<std::int32_t> ids;
    for (int l = 0; l < 3; ++l) ids.insert(ids.end(), p.ids.begin(), p.ids.end());
    const LabelSets sets{ids.data(), p.n, {p.n_classes, p.n_classes, p.n_classes}};
    for (const bool alone : {false, true})
      add(h_score<T>(p.features(), sets, HScoreOptions{true, 0, false, alone}, on), digest);
    digest.add(gbc<T>(p.features(), sets, GbcOptions{{2, 0}, false, 1e-4}, on));
  });
  add_for_problems("h_score_gradient", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    std::vector<T> gradient(p.x.size());
    for (const bool ledoit_wolf : {false, true}) {
      const HScoreOptions options{ledoit_wolf, ledoit_wolf ? 0 : 0.1, false};
      digest.add(h_score_gradient<T>(p.features(), p.labels(), options, gradient.data(), on).value);
      digest.add(gradient);
    }
  });
  add_for_problems("soft_hgr", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    std::vector<T> by_f(p.x.size()), by_g(p.x.size());
    digest.add(soft_hgr<T>(p.features(), p.features(), by_f.data(), by_g.data(), on));
    digest.add(by_f);
  });
  add_for_problems("logme", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    Targets classes, values;
    classes.labels = p.labels();
    new (&values.values) MatrixView<double>(p.values());
    LogMEOptions options, paper;
    options.weights = true;
    paper.fixed_point = FixedPoint{11, 1e-3, 1e-5, false, false, true, 1, 1};
    digest.add(logme<T>(p.features(), classes, options, on).evidences);
    digest.add(logme<T>(p.features(), values, options, on).weights);
    digest.add(logme<T>(p.features(), classes, paper, on).evidences);
  });
  add_for_problems("linear_mse", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    Targets classes;
    classes.labels = p.labels();
    for (const bool of_evidence : {false, true})
      digest.add(linear_mse<T>(p.features(), classes, LinearMSEOptions{of_evidence, 1.0}, on).errors);
  });
  add_for_problems("transrate", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    digest.add(transrate<T>(p.features(), p.labels(), 1e-4, ClassWeights::size, on));
    digest.add(coding_rate<T>(p.features(), 1e-4, true, on));
  });
  add_for_problems("lfc", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    digest.add(lfc<T>(p.features(), p.labels(), on).value);
  });
  add_for_problems("sfda", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    digest.add(sfda<T>(p.features(), p.labels(), on));
  });
  add_for_problems("effective_rank", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    for (const bool centred : {false, true}) digest.add(effective_rank<T>(p.features(), centred, on));
  });
  add_for_problems("statistics", [](const auto& p, const Execution& on, Digest& digest) {
    const FeatureStatistics part = statistics_of(p, on);
    const FeatureStatistics whole = merged(part, part);
    digest.add(whole.mean);
    digest.add(whole.counts);
    add(h_score(whole, HScoreOptions{true, 0, false}, on), digest);
    digest.add(logme(whole, LogMEOptions{}, on).evidences);
    digest.add(linear_mse(whole, LinearMSEOptions{true, 0}, on).errors);
    digest.add(lfc(whole, on).value);
    digest.add(effective_rank(whole, true, on));
    digest.add(coding_rate(whole, 1e-4, on));
  });
  add_for_problems("select_set", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    const auto other = problem<T>(p.n, 3, p.n_classes, Values::usual, 1);
    const std::vector<MatrixView<T>> sources{p.features(), other.features(), p.features()};
    const auto found = select_set<T>(sources, p.labels(), 3, 0, HScoreOptions{false, 0.1, false}, on);
    for (const SetStep& step : found.steps) digest.add(step.source);
  });
  add_case("weighted_scatters", [](const Execution& on, Digest& digest) {
    const auto groups = problem<double>(5, 16, 2), weights = problem<double>(7, 5, 2), means = problem<double>(7, 4, 2);
    RowMatrix<double> draws = RowMatrix<double>::Zero(7, 16);  // only a triangle is written
    const Eigen::Map<RowMatrix<double>> result(draws.data(), 7, 16);
    weighted_scatters(groups.features(), weights.features(), means.features(), result, on);
    digest.add(draws);
  });
});

}  // namespace
}  // namespace transferscore

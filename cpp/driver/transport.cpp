// Transport: stored, computed anew, from matrices, with labels, with derivatives.
#include "cases.hpp"
#include "transferscore/otce.hpp"
#include "transferscore/otce_gradient.hpp"

namespace transferscore {
namespace {

Eigen::VectorXd masses(Index n, bool some_are_zero) {
  Eigen::VectorXd w(n);
  for (Index i = 0; i < n; ++i) w[i] = some_are_zero && i % 3 == 1 ? 0 : 1 + static_cast<double>(i % 4);
  return w / w.sum();
}

template <class T>
OTCEProblem<T> pair_of(const Problem<T>& source, const Problem<T>& target, bool some_are_zero) {
  TransportProblem<T> transport;
  new (&transport.source) MatrixView<T>(source.features());
  new (&transport.target) MatrixView<T>(target.features());
  const LabelPair labels{source.ids.data(), target.ids.data(), source.n_classes, target.n_classes};
  return {transport, labels, {masses(source.n, some_are_zero), masses(target.n, some_are_zero)}, {}};
}

void add(const SinkhornSolution& s, Digest& digest) {
  digest.add(s.f);
  digest.add(s.g);
  digest.add(s.transport_cost);
  digest.add(s.marginal_error);
  digest.add(s.joint);
}

constexpr double budgets[] = {0, 1e4, 1e9};  // nothing stored, some rows, all

const Cases cases([] {
  add_for_problems("otce", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    const auto target = problem<T>(p.n + 1, p.d, 2, Values::usual, 1);
    for (const double budget : budgets)
      for (const double relative : {0.02, 1e-6}) {
        const SinkhornOptions options{0, relative, 1e-3, 30, budget};
        const auto one = pair_of(p, target, relative < 1e-3);
        for (const auto& solution : otce_many<T>({one, one}, options, on)) add(solution, digest);
      }
  });
  add_for_problems("otce of some points", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    auto one = pair_of(p, p, false);
    for (Index i = 0; i < p.n; i += 2) one.transport.rows.push_back(i);
    one.marginals.a = masses(one.transport.n(), false);
    std::vector<std::int32_t> ids;
    for (const Index i : one.transport.rows) ids.push_back(p.ids[i]);
    one.labels.source_ids = ids.data();
    const std::vector<double> between(static_cast<std::size_t>(p.n_classes * p.n_classes), 0.5);
    one.transport.label_cost = LabelCost({between.data(), p.n_classes, p.n_classes}, 0.5);
    for (const auto& solution : otce_many<T>({one}, {0.1, 0, 1e-3, 20, 1e9}, on)) add(solution, digest);
  });
  add_for_problems("sinkhorn of costs", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    TransportProblem<T> transport;
    std::vector<T> costs(p.x);
    for (T& cost : costs) cost = std::abs(cost);
    new (&transport.source) MatrixView<T>(costs.data(), p.n, p.d);
    const SinkhornProblem<T> one{transport, {masses(p.n, false), masses(p.d, true)}, masses(p.d, false)};
    for (const auto& solution : sinkhorn_many<T>({one, one}, {0, 0.05, 1e-4, 40, 1e9}, on)) {
      add(solution, digest);
      std::vector<double> plan(static_cast<std::size_t>(p.n * p.d));
      for (const bool exact : {false, true})
        with_team(on, 1e9, [&](const Execution& team) {
          write_coupling(transport, one.marginals, solution.f, solution.g, solution.epsilon, exact, plan.data(), team);
        });
      digest.add(plan);
    }
  });
  add_for_problems("otce_gradient", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    const auto target = problem<T>(p.n + 2, p.d, 2, Values::usual, 1);
    const auto one = pair_of(p, target, false);
    for (const double budget : budgets) {
      RowMatrix<double> coefficients(2, 2);
      coefficients << 0, 1, 1, -2;
      const OTCEGradientOptions options{coefficients, {}, {0, 0.1, 1e-4, 50, budget}};
      std::vector<T> source(2 * p.x.size()), to(2 * target.x.size());
      const PointGradients<T> points{source.data(), to.data()};
      digest.add(otce_gradient(one, options, points, on).task_difference);
      digest.add(source);
      digest.add(to);
    }
  });
});

}  // namespace
}  // namespace transferscore

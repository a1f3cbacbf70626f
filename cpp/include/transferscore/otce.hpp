// OTCE (Tan, Li, Huang, CVPR 2021): optimal transport between the domains, then the conditional entropy of the labels.
//
//   P     entropic plan between source and target features     domain difference W_D = <P, C>
//   J_kl  sum of P_ij over y_i = k, y'_j = l                    task difference   W_T = H(Y_t | Y_s) of J
#pragma once

#include <map>

#include "sinkhorn.hpp"

namespace transferscore {

/// Source and target points with their classes: all of two domains, or some of them.
template <class T>
struct OTCEProblem {
  TransportProblem<T> transport;
  LabelPair labels;  // of the points that are taken
  Marginals marginals;
  Eigen::VectorXd initial;  // (m,) potentials g to start from, or empty
};

/// Positions sorted by class, in their order within a class: a label table is then a sum over runs.
inline std::vector<Index> sorted_by_class(const LabelPair& labels, Index n) {
  std::vector<Index> next(labels.n_source_classes + 1, 0), order(n);
  for (Index i = 0; i < n; ++i) ++next[labels.source_ids[i] + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  for (Index i = 0; i < n; ++i) order[next[labels.source_ids[i]]++] = i;
  return order;
}

/// A problem with its source points sorted by class, together with their class ids.
template <class T>
struct ByClass {
  ByClass(const OTCEProblem<T>& given, const std::vector<Index>& order /* (n,) */)
      : problem(given), source_ids_(order.size()) {
    const std::vector<Index>& taken = given.transport.rows;
    std::vector<Index> rows = order;
    for (std::size_t i = 0; i < order.size(); ++i) {
      source_ids_[i] = given.labels.source_ids[order[i]];
      if (!taken.empty()) rows[i] = taken[order[i]];
    }
    problem.transport.rows.swap(rows);
    problem.marginals.a = given.marginals.a(order);
    problem.labels.source_ids = source_ids_.data();
    problem.transport.label_cost.source_ids = source_ids_.data();
    problem.transport.label_cost.target_ids = problem.labels.target_ids;
  }
  ByClass(const ByClass&) = delete;
  ByClass& operator=(const ByClass&) = delete;

  OTCEProblem<T> problem;

 private:
  std::vector<std::int32_t> source_ids_;
};

/// solve(problem) with the source points sorted by class; its potentials in the order of the caller.
template <class T, class Solve>
SinkhornSolution solve_by_class(const OTCEProblem<T>& problem, const Solve& solve) {
  const std::vector<Index> order = sorted_by_class(problem.labels, problem.transport.n());
  const ByClass<T> sorted(problem, order);
  SinkhornSolution solution = solve(sorted.problem);
  const Eigen::VectorXd potentials = solution.f;
  for (Index i = 0; i < potentials.size(); ++i) solution.f[order[i]] = potentials[i];
  return solution;
}

/// `transport_cost` is the domain difference, the conditional entropy of `joint` the task difference.
template <class T>
SinkhornSolution otce(const OTCEProblem<T>& problem, const SinkhornOptions& options, const Execution& execution) {
  return solve_by_class(problem, [&](const OTCEProblem<T>& sorted) {
    return sinkhorn(sorted.transport, sorted.marginals, sorted.initial, sorted.labels, options, execution);
  });
}

/// The costs of a whole pair of domains, for all its tasks.
template <class T>
class SharedCosts {
 public:
  SharedCosts(const TransportProblem<T>& domains, const Execution& execution)
      : source_(domains.source, domains.target, {}, {}, {}, execution), cost_(source_) {
    cost_.store(execution);
  }

  SinkhornSolution otce(const OTCEProblem<T>& problem, const SinkhornOptions& options,
                        const Execution& execution) const {
    return solve_by_class(problem, [&](const OTCEProblem<T>& sorted) {
      std::vector<Index> columns = sorted.transport.columns;
      if (columns.empty()) {
        columns.resize(source_.m);
        std::iota(columns.begin(), columns.end(), Index{0});
      }
      const SubsetCost<T> costs(source_, cost_.memory(), sorted.transport.rows, std::move(columns));
      const double scale = cost_scale(costs, execution);
      if (sizeof(T) == 4 && !single_is_enough(costs, scale, options))
        return sinkhorn(sorted.transport, sorted.marginals, sorted.initial, sorted.labels, options, execution);
      return solve<T>(costs, sorted.marginals, scale, sorted.initial, sorted.labels, options, execution);
    });
  }

 private:
  PointCost<T> source_;
  Cost<T> cost_;
};

/// Many tasks; costs are computed once for those that share the points of both domains, where that pays and fits.
template <class T>
std::vector<SinkhornSolution> otce_many(const std::vector<OTCEProblem<T>>& problems, const SinkhornOptions& options,
                                        const Execution& execution) {
  std::map<std::pair<const T*, const T*>, std::vector<Index>> pairs;
  for (Index i = 0; i < static_cast<Index>(problems.size()); ++i)
    pairs[{problems[i].transport.source.data(), problems[i].transport.target.data()}].push_back(i);
  const auto entries = [](Index n, Index m) { return static_cast<double>(n) * static_cast<double>(m); };

  const KeptBlocks kept;
  std::vector<SinkhornSolution> solutions(problems.size());
  const auto solve_each = [&](const std::vector<Index>& members, const auto& solve) {
    const auto problem = [&](Index k) -> const OTCEProblem<T>& { return problems[members[k]]; };
    for_each_problem(
        static_cast<Index>(members.size()), [&](Index k) { return problem(k).transport.work(); }, execution,
        [&](Index k, const Execution& own) { solutions[members[k]] = solve(problem(k), own); });
  };
  std::vector<Index> separate;
  for (const auto& [points, members] : pairs) {
    const TransportProblem<T>& domains = problems[members[0]].transport;
    const double whole = entries(domains.source.rows(), domains.target.rows());
    double asked = 0;
    for (const Index i : members) asked += entries(problems[i].transport.n(), problems[i].transport.m());
    const bool has_label_cost = domains.label_cost.is_used();
    if (members.size() == 1 || has_label_cost || asked < whole || whole * sizeof(T) > options.memory_budget / 2) {
      separate.insert(separate.end(), members.begin(), members.end());
      continue;
    }
    std::optional<SharedCosts<T>> shared;
    with_team(execution, domains.work(), [&](const Execution& team) { shared.emplace(domains, team); });
    SinkhornOptions rest = options;
    rest.memory_budget -= whole * sizeof(T);
    solve_each(members,
               [&](const OTCEProblem<T>& problem, const Execution& own) { return shared->otce(problem, rest, own); });
  }
  solve_each(separate,
             [&](const OTCEProblem<T>& problem, const Execution& own) { return otce(problem, options, own); });
  return solutions;
}

}  // namespace transferscore

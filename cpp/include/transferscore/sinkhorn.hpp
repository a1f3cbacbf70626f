// Entropic optimal transport (Cuturi, "Sinkhorn distances", NeurIPS 2013):
//
//   P = argmin <P, C> + epsilon KL(P | a b^T)  over plans with marginals a, b
//     = a_i b_j exp((f_i + g_j - C_ij) / epsilon)
//
// Sinkhorn's iteration makes rows and columns right in turn. Here one iteration is one pass over the costs
// (core/plan.hpp), iterates are mixed (core/anderson.hpp), and a kernel in memory takes the place of exponentials while
// that is safe.
#pragma once

#include "core/anderson.hpp"
#include "core/median.hpp"
#include "core/plan.hpp"

namespace transferscore {

struct SinkhornOptions {
  double epsilon = 0;           // absolute; 0: relative
  double relative_epsilon = 0;  // share of the median cost
  double tol = 1e-3;            // of the marginal error
  Index max_iter = 0;
  double memory_budget = 0;  // bytes for matrices of n x m
};

struct SinkhornSolution {
  Eigen::VectorXd f;          // (n,) potentials in units of cost
  Eigen::VectorXd g;          // (m,)
  double epsilon = 0;         // absolute
  double scale = 0;           // cost that relative epsilons are a share of
  double transport_cost = 0;  // <P, C>
  double dual_value = 0;      // <a, f> + <b, g> - epsilon (sum P - 1)
  double marginal_error = 0;  // || P 1 - a ||_1 + || P^T 1 - b ||_1
  Index n_iter = 0;
  RowMatrix<double> joint;  // (C_s, C_t) mass by class, where labels are given
};

/// At most 512 of 0 .. n-1, spread evenly.
inline std::vector<Index> spread_evenly(Index n) {
  std::vector<Index> indices(std::min<Index>(n, 512));
  const Index count = static_cast<Index>(indices.size());
  for (Index k = 0; k < count; ++k) indices[k] = k * n / count;
  return indices;
}

/// At most 512 x 512 costs, in units of the source.
template <class C>
LargeMatrix<C> some_costs(const CostSource<C>& source, const Execution& execution) {
  const std::vector<Index> rows = spread_evenly(source.n), columns = spread_evenly(source.m);
  LargeMatrix<C> costs = source.gather(rows, columns, execution);
  costs.view().rowwise() += source.target_part(columns).transpose().template cast<C>();
  costs.view().colwise() += source.source_part(rows).template cast<C>();
  return costs;
}

/// Median of some costs; the mean of their sizes where it is not positive, 1 where that is zero.
template <class C>
double cost_scale(const CostSource<C>& source, const Execution& execution) {
  LargeMatrix<C> costs = some_costs(source, execution);
  const double middle = median(costs.data(), costs.view().size());
  if (middle > 0) return source.unit * middle;
  costs = some_costs(source, execution);  // the median has changed them
  const double mean = costs.view().template cast<double>().cwiseAbs().mean();
  return mean > 0 ? source.unit * mean : 1;
}

/// Below this tolerance sums of single-precision products are too coarse.
constexpr double single_precision_tol = 1e-5;

/// From this tolerance on a kernel in 16 bits is good enough; what its rounding may add to the error is asked for.
constexpr double compact_tol = 5e-4, compact_share = 0.85;

/// More bytes than this are read from memory, not from a cache.
constexpr double cached = 32e6;

/// Below this share of the largest cost an epsilon is lost in the rounding of costs.
constexpr double least_epsilon = 1e-15;
constexpr double smallest_epsilon = 1e-307;  // its inverse is finite

/// Are costs in single precision enough? Where rounding one moves a marginal by far less than the tolerance.
template <class C>
bool single_is_enough(const CostSource<C>& source, double scale, const SinkhornOptions& options) {
  constexpr double rounding = std::numeric_limits<float>::epsilon() / 2;
  const double epsilon = (options.epsilon > 0 ? options.epsilon : options.relative_epsilon * scale) / source.unit;
  return source.largest / epsilon * rounding < options.tol / 20 && epsilon > 1e-30 && source.largest < 1e30;
}

/// The iteration for one problem, in units of epsilon.
template <class C>
class SinkhornIteration {
 public:
  SinkhornIteration(const Cost<C>& cost, const Marginals& marginals, double memory /* bytes for a kernel */,
                    const Execution& execution)
      : cost_(cost), marginals_(marginals), memory_(memory), execution_(execution) {}

  Eigen::VectorXd row;     // (n,) the potentials found so far
  Eigen::VectorXd column;  // (m,)
  Index n_iter = 0;

  /// Starts at zero. A small epsilon is reached in steps: from far away potentials would creep, an epsilon an
  /// iteration.
  void approach(double epsilon, const SinkhornOptions& options) {
    constexpr double small = 5e-4, first = 0.0125, step = 0.25, rough = 1e-3;
    constexpr Index most = 200;
    column.setZero(cost_.m());
    const double largest = cost_.source().largest;
    if (epsilon >= small * largest) return;
    for (double level = first * largest; level > epsilon; level *= step) {
      run<float>(level, std::max(options.tol, rough), std::min(options.max_iter - 1, n_iter + most));
      column *= level / std::max(epsilon, step * level);
    }
  }

  /// Potentials of points without weight, which iterations leave aside.
  void settle_weightless(double epsilon) {
    if ((marginals_.a.array() == 0).any()) {
      const Sweep sweep = LogDomainSweep<double, C>(cost_, epsilon, marginals_, column).run(execution_);
      row = (marginals_.a.array() == 0).select(sweep.row, row);
    }
    std::vector<Index> weightless;
    for (Index j = 0; j < column.size(); ++j)
      if (marginals_.b[j] == 0) weightless.push_back(j);
    update_columns(cost_, epsilon, marginals_, row, weightless, column, execution_);
  }

  /// Iterates from `column` until the marginal error is at most tol, or until `max_iter`. K: type of the kernel.
  template <class K>
  void run(double epsilon, double tol, Index max_iter) {
    StoredKernel<K> kernel;
    constexpr double resolution = std::is_same_v<K, double> ? 1e-14 : 1e-6;
    Anderson mix(window, resolution, marginals_.b);
    Eigen::VectorXd next = column, plain = column;
    double best = infinity, last = infinity;
    while (n_iter < max_iter) {
      ++n_iter;
      Sweep sweep = sweep_at(next, epsilon, kernel);
      if (!sweep.lost.empty()) {
        plain = next = with_lost_columns(sweep, next, epsilon);
        kernel.clear();
        mix.clear();
        last = infinity;
        if (best == infinity) {
          row.swap(sweep.row);
          column = next;
        }
        continue;
      }
      const double error = (marginals_.b.array() * (sweep.sums.array() - 1).abs()).sum();
      if (!(error < astray * last)) {  // mixing went astray: back to the last plain iterate
        next = plain;
        mix.clear();
        last = infinity;
        continue;
      }
      if (error > slow * last) mix.relaxation = over_relaxed;
      last = error;
      const Eigen::VectorXd residual = -sweep.sums.array().log();
      if (error < best) {
        best = error;
        row.swap(sweep.row);
        column = next;
      }
      if (error <= tol) return;
      plain = next + residual;
      next = mix.next(next, residual);
    }
  }

 private:
  /// The sweep that costs least among those that are safe here.
  template <class K>
  Sweep sweep_at(const Eigen::VectorXd& next, double epsilon, StoredKernel<K>& kernel) const {
    if (!kernel.is_empty()) {
      if (std::optional<Sweep> sweep = kernel.sweep(marginals_, next, execution_)) return *std::move(sweep);
    }
    const double bytes = cost_.entries() * sizeof(K);
    return LogDomainSweep<Arithmetic<K>, C>(cost_, epsilon, marginals_, next)
        .run(bytes <= memory_ ? &kernel : nullptr, execution_);
  }

  /// The next plain iterate where sums of some columns were too small for the type.
  Eigen::VectorXd with_lost_columns(const Sweep& sweep, const Eigen::VectorXd& next, double epsilon) const {
    Eigen::VectorXd updated = next;
    for (Index j = 0; j < updated.size(); ++j)
      if (sweep.sums[j] > 0) updated[j] -= std::log(sweep.sums[j]);
    update_columns(cost_, epsilon, marginals_, sweep.row, sweep.lost, updated, execution_);
    return updated;
  }

  static constexpr Index window = 8;
  static constexpr double astray = 10;
  // Where errors fall slowly, residuals are too small a step: the eigenvalues of the iteration lie between 0 and 1.
  static constexpr double slow = 0.3, over_relaxed = 1.6;
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  const Cost<C>& cost_;
  const Marginals& marginals_;
  double memory_;
  const Execution& execution_;
};

/// Solves in the units of the costs' centres, and reports in the user's. Costs may then be stored in `cost`.
template <class C>
SinkhornSolution solve(Cost<C>& cost, const Marginals& marginals, double scale,
                       const Eigen::VectorXd& initial /* (m,) g, or empty */, const LabelPair& labels,
                       const SinkhornOptions& options, const Execution& execution) {
  const CostSource<C>& source = cost.source();
  SinkhornSolution solution;
  solution.scale = scale;
  solution.epsilon = options.epsilon > 0 ? options.epsilon : options.relative_epsilon * scale;
  const double epsilon = solution.epsilon / source.unit;
  if (!std::isfinite(source.largest) || !std::isfinite(scale)) throw std::overflow_error("costs");
  if (!(epsilon > std::max(least_epsilon * source.largest, smallest_epsilon))) return solution;

  double memory = options.memory_budget;
  const double bytes = cost.entries() * sizeof(C);
  if (!cost.is_in_memory() && bytes <= memory && !(source.is_quick && bytes > cached)) {
    cost.store(execution);
    memory -= bytes;
  }
  SinkhornIteration<C> iteration(cost, marginals, memory, execution);
  if (initial.size() > 0) {
    iteration.column = (initial / source.unit - source.target_part) / epsilon;
  } else {
    iteration.approach(epsilon, options);
  }

  // What counts is the error of the potentials that are returned, found anew from them: it may be over by a rounding.
  PlanSums sums;
  double aim = options.tol;
  do {
    if (aim >= compact_tol) {
      iteration.template run<Compact>(epsilon, compact_share * aim, options.max_iter);
    } else {
      iteration.template run<float>(epsilon, std::max(aim, single_precision_tol), options.max_iter);
    }
    if (aim < single_precision_tol) iteration.template run<double>(epsilon, aim, options.max_iter);
    if (iteration.row.size() == 0) throw std::overflow_error("costs");  // nothing but NaN
    iteration.settle_weightless(epsilon);
    sums = plan_sums<C>(cost, epsilon, marginals, iteration.row, iteration.column, labels, execution);
    solution.marginal_error = (sums.r - marginals.a).template lpNorm<1>() + (sums.c - marginals.b).template lpNorm<1>();
    if (!std::isfinite(solution.marginal_error) || !std::isfinite(sums.cost)) throw std::overflow_error("costs");
    aim /= 2;
  } while (solution.marginal_error > options.tol && iteration.n_iter < options.max_iter);

  solution.n_iter = iteration.n_iter;
  solution.transport_cost = sums.cost;
  if (labels.is_given()) solution.joint = sums.joint / sums.joint.sum();
  solution.f = source.unit * (epsilon * iteration.row + source.source_part);
  solution.g = source.unit * (epsilon * iteration.column + source.target_part);
  const double source_value = marginals.a.dot(solution.f), target_value = marginals.b.dot(solution.g);
  solution.f.array() -= (source_value - target_value) / 2;
  solution.g.array() += (source_value - target_value) / 2;
  solution.dual_value = source_value + target_value - solution.epsilon * (sums.r.sum() - 1);
  return solution;
}

template <class C>
SinkhornSolution solve(const CostSource<C>& source, const Marginals& marginals, double scale,
                       const Eigen::VectorXd& initial /* (m,) g, or empty */, const LabelPair& labels,
                       const SinkhornOptions& options, const Execution& execution) {
  Cost<C> cost(source);
  return solve(cost, marginals, scale, initial, labels, options, execution);
}

/// Costs given as a matrix, or as squared distances between points with or without a part that depends on labels.
template <class T>
struct TransportProblem {
  MatrixView<T> source{nullptr, 0, 0};  // (N, d) points, or (n, m) costs where there is no target
  MatrixView<T> target{nullptr, 0, 0};  // (M, d)
  std::vector<Index> rows;              // (n,) source points that are taken, in order; empty: all
  std::vector<Index> columns;           // (m,) likewise of the target
  LabelCost label_cost;

  bool has_points() const { return target.size() > 0; }
  Index n() const { return rows.empty() ? source.rows() : static_cast<Index>(rows.size()); }
  Index m() const {
    if (!has_points()) return source.cols();
    return columns.empty() ? target.rows() : static_cast<Index>(columns.size());
  }
  /// Multiplications, roughly.
  double work() const {
    constexpr double per_entry_solved = 20;
    return static_cast<double>(n()) * static_cast<double>(m()) *
           (per_entry_solved + static_cast<double>(has_points() ? source.cols() : 0));
  }

  /// body(costs in type C)
  template <class C, class Body>
  auto with_costs(const Execution& execution, const Body& body) const {
    if (has_points()) return body(PointCost<C>(source, target, rows, columns, label_cost, execution));
    return body(MatrixCost<C, T>(source, execution));
  }
};

/// The solution from costs in single precision, where points are and these are enough.
template <class T>
std::optional<SinkhornSolution> sinkhorn_in_single(const TransportProblem<T>& problem, const Marginals& marginals,
                                                   const Eigen::VectorXd& initial /* (m,) g, or empty */,
                                                   const LabelPair& labels, const SinkhornOptions& options,
                                                   const Execution& execution) {
  std::optional<SinkhornSolution> solution;
  if constexpr (std::is_same_v<T, float>)
    problem.template with_costs<float>(execution, [&](const auto& source) {
      const double scale = cost_scale(source, execution);
      if (single_is_enough(source, scale, options))
        solution = solve<float>(source, marginals, scale, initial, labels, options, execution);
    });
  return solution;
}

template <class T>
SinkhornSolution sinkhorn(const TransportProblem<T>& problem, const Marginals& marginals,
                          const Eigen::VectorXd& initial /* (m,) g, or empty */, const LabelPair& labels,
                          const SinkhornOptions& options, const Execution& execution) {
  if (const auto solution = sinkhorn_in_single(problem, marginals, initial, labels, options, execution))
    return *solution;
  return problem.template with_costs<double>(execution, [&](const auto& source) {
    return solve<double>(source, marginals, cost_scale(source, execution), initial, labels, options, execution);
  });
}

template <class T>
struct SinkhornProblem {
  TransportProblem<T> transport;
  Marginals marginals;
  Eigen::VectorXd initial;  // (m,) potentials g to start from, or empty
};

template <class T>
std::vector<SinkhornSolution> sinkhorn_many(const std::vector<SinkhornProblem<T>>& problems,
                                            const SinkhornOptions& options, const Execution& execution) {
  const KeptBlocks kept;
  std::vector<SinkhornSolution> solutions(problems.size());
  for_each_problem(
      static_cast<Index>(problems.size()), [&](Index i) { return problems[i].transport.work(); }, execution,
      [&](Index i, const Execution& own) {
        const SinkhornProblem<T>& problem = problems[i];
        solutions[i] = sinkhorn(problem.transport, problem.marginals, problem.initial, {}, options, own);
      });
  return solutions;
}

/// body(costs, epsilon, row, column): a plan from its potentials, in units of epsilon and of the costs' centres.
template <class T, class Body>
void with_plan(const TransportProblem<T>& problem, const Eigen::VectorXd& f /* (n,) */,
               const Eigen::VectorXd& g /* (m,) */, double epsilon, const Execution& execution, const Body& body) {
  problem.template with_costs<double>(execution, [&](const auto& source) {
    const double eps = epsilon / source.unit;
    const Eigen::VectorXd row = (f / source.unit - source.source_part) / eps;
    const Eigen::VectorXd column = (g / source.unit - source.target_part) / eps;
    body(source, eps, row, column);
  });
}

/// The plan itself, or with exact marginals the plan nearby that has them.
template <class T>
void write_coupling(const TransportProblem<T>& problem, const Marginals& marginals, const Eigen::VectorXd& f /* (n,) */,
                    const Eigen::VectorXd& g /* (m,) */, double epsilon, bool exact_marginals,
                    double* values /* (n, m) */, const Execution& execution) {
  Eigen::Map<RowMatrix<double>> plan(values, problem.n(), problem.m());
  with_plan(problem, f, g, epsilon, execution,
            [&](const auto& source, double eps, const auto& row, const auto& column) {
              write_plan<double>(source, eps, marginals, row, column, plan, execution);
            });
  if (exact_marginals) round_plan(marginals, plan, execution);
}

template <class T>
RowMatrix<double> joint_label_distribution(const TransportProblem<T>& problem, const Marginals& marginals,
                                           const Eigen::VectorXd& f /* (n,) */, const Eigen::VectorXd& g /* (m,) */,
                                           double epsilon, const LabelPair& labels, const Execution& execution) {
  RowMatrix<double> joint;
  with_team(execution, problem.work(), [&](const Execution& team) {
    with_plan(problem, f, g, epsilon, team, [&](const auto& source, double eps, const auto& row, const auto& column) {
      joint = plan_sums<double>(Cost<double>(source), eps, marginals, row, column, labels, team).joint;
    });
  });
  return joint;
}

/// The costs themselves, in the user's units.
template <class T>
void write_costs(const TransportProblem<T>& problem, double* values /* (n, m) */, const Execution& execution) {
  Eigen::Map<RowMatrix<double>> costs(values, problem.n(), problem.m());
  with_team(execution, problem.work(), [&](const Execution& team) {
    problem.template with_costs<double>(team, [&](const auto& source) {
      if (!std::isfinite(source.largest)) throw std::overflow_error("costs");
      constexpr Index most_rows = 256, tile_columns = 1024;
      parallel_for_pieces(source.n, most_rows, team, [&](Index first, Index count) {
        auto rows = costs.middleRows(first, count);
        for (Index j = 0; j < source.m; j += tile_columns) {
          team.check();
          source.write(first, j, rows.middleCols(j, std::min(tile_columns, source.m - j)));
        }
        rows.colwise() += source.source_part.segment(first, count);
        rows.rowwise() += source.target_part.transpose();
        rows = source.unit * rows.cwiseMax(problem.has_points() ? 0.0 : -std::numeric_limits<double>::infinity());
        if (!std::isfinite(rows.maxCoeff())) throw std::overflow_error("costs");
      });
    });
  });
}

}  // namespace transferscore

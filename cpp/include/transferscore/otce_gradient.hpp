// Gradients of OTCE through the plan, by the adjoint of its optimality conditions.
//
//   L = l_D <P, C> + l_T H(Y_t | Y_s)            G = dL/dP = l_D C + l_T Lambda[y_i, y'_j]            D = dL/dC = l_D P
//   Lambda_kl = - log(J_kl / sum_l J_kl)
//   [[diag r, P], [P^T, diag c]] [alpha; beta] = [(G o P) 1; (G o P)^T 1]                                          (1)
//   W = dL/d(all that C_ij is) = D + P o (alpha_i + beta_j - G_ij) / epsilon                                       (2)
//   dL/dx_i = 2 sum_j W_ij (x_i - z_j),  dL/dz_j = 2 sum_i W_ij (z_j - x_i)                                        (3)
//   dL/da = alpha and dL/db = beta but for a constant
//
// r and c are the marginals that the plan has, so (1) has a solution also where Sinkhorn's iteration stopped early. A
// number added to a row or a column of G moves to alpha or beta: costs stay as their source sees them.
#pragma once

#include "core/conditional_plan.hpp"
#include "otce.hpp"

namespace transferscore {

struct OTCEGradientOptions {
  RowMatrix<double> coefficients;  // (k, 2) l_D, l_T of each combination
  RowMatrix<double> initial;       // (k, m) derivatives by the target weights of a problem near by, or empty
  SinkhornOptions transport;       // tol is also that of the relative residual of (1)

  Index count() const { return coefficients.rows(); }
};

struct OTCEGradient {
  SinkhornSolution transport;
  double domain_difference = 0, task_difference = 0;  // of the plan as it is
  double entropy = 0;                                 // of the entries of the plan
  double least_entropy = 0;                           // of a plan that splits no more points than it must
  RowMatrix<double> source_weights;                   // (k, n) orthogonal to the weights
  RowMatrix<double> target_weights;                   // (k, m)
  RowMatrix<double> label_cost;                       // (k, C_s C_t), where there is a label cost
  Eigen::VectorXd residuals;                          // (k,)
  Index n_iter = 0;                                   // of conjugate gradients
};

/// Where derivatives with respect to points go.
template <class T>
struct PointGradients {
  T* source;  // (k, n, d)
  T* target;  // (k, m, d)
};

namespace detail {

/// Sums over a plan by rows and columns: (s_i) = sum_j M_ij e_j G_ij, (t_j) = sum_i a_i M_ij G_ij.
struct SideSums {
  Eigen::VectorXd s;  // (n,)
  Eigen::VectorXd t;  // (m,)
};

/// Of the plan between weights along a line: a vertex of the polytope of plans, as plans are for epsilon to 0.
inline double entropy_of_monotone_plan(const Marginals& marginals) {
  double entropy = 0, a = marginals.a[0], b = marginals.b[0];
  for (Index i = 0, j = 0;;) {
    const double mass = std::min(a, b);
    if (mass > 0) entropy -= mass * std::log(mass);
    a -= mass;
    b -= mass;
    // Weights that differ by a rounding end together.
    constexpr double rounding = 1e-12;
    const bool row_ends = a <= rounding * marginals.a[i], column_ends = b <= rounding * marginals.b[j];
    if (row_ends && ++i == marginals.a.size()) return entropy;
    if (column_ends && ++j == marginals.b.size()) return entropy;
    if (row_ends) a = marginals.a[i];
    if (column_ends) b = marginals.b[j];
  }
}

/// body(first, count) for runs of rows of one class among first_row .. + rows.
template <class Body>
void for_each_run(const std::int32_t* ids, Index first_row, Index rows, const Body& body) {
  for (Index first = first_row, end; first < first_row + rows; first = end) {
    for (end = first + 1; end < first_row + rows && ids[end] == ids[first];) ++end;
    body(first, end - first);
  }
}

/// The gradient of one problem whose source points are sorted by class.
template <class T>
class OTCEAdjoint {
 public:
  /// Costs that the solution of the transport has left in memory, or none, make room for the plan.
  OTCEAdjoint(const PointCost<double>& costs, LargeMatrix<double> stored, const OTCEProblem<T>& problem, double epsilon,
              const Eigen::VectorXd& row /* (n,) */, const Eigen::VectorXd& column /* (m,) */,
              const OTCEGradientOptions& options, const Execution& execution)
      : costs_(costs),
        epsilon_(epsilon),
        source_points_(as_read(costs.source_points())),
        target_points_(as_read(costs.target_points())),
        marginals_(problem.marginals),
        labels_(problem.labels),
        options_(options),
        execution_(execution),
        plan_(costs, epsilon / costs.unit, marginals_, row, column) {
    if (stored.rows() > 0) {
      plan_.prepare_to_store(std::move(stored));
    } else if (plan_.entries() * sizeof(double) <= options.transport.memory_budget) {
      plan_.prepare_to_store();
    }
    read_plan();
    result_.entropy = entropy_of_plan(row, column);
    result_.least_entropy = entropy_of_monotone_plan(marginals_);
  }

  OTCEGradient run(const PointGradients<T>& points) {
    const SideSums task = task_sums();
    const Eigen::RowVectorXd domain_share = options_.coefficients.col(0).transpose() * costs_.unit;
    const Eigen::RowVectorXd task_share = options_.coefficients.col(1).transpose();
    Eigen::MatrixXd initial = options_.initial.transpose();
    if (initial.size() > 0) initial -= costs_.target_part * domain_share;
    PlanSolution solution =
        PlanSystem(plan_, marginals_.a, row_sums_, column_sums_)
            .solve(domain_.s * domain_share + task.s * task_share, domain_.t * domain_share + task.t * task_share,
                   initial, options_.coefficients.col(1).cwiseAbs(), options_.transport.tol,
                   options_.transport.max_iter, execution_);
    result_.residuals = solution.residuals;
    result_.n_iter = solution.n_iter;
    add_to_points(solution, points);
    solution.alpha += costs_.source_part * domain_share;
    solution.beta += costs_.target_part * domain_share;
    result_.source_weights = centred(solution.alpha, marginals_.a);
    result_.target_weights = centred(solution.beta, marginals_.b);
    return std::move(result_);
  }

 private:
  using Points = std::conditional_t<std::is_same_v<T, double>, MatrixView<double>, RowMatrix<T>>;
  static Points as_read(MatrixView<double> points) {
    if constexpr (std::is_same_v<T, double>) {
      return points;
    } else {
      return points.template cast<T>();
    }
  }

  static RowMatrix<double> centred(const Eigen::MatrixXd& values /* (size, k) */, const Eigen::VectorXd& weights) {
    return values.transpose().colwise() - values.transpose() * weights;
  }

  /// One pass for marginals, label table, and the sums that the domain difference needs.
  void read_plan() {
    const Index n = plan_.n(), m = plan_.m();
    const Execution execution = execution_.for_step(plan_.entries() * static_cast<double>(costs_.width));
    const Stripes stripes(n);
    ColumnSums<double> sums(stripes.count(), 2 * m);
    std::vector<LabelTable> tables;
    for (Index stripe = 0; stripe < stripes.count(); ++stripe)
      tables.emplace_back(labels_, stripes.first(stripe), stripes.end(stripe));
    row_sums_.resize(n);
    domain_.s.resize(n);
    parallel_for(stripes.count(), execution, [&](Index stripe) {
      typename ColumnSums<double>::OfStripe columns(sums, stripe);
      RowMatrix<double> buffer, cost_buffer;
      Eigen::RowVectorXd sum(m);
      constexpr Index at_once = 32;  // that multiply well and stay in cache
      for (Index i = stripes.first(stripe); i < stripes.end(stripe); i += at_once) {
        const Index rows = std::min(at_once, stripes.end(stripe) - i);
        const auto block = plan_.make(i, rows, buffer, cost_buffer, execution);
        row_sums_.segment(i, rows) = sums_over_columns<double>(block, plan_.has_weight());
        for_each_run(labels_.source_ids, i, rows, [&](Index first, Index count) {
          sum.setZero();
          add_product<double>(marginals_.a.segment(first, count), block.middleRows(first - i, count), sum);
          columns.add(0, sum, Eigen::VectorXd::Ones(1));
          tables[stripe].add(labels_.source_ids[first], 0, sum.cwiseProduct(plan_.has_weight().transpose()).eval());
        });
        auto products = cost_buffer.topLeftCorner(rows, m);
        products.array() *= block.array();
        domain_.s.segment(i, rows) = sums_over_columns<double>(products, plan_.has_weight());
        columns.add(m, products, marginals_.a.segment(i, rows));
        columns.added(rows);
      }
    });
    const Eigen::VectorXd total = sums.total(execution);
    column_sums_ = total.head(m);
    domain_.t = total.tail(m);
    joint_.setZero(labels_.n_source_classes, labels_.n_target_classes);
    for (const LabelTable& table : tables) table.add_to(joint_);
    result_.domain_difference = costs_.unit * (marginals_.a.dot(domain_.s) + masses_of_rows().dot(costs_.source_part) +
                                               masses_of_columns().dot(costs_.target_part));
    result_.task_difference = conditional_entropy(MatrixView<double>(joint_.data(), joint_.rows(), joint_.cols()));
  }

  Eigen::VectorXd masses_of_rows() const { return marginals_.a.cwiseProduct(row_sums_); }
  Eigen::VectorXd masses_of_columns() const { return plan_.has_weight().cwiseProduct(column_sums_); }

  /// - sum_ij P_ij log P_ij
  double entropy_of_plan(const Eigen::VectorXd& row, const Eigen::VectorXd& column) const {
    const auto times_log = [](const Eigen::VectorXd& mass, const Eigen::VectorXd& weights, const Eigen::VectorXd& u) {
      return (weights.array() > 0).select(mass.array() * (weights.array().log() + u.array()), 0.0).sum();
    };
    return marginals_.a.dot(domain_.s) * costs_.unit / epsilon_ - times_log(masses_of_rows(), marginals_.a, row) -
           times_log(masses_of_columns(), marginals_.b, column);
  }

  /// Lambda[class of a source point, y'_j] for the columns from `first` on; 0 where nothing is transported.
  void write_task_part(std::int32_t source_id, Index first, Eigen::Ref<Eigen::RowVectorXd> part) const {
    for (Index j = 0; j < part.size(); ++j) part[j] = lambda_(source_id, labels_.target_ids[first + j]);
  }

  SideSums task_sums() {
    lambda_.setZero(joint_.rows(), joint_.cols());
    const double total = joint_.sum();
    for (Index k = 0; k < joint_.rows(); ++k)
      for (Index l = 0; l < joint_.cols(); ++l)
        if (joint_(k, l) > 0) lambda_(k, l) = -std::log(joint_(k, l) / joint_.row(k).sum()) / total;

    const Index n = plan_.n(), m = plan_.m();
    SideSums task{Eigen::VectorXd::Zero(n), Eigen::VectorXd::Zero(m)};
    if ((options_.coefficients.col(1).array() == 0).all()) return task;
    const Execution execution = execution_.for_step(plan_.work_of_a_pass());
    const Stripes stripes(n);
    ColumnSums<double> sums(stripes.count(), m);
    parallel_for(stripes.count(), execution, [&](Index stripe) {
      typename ColumnSums<double>::OfStripe columns(sums, stripe);
      RowMatrix<double> buffer;
      Eigen::RowVectorXd part(m), sum(m);
      const Index at_once = plan_.rows_at_once();
      for (Index i = stripes.first(stripe); i < stripes.end(stripe); i += at_once) {
        const Index rows = std::min(at_once, stripes.end(stripe) - i);
        const auto block = plan_.block(i, rows, 0, m, buffer, execution);
        for_each_run(labels_.source_ids, i, rows, [&](Index first, Index count) {
          write_task_part(labels_.source_ids[first], 0, part);
          const auto run = block.middleRows(first - i, count);
          const Eigen::VectorXd weights = part.transpose().cwiseProduct(plan_.has_weight());
          task.s.segment(first, count) = sums_over_columns<double>(run, weights);
          sum.setZero();
          add_product<double>(marginals_.a.segment(first, count), run, sum);
          columns.add(0, sum.cwiseProduct(part).eval(), Eigen::VectorXd::Ones(1));
        });
        columns.added(rows);
      }
    });
    task.t = sums.total(execution);
    return task;
  }

  /// What tasks of a panel add up for one combination.
  struct Sums {
    std::vector<RowMatrix<double>> source;  // for each block of columns (rows, d): W Z
    RowMatrix<double> source_masses;        // (blocks, rows): W 1
    RowMatrix<double> target;               // (m, d): W^T X
    Eigen::VectorXd target_masses;          // (m,): W^T 1
  };

  /// (2) and (3), with products in the type of the features: each entry of the plan is made once for both sides. Rows
  /// come in panels. Of a panel, each task has a block of columns, whose sums are its own; what it adds to the rows is
  /// added up after them.
  void add_to_points(const PlanSolution& solution, const PointGradients<T>& points) {
    const Index n = plan_.n(), m = plan_.m(), d = costs_.width;
    const Index width = std::max<Index>(256, (m + most_blocks - 1) / most_blocks), blocks = (m + width - 1) / width;
    const Execution execution = execution_.for_step(plan_.entries() * static_cast<double>(d));
    std::vector<Sums> sums(options_.count());
    for (Sums& sum : sums)
      sum = {std::vector<RowMatrix<double>>(blocks), RowMatrix<double>::Zero(blocks, panel),
             RowMatrix<double>::Zero(m, d), Eigen::VectorXd::Zero(m)};
    label_sums_.assign(blocks, RowMatrix<double>());
    if (costs_.labels().is_used())
      for (auto& table : label_sums_) table.setZero(options_.count(), joint_.size());

    for (Index i = 0; i < n; i += panel) {
      const Index rows = std::min(panel, n - i);
      parallel_for_pieces(m, width, execution, [&](Index first, Index columns) {
        add_block(solution, i, rows, first, columns, first / width, sums, execution);
      });
      for (Index c = 0; c < options_.count(); ++c) write_source(sums[c], i, rows, points.source + c * n * d);
    }
    for (Index c = 0; c < options_.count(); ++c) write_target(sums[c], points.target + c * m * d, execution);
    if (costs_.labels().is_used()) {
      result_.label_cost.setZero(options_.count(), joint_.size());
      for (const auto& table : label_sums_) result_.label_cost += (1 - costs_.labels().feature_share) * table;
    }
  }

  void add_block(const PlanSolution& solution, Index i, Index rows, Index first, Index columns, Index number,
                 std::vector<Sums>& sums, const Execution& execution) {
    RowMatrix<double> buffer, cost_buffer;
    RowMatrix<T> w(rows, std::min(tile, columns)), product;
    const bool needs_costs = (options_.coefficients.col(0).array() != 0).any();
    for (Sums& sum : sums) {
      sum.source[number].setZero(rows, costs_.width);
      sum.source_masses.row(number).setZero();
    }
    for (Index j = first; j < first + columns; j += tile) {
      const Index count = std::min(tile, first + columns - j);
      const auto block = plan_.block(i, rows, j, count, buffer, execution);
      if (needs_costs) plan_.costs_of(i, rows, j, count, cost_buffer, execution);
      auto part = w.leftCols(count);
      for (std::size_t c = 0; c < sums.size(); ++c) {
        execution.check();
        write_derivatives(solution, static_cast<Index>(c), i, j, block, cost_buffer, part);
        Sums& sum = sums[c];
        product.noalias() = part * target_points_.middleRows(j, count);
        sum.source[number] += product.template cast<double>();
        product.noalias() = part.transpose() * source_points_.middleRows(i, rows);
        sum.target.middleRows(j, count) += product.template cast<double>();
        const auto values = part.template cast<double>();
        sum.source_masses.row(number).head(rows) += values.rowwise().sum().transpose();
        sum.target_masses.segment(j, count) += values.colwise().sum().transpose();
        if (costs_.labels().is_used()) add_by_label(part, i, j, label_sums_[number].row(static_cast<Index>(c)));
      }
    }
  }

  /// (2) for the block from (i, j) on.
  template <class Block, class Part>
  void write_derivatives(const PlanSolution& solution, Index c, Index i, Index j, const Block& block,
                         const RowMatrix<double>& costs, Part& w) const {
    const double domain = options_.coefficients(c, 0), task = options_.coefficients(c, 1);
    const double per_epsilon = 1 / epsilon_;
    const auto e = plan_.has_weight().segment(j, w.cols()).transpose().array();
    const auto beta = solution.beta.col(c).segment(j, w.cols()).transpose().array();
    Eigen::RowVectorXd of_class(w.cols());  // what all rows of a class have in common
    Eigen::RowVectorXd values(w.cols());
    for_each_run(labels_.source_ids, i, w.rows(), [&](Index first, Index count) {
      write_task_part(labels_.source_ids[first], j, of_class);
      of_class.array() = domain + per_epsilon * (beta - task * of_class.array());
      for (Index k = first - i; k < first - i + count; ++k) {
        const double alpha = per_epsilon * solution.alpha(i + k, c), a = marginals_.a[i + k];
        auto row = values.array();
        row = of_class.array() + alpha;
        if (domain != 0) row -= (per_epsilon * costs_.unit * domain) * costs.row(k).head(w.cols()).array();
        row *= a * e * block.row(k).array();
        w.row(k) = values.template cast<T>();
      }
    });
  }

  template <class Part, class Table>
  void add_by_label(const Part& w, Index i, Index j, Table&& table /* (C_s C_t,) */) const {
    for (Index k = 0; k < w.rows(); ++k) {
      const Index of_class = labels_.source_ids[i + k] * labels_.n_target_classes;
      for (Index l = 0; l < w.cols(); ++l) table[of_class + labels_.target_ids[j + l]] += w(k, l);
    }
  }

  double factor() const { return 2 * costs_.labels().feature_share * std::sqrt(costs_.unit); }

  void write_source(const Sums& sums, Index i, Index rows, T* to /* (n, d) */) const {
    const Index d = costs_.width;
    const Eigen::RowVectorXd apart = costs_.between_centres().transpose();
    for (Index k = 0; k < rows; ++k) {
      Eigen::RowVectorXd gradient = sums.source_masses.col(k).sum() * (costs_.source_points().row(i + k) + apart);
      for (const RowMatrix<double>& part : sums.source) gradient -= part.row(k);
      Eigen::Map<Eigen::RowVectorX<T>>(to + (i + k) * d, d) = (factor() * gradient).template cast<T>();
    }
  }

  void write_target(const Sums& sums, T* to /* (m, d) */, const Execution& execution) const {
    const Index d = costs_.width;
    const Eigen::RowVectorXd apart = costs_.between_centres().transpose();
    parallel_for_pieces(plan_.m(), 64, execution, [&](Index first, Index count) {
      for (Index j = first; j < first + count; ++j)
        Eigen::Map<Eigen::RowVectorX<T>>(to + j * d, d) =
            (factor() * (sums.target_masses[j] * (costs_.target_points().row(j) - apart) - sums.target.row(j)))
                .template cast<T>();
    });
  }

  static constexpr Index panel = 128, tile = 512, most_blocks = 16;
  const PointCost<double>& costs_;
  double epsilon_;
  Points source_points_, target_points_;  // (n, d), (m, d) as products read them
  const Marginals& marginals_;
  const LabelPair& labels_;
  const OTCEGradientOptions& options_;
  const Execution& execution_;
  ConditionalPlan plan_;
  Eigen::VectorXd row_sums_, column_sums_;     // (n,) M e, (m,) M^T a
  SideSums domain_;                            // of costs as their source sees them
  RowMatrix<double> joint_, lambda_;           // (C_s, C_t)
  std::vector<RowMatrix<double>> label_sums_;  // for each block of columns (k, C_s C_t)
  OTCEGradient result_;
};

/// Rows of a (k, size) or (k, size, d) array from one order to another: to[order[i]] = from[i].
template <class V>
void reorder(const std::vector<Index>& order, Index width, V* values /* (k, size, width) */, Index k) {
  const Index size = static_cast<Index>(order.size());
  for (Index c = 0; c < k; ++c) {
    Eigen::Map<RowMatrix<V>> all(values + c * size * width, size, width);
    const RowMatrix<V> sorted = all;
    for (Index i = 0; i < size; ++i) all.row(order[i]) = sorted.row(i);
  }
}

}  // namespace detail

/// Solves the transport, and finds the derivatives of combinations of the two differences at its plan, for a fixed
/// epsilon. There are none where epsilon is lost in the rounding of costs.
template <class T>
OTCEGradient otce_gradient(const OTCEProblem<T>& problem, const OTCEGradientOptions& options,
                           const PointGradients<T>& points, const Execution& execution) {
  const Index n = problem.transport.n();
  const std::vector<Index> order = sorted_by_class(problem.labels, n);
  const ByClass<T> sorted(problem, order);
  const TransportProblem<T>& t = sorted.problem.transport;
  OTCEGradient result;
  const double passes = 50 * static_cast<double>(options.count());
  const double entries = static_cast<double>(n) * static_cast<double>(t.m());
  with_team(execution, t.work() + passes * entries, [&](const Execution& team) {
    std::optional<SinkhornSolution> solution = sinkhorn_in_single(t, sorted.problem.marginals, sorted.problem.initial,
                                                                  sorted.problem.labels, options.transport, team);
    const PointCost<double> costs(t.source, t.target, t.rows, t.columns, t.label_cost, team);
    Cost<double> cost(costs);
    if (!solution)
      solution = solve<double>(cost, sorted.problem.marginals, cost_scale(costs, team), sorted.problem.initial,
                               sorted.problem.labels, options.transport, team);
    if (solution->f.size() == n) {
      const double epsilon = solution->epsilon / costs.unit;
      const Eigen::VectorXd row = (solution->f / costs.unit - costs.source_part) / epsilon;
      const Eigen::VectorXd column = (solution->g / costs.unit - costs.target_part) / epsilon;
      result =
          detail::OTCEAdjoint<T>(costs, cost.release(), sorted.problem, solution->epsilon, row, column, options, team)
              .run(points);
    }
    result.transport = *std::move(solution);
  });
  if (result.transport.f.size() < n) return result;
  const Eigen::VectorXd potentials = result.transport.f;
  for (Index i = 0; i < n; ++i) result.transport.f[order[i]] = potentials[i];
  detail::reorder(order, t.source.cols(), points.source, options.count());
  detail::reorder(order, 1, result.source_weights.data(), options.count());
  return result;
}

}  // namespace transferscore

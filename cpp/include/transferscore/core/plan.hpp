// What is read from a plan that is given by its potentials (core/sweep.hpp): sums over it, or the plan itself.
#pragma once

#include "label_table.hpp"
#include "sweep.hpp"

namespace transferscore {

/// Sums over a plan.
struct PlanSums {
  Eigen::VectorXd r;        // (n,) row marginals
  Eigen::VectorXd c;        // (m,) column marginals
  double cost = 0;          // sum_ij P_ij C_ij
  RowMatrix<double> joint;  // (C_s, C_t) mass by class, where labels are given
};

/// Adds a piece of the plan to the table, runs of rows of one class together.
template <class Piece>
void add_by_class(const Piece& plan /* (rows, columns) */, Index first_row, Index first_column, const LabelPair& labels,
                  LabelTable& table) {
  Eigen::RowVectorX<typename Piece::Scalar> sum;
  for (Index k = 0, end; k < plan.rows(); k = end) {
    const std::int32_t id = labels.source_ids[first_row + k];
    for (end = k + 1; end < plan.rows() && labels.source_ids[first_row + end] == id;) ++end;
    sum = plan.row(k);  // row by row: Eigen would go down each column, from one cache line to the next
    for (Index other = k + 1; other < end; ++other) sum += plan.row(other);
    table.add(id, first_column, sum);
  }
}

/// Marginals, cost and label table of the plan of given potentials, in one pass. It is quick where rows of a class lie
/// next to each other.
template <class S, class C>
PlanSums plan_sums(const Cost<C>& cost, double epsilon, const Marginals& marginals,
                   const Eigen::VectorXd& row /* (n,) */, const Eigen::VectorXd& column /* (m,) */,
                   const LabelPair& labels, const Execution& whole) {
  const Execution execution = whole.for_step(exponential * cost.entries());
  const Index n = cost.n(), m = cost.m(), width = std::min(m, Cost<C>::tile_columns);
  const C per_epsilon = static_cast<C>(1 / epsilon);
  const RoundedColumns<C> rounded(marginals.weighted(column));
  const Eigen::VectorX<S> weights = rounded.corrections.matrix().template cast<S>();
  const Eigen::VectorXd row_exponents = row.array() + marginals.a.array().log();
  const Stripes stripes(n);
  ColumnSums<S> sums(stripes.count(), m);
  PlanSums result{
      Eigen::VectorXd::Zero(n), {}, 0, RowMatrix<double>::Zero(labels.n_source_classes, labels.n_target_classes)};
  std::vector<double> costs(stripes.count(), 0);
  std::vector<LabelTable> tables;
  for (Index stripe = 0; stripe < stripes.count(); ++stripe)
    tables.emplace_back(labels, stripes.first(stripe), stripes.end(stripe));
  const Index rows_at_once = cost.is_in_memory() ? 8 : 64;  // few stay in the nearest cache, many multiply well

  parallel_for(stripes.count(), execution, [&](Index stripe) {
    typename ColumnSums<S>::OfStripe columns(sums, stripe);
    RowMatrix<C> tile_buffer;
    RowMatrix<S> plan(rows_at_once, width);
    for (Index i = stripes.first(stripe); i < stripes.end(stripe); i += rows_at_once) {
      const Index rows = std::min(rows_at_once, stripes.end(stripe) - i);
      Eigen::VectorX<S> u(rows);
      for (Index k = 0; k < rows; ++k) {
        const double exponent = row_exponents[i + k];
        u[k] = marginals.a[i + k] > 0
                   ? static_cast<S>(std::exp(exponent - static_cast<double>(static_cast<S>(exponent))))
                   : S{0};
      }
      for (Index j = 0; j < m; j += width) {
        execution.check();
        auto p = plan.topLeftCorner(rows, std::min(width, m - j));
        const auto c = cost.tile(i, rows, j, p.cols(), tile_buffer);
        const auto w = weights.segment(j, p.cols());
        const auto exponents = rounded.exponents.segment(j, p.cols());
        for (Index k = 0; k < rows; ++k) {
          prefetch(c.data() + (k + 1) * c.outerStride(), c.cols());
          const C exponent = static_cast<C>(static_cast<S>(std::max(row_exponents[i + k], lowest<C>)));
          const auto terms = ((exponents - c.row(k).array() * per_epsilon) + exponent).template cast<S>();
          p.row(k).array() = terms.max(least_exponent<S>).exp() * (w.transpose().array() * u[k]);
        }
        const Eigen::VectorXd mass = p.rowwise().sum().template cast<double>();
        result.r.segment(i, rows) += mass;
        costs[stripe] += p.cwiseProduct(c.template cast<S>()).rowwise().sum().template cast<double>().sum();
        columns.add(j, p, Eigen::VectorX<S>::Ones(rows));
        if (labels.is_given()) add_by_class(p, i, j, labels, tables[stripe]);
      }
      columns.added(rows);
    }
  });

  result.c = sums.total(execution);
  for (const double part : costs) result.cost += part;
  const CostSource<C>& source = cost.source();
  result.cost = (result.cost + result.r.dot(source.source_part) + result.c.dot(source.target_part)) * source.unit;
  if (labels.is_given())
    for (const LabelTable& table : tables) table.add_to(result.joint);
  return result;
}

/// Writes the plan itself, in double precision.
template <class C>
void write_plan(const CostSource<C>& source, double epsilon, const Marginals& marginals,
                const Eigen::VectorXd& row /* (n,) */, const Eigen::VectorXd& column /* (m,) */,
                Eigen::Map<RowMatrix<double>> plan /* (n, m) */, const Execution& execution) {
  constexpr Index rows_at_once = 64;
  const Cost<C> cost(source);
  parallel_for_pieces(cost.n(), rows_at_once, execution, [&](Index i, Index rows) {
    RowMatrix<C> buffer;
    Eigen::RowVectorXd masses(std::min(Cost<C>::tile_columns, cost.m()));  // bits don't depend on where the plan lies
    for (Index j = 0; j < cost.m(); j += Cost<C>::tile_columns) {
      execution.check();
      const auto c = cost.tile(i, rows, j, std::min(Cost<C>::tile_columns, cost.m() - j), buffer);
      for (Index k = 0; k < rows; ++k) {
        const auto exponents = column.segment(j, c.cols()).transpose().array() + row[i + k] -
                               c.row(k).array().template cast<double>() / epsilon;
        masses.head(c.cols()).array() =
            exponents.exp() * marginals.a[i + k] * marginals.b.segment(j, c.cols()).transpose().array();
        plan.row(i + k).segment(j, c.cols()) = masses.head(c.cols());
      }
    }
  });
}

/// Moves a plan to one with exactly these marginals (Altschuler, Weed, Rigollet, NeurIPS 2017, algorithm 2).
inline void round_plan(const Marginals& marginals, Eigen::Map<RowMatrix<double>> plan /* (n, m) */,
                       const Execution& execution) {
  const Index n = plan.rows(), m = plan.cols();
  // In order, one by one: the bits of Eigen's sums depend on where in memory the plan lies.
  const auto sum_of_row = [&](Index i) {
    double sum = 0;
    for (Index j = 0; j < m; ++j) sum += plan(i, j);
    return sum;
  };
  const auto for_each_row = [&](const auto& body) {
    parallel_for_pieces(n, 64, execution, [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) body(i);
    });
  };
  for_each_row([&](Index i) {
    const double sum = sum_of_row(i);
    if (sum > marginals.a[i]) plan.row(i) *= marginals.a[i] / sum;
  });
  Eigen::RowVectorXd column_sums = Eigen::RowVectorXd::Zero(m);
  parallel_for_pieces(m, 256, execution, [&](Index first, Index count) {
    for (Index i = 0; i < n; ++i) column_sums.segment(first, count) += plan.row(i).segment(first, count);
  });
  const Eigen::RowVectorXd b = marginals.b.transpose();
  const Eigen::RowVectorXd factors = (column_sums.array() > b.array()).select(b.array() / column_sums.array(), 1.0);
  Eigen::VectorXd missing_rows(n);
  for_each_row([&](Index i) {
    plan.row(i).array() *= factors.array();
    missing_rows[i] = std::max(0.0, marginals.a[i] - sum_of_row(i));
  });
  const Eigen::RowVectorXd missing_columns = (b - column_sums.cwiseProduct(factors)).cwiseMax(0.0);
  const double missing = missing_columns.sum();
  if (missing > 0) for_each_row([&](Index i) { plan.row(i) += missing_rows[i] / missing * missing_columns; });
}

}  // namespace transferscore

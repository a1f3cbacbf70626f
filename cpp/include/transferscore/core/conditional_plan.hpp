// A transport plan as rows that each add up to about one, stored or computed anew, and the linear system that says how
// its potentials move.
//
//   P_ij = a_i M_ij e_j,  M_ij = b'_j exp(row_i + column_j - C_ij / epsilon)
//
// e_j is 0 for a column of no weight and 1 for the others; b' is the weight, or a nominal one where there is none. So
// nothing is divided by a weight of zero.
#pragma once

#include "sweep.hpp"

namespace transferscore {

/// M, in double precision.
class ConditionalPlan {
 public:
  using Rows = Eigen::Map<const RowMatrix<double>, 0, Eigen::OuterStride<>>;

  ConditionalPlan(const CostSource<double>& costs, double epsilon, const Marginals& marginals,
                  const Eigen::VectorXd& row /* (n,) */, const Eigen::VectorXd& column /* (m,) */)
      : costs_(costs), per_epsilon_(1 / epsilon), row_(row), has_weight_((marginals.b.array() > 0).cast<double>()) {
    const double nominal = 1 / static_cast<double>(m());
    column_ = column.array() + (marginals.b.array() > 0).select(marginals.b.array(), nominal).log();
  }

  Index n() const { return costs_.n; }
  Index m() const { return costs_.m; }
  double entries() const { return static_cast<double>(n()) * static_cast<double>(m()); }
  const CostSource<double>& costs() const { return costs_; }
  const Eigen::VectorXd& has_weight() const { return has_weight_; }  // (m,) e
  bool is_stored() const { return stored_.rows() > 0; }
  double work_of_a_pass() const {
    return entries() * (is_stored() ? 1 : exponential + static_cast<double>(costs_.width));
  }
  /// Rows to be read at once: from memory as many as stay in cache, otherwise as many as multiply well.
  Index rows_at_once() const { return is_stored() ? StoredKernel<double>::rows_in_cache(m()) : Index{64}; }

  /// n * m * 8 bytes for what `make` makes.
  void prepare_to_store() { stored_ = LargeMatrix<double>(n(), m()); }
  /// Likewise, in the place of costs that are in memory.
  void prepare_to_store(LargeMatrix<double> costs) {
    stored_ = std::move(costs);
    has_costs_ = true;
  }

  /// M of some rows together with their costs; from then on it is read from memory, where that is prepared.
  Rows make(Index i, Index rows, RowMatrix<double>& buffer, RowMatrix<double>& costs, const Execution& execution) {
    if (costs.rows() < rows) costs.resize(rows, m());
    if (!is_stored() && buffer.rows() < rows) buffer.resize(rows, m());
    double* const to = is_stored() ? stored_.data() + i * m() : buffer.data();
    Eigen::Map<RowMatrix<double>> made(to, rows, m());
    for (Index j = 0; j < m(); j += Cost<double>::tile_columns) {
      execution.check();
      const Index columns = std::min(Cost<double>::tile_columns, m() - j);
      auto tile = costs.block(0, j, rows, columns);
      if (has_costs_) {
        tile = made.middleCols(j, columns);
      } else {
        costs_.write(i, j, tile);
      }
      exponentiate(i, j, tile, made.middleCols(j, columns));
    }
    return {to, rows, m(), Eigen::OuterStride<>(m())};
  }

  /// M of some rows and columns, in the buffer where it is not stored.
  Rows block(Index i, Index rows, Index j, Index columns, RowMatrix<double>& buffer, const Execution& execution) const {
    if (is_stored()) return {stored_.data() + i * m() + j, rows, columns, Eigen::OuterStride<>(m())};
    if (buffer.rows() < rows || buffer.cols() < columns) buffer.resize(rows, columns);
    for (Index k = 0; k < columns; k += Cost<double>::tile_columns) {
      execution.check();
      auto tile = buffer.block(0, k, rows, std::min(Cost<double>::tile_columns, columns - k));
      costs_.write(i, j + k, tile);
      exponentiate(i, j + k, tile, tile);
    }
    return {buffer.data(), rows, columns, Eigen::OuterStride<>(buffer.cols())};
  }

  /// Costs of some rows and columns, as the source of costs sees them.
  Rows costs_of(Index i, Index rows, Index j, Index columns, RowMatrix<double>& buffer,
                const Execution& execution) const {
    if (buffer.rows() < rows || buffer.cols() < columns) buffer.resize(rows, columns);
    for (Index k = 0; k < columns; k += Cost<double>::tile_columns) {
      execution.check();
      costs_.write(i, j + k, buffer.block(0, k, rows, std::min(Cost<double>::tile_columns, columns - k)));
    }
    return {buffer.data(), rows, columns, Eigen::OuterStride<>(buffer.cols())};
  }

 private:
  template <class Tile, class Out>
  void exponentiate(Index i, Index j, const Tile& costs, Out&& to) const {
    constexpr double largest = 700;  // a point and another of no weight may be as near as they like
    const auto columns = column_.segment(j, costs.cols()).transpose().array();
    for (Index k = 0; k < costs.rows(); ++k)
      to.row(k).array() =
          (columns + row_[i + k] - costs.row(k).array() * per_epsilon_).min(largest).max(least_exponent<double>).exp();
  }

  const CostSource<double>& costs_;
  double per_epsilon_;
  Eigen::VectorXd row_, column_;  // (n,), (m,) with log b'
  Eigen::VectorXd has_weight_;    // (m,)
  LargeMatrix<double> stored_;    // (n, m) or empty
  bool has_costs_ = false;        // where the plan has not been made yet
};

/// Solutions for k right-hand sides, with how well they solve.
struct PlanSolution {
  Eigen::MatrixXd alpha;      // (n, k)
  Eigen::MatrixXd beta;       // (m, k)
  Eigen::VectorXd residuals;  // (k,) relative
  Index n_iter = 0;
};

/// [[diag r, P], [P^T, diag c]] [alpha; beta] = [s; t] with the marginals r, c that the plan has, each equation divided
/// by a weight: alpha is eliminated, and conjugate gradients find beta. The same system moves the potentials of the
/// plan when costs or weights move, and carries derivatives back.
class PlanSystem {
 public:
  PlanSystem(const ConditionalPlan& plan, const Eigen::VectorXd& a /* (n,) */,
             const Eigen::VectorXd& row_sums /* (n,) M e */, const Eigen::VectorXd& column_sums /* (m,) M^T a */)
      : plan_(plan),
        a_(a),
        row_sums_(row_sums),
        column_sums_(column_sums),
        scale_(plan.has_weight().array() / column_sums.array().sqrt()),
        kernel_((plan.has_weight().array() * column_sums.array().sqrt()).matrix().normalized()) {}

  /// s = M (e o G) and t = M^T (a o G) summed over rows and columns; from `initial`, or from beta = 0 where that is
  /// nearer. `unit` is the size that terms of G may have.
  PlanSolution solve(const Eigen::MatrixXd& s /* (n, k) */, const Eigen::MatrixXd& t /* (m, k) */,
                     const Eigen::MatrixXd& initial /* (m, k) or empty */, const Eigen::VectorXd& unit /* (k,) */,
                     double tol, Index max_iter, const Execution& execution) const {
    const Index k = s.cols();
    PlanSolution solution{{}, Eigen::MatrixXd::Zero(plan_.m(), k), Eigen::VectorXd::Zero(k), 0};
    Eigen::MatrixXd residual =
        projected(scale_.asDiagonal() * remainder(s, t, solution.beta, solution.alpha, execution));
    const Eigen::VectorXd size = residual.colwise().norm();
    // Right-hand sides that cancel leave rounding, which is no reason to go on.
    constexpr double rounding = 64 * std::numeric_limits<double>::epsilon();
    const Eigen::VectorXd floor = rounding * unit.cwiseMax(Eigen::VectorXd((scale_.asDiagonal() * t).colwise().norm()));
    const Eigen::VectorXd aim = (tol * size).cwiseMax(floor);

    Eigen::MatrixXd found = Eigen::MatrixXd::Zero(plan_.m(), k);
    if (initial.size() > 0) start_at(initial, s, t, found, residual, execution);
    Eigen::MatrixXd direction = residual;
    Eigen::VectorXd squared = residual.colwise().squaredNorm();
    const Eigen::MatrixXd no_s = Eigen::MatrixXd::Zero(plan_.n(), k), no_t = Eigen::MatrixXd::Zero(plan_.m(), k);
    for (; solution.n_iter < max_iter && (squared.array().sqrt() > aim.array()).any(); ++solution.n_iter) {
      const Eigen::MatrixXd image =
          scale_.asDiagonal() * -remainder(no_s, no_t, scale_.asDiagonal() * direction, solution.alpha, execution);
      for (Index c = 0; c < k; ++c) {
        const double curvature = direction.col(c).dot(image.col(c));
        if (!(std::sqrt(squared[c]) > aim[c]) || !(curvature > 0)) continue;
        const double length = squared[c] / curvature;
        found.col(c) += length * direction.col(c);
        residual.col(c) -= length * image.col(c);
        residual.col(c) -= kernel_ * kernel_.dot(residual.col(c));
        const double next = residual.col(c).squaredNorm();
        direction.col(c) = residual.col(c) + next / squared[c] * direction.col(c);
        squared[c] = next;
      }
    }
    solution.beta = scale_.asDiagonal() * found;
    // What counts is the remainder of the solution that is returned; it gives the columns of no weight as well.
    const Eigen::MatrixXd rest = remainder(s, t, solution.beta, solution.alpha, execution);
    const Eigen::VectorXd left = projected(scale_.asDiagonal() * rest).colwise().norm();
    for (Index c = 0; c < k; ++c) solution.residuals[c] = left[c] > 4 * floor[c] ? left[c] / size[c] : 0;
    const Eigen::VectorXd weightless = (1 - plan_.has_weight().array()) / column_sums_.array();
    solution.beta += weightless.asDiagonal() * rest;
    return solution;
  }

 private:
  /// Columns of `initial` with a smaller residual than nothing has.
  void start_at(const Eigen::MatrixXd& initial /* (m, k) */, const Eigen::MatrixXd& s, const Eigen::MatrixXd& t,
                Eigen::MatrixXd& found, Eigen::MatrixXd& residual, const Execution& execution) const {
    Eigen::MatrixXd alpha;
    const Eigen::MatrixXd there = projected(scale_.asDiagonal() * remainder(s, t, initial, alpha, execution));
    const Eigen::VectorXd sizes = plan_.has_weight().array() * column_sums_.array().sqrt();
    for (Index c = 0; c < initial.cols(); ++c) {
      if (!(there.col(c).norm() < residual.col(c).norm())) continue;
      residual.col(c) = there.col(c);
      found.col(c) = sizes.cwiseProduct(initial.col(c));
    }
  }

  Eigen::MatrixXd projected(Eigen::MatrixXd v /* (m, k) */) const {
    v -= kernel_ * (kernel_.transpose() * v);
    return v;
  }

  /// t - c' beta - M^T (a o alpha), with alpha = (s - M e beta) / r'.
  Eigen::MatrixXd remainder(const Eigen::MatrixXd& s /* (n, k) */, const Eigen::MatrixXd& t /* (m, k) */,
                            const Eigen::MatrixXd& beta /* (m, k) */, Eigen::MatrixXd& alpha /* (n, k) */,
                            const Execution& whole) const {
    const Index n = plan_.n(), m = plan_.m(), k = s.cols();
    const Execution execution = whole.for_step(plan_.work_of_a_pass());
    const Eigen::MatrixXd weighted = plan_.has_weight().asDiagonal() * beta;
    const Stripes stripes(n);
    ColumnSums<double> sums(stripes.count(), m * k);
    alpha.resize(n, k);
    parallel_for(stripes.count(), execution, [&](Index stripe) {
      ColumnSums<double>::OfStripe columns(sums, stripe);
      RowMatrix<double> buffer;
      const Index at_once = plan_.rows_at_once();
      for (Index i = stripes.first(stripe); i < stripes.end(stripe); i += at_once) {
        const Index rows = std::min(at_once, stripes.end(stripe) - i);
        const auto block = plan_.block(i, rows, 0, m, buffer, execution);
        for (Index c = 0; c < k; ++c) {
          auto part = alpha.col(c).segment(i, rows);
          part = (s.col(c).segment(i, rows) - sums_over_columns<double>(block, weighted.col(c)))
                     .cwiseQuotient(row_sums_.segment(i, rows));
          columns.add(c * m, block, a_.segment(i, rows).cwiseProduct(part).eval());
        }
        columns.added(rows);
      }
    });
    const Eigen::VectorXd total = sums.total(execution);
    return t - column_sums_.asDiagonal() * beta - Eigen::Map<const Eigen::MatrixXd>(total.data(), m, k);
  }

  const ConditionalPlan& plan_;
  const Eigen::VectorXd& a_;
  Eigen::VectorXd row_sums_, column_sums_;
  Eigen::VectorXd scale_;   // (m,) e / sqrt(c')
  Eigen::VectorXd kernel_;  // (m,) the direction along which a constant moves from alpha to beta
};

}  // namespace transferscore

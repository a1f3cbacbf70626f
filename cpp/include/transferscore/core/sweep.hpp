// Sweeps: full Sinkhorn iterations in one pass over the costs.
//
//   P_ij = a_i b_j exp(row_i + column_j - C_ij / epsilon)
//
// `row` and `column` are the potentials in units of epsilon. While a block of rows is in cache, its sums give the new
// row potentials, and with these the block adds to the column sums. The plan itself is never stored.
#pragma once

#include <cmath>
#include <numeric>
#include <optional>

#include "column_sums.hpp"
#include "cost.hpp"

namespace transferscore {

/// Weights of the two sides, each adding up to one; zeros are allowed.
struct Marginals {
  Eigen::VectorXd a;  // (n,)
  Eigen::VectorXd b;  // (m,)

  /// column_j + log b_j; minus infinity for weights of zero.
  Eigen::VectorXd weighted(const Eigen::VectorXd& column /* (m,) */) const { return column.array() + b.array().log(); }
  /// Column sums per weight; columns of no weight are always right.
  Eigen::VectorXd per_weight(const Eigen::ArrayXd& sums /* (m,) */) const {
    return (b.array() > 0).select(sums / b.array(), 1.0);
  }
};

inline Marginals uniform_marginals(Index n, Index m) {
  return {Eigen::VectorXd::Constant(n, 1.0 / static_cast<double>(n)),
          Eigen::VectorXd::Constant(m, 1.0 / static_cast<double>(m))};
}

/// What a sweep finds for given column potentials.
struct Sweep {
  Eigen::VectorXd row;      // (n,) potentials that make every row right
  Eigen::VectorXd sums;     // (m,) what the column marginals are then, in units of b
  std::vector<Index> lost;  // columns whose terms fell below the range of the type
};

/// An exponent that stands for minus infinity where infinities would meet.
template <class C>
constexpr double lowest = sizeof(C) == 4 ? -1e30 : -1e300;

/// Exponents of the columns, rounded to the type of costs that are subtracted from them, and what makes good for it.
template <class C>
struct RoundedColumns {
  Eigen::Array<C, 1, Eigen::Dynamic> exponents;  // (m,) column + log b
  Eigen::ArrayXd corrections;                    // (m,) exp(column + log b - exponents), 0 for weights of zero

  explicit RoundedColumns(const Eigen::VectorXd& weighted /* (m,) */)
      : exponents(weighted.cwiseMax(lowest<C>).template cast<C>().transpose().array()),
        corrections((weighted.array() - exponents.transpose().template cast<double>()).exp()) {}
};

/// Multiplications that take as long as one exponential.
constexpr double exponential = 4;

/// What a type can lose below its range without a sum noticing.
template <class S>
constexpr double least_share = sizeof(S) == 4 ? 1e-30 : 1e-290;

/// Least over the entries that carry weight.
inline double least_where_weighted(const Eigen::VectorXd& values, const Eigen::VectorXd& weights) {
  return (weights.array() > 0).select(values.array(), std::numeric_limits<double>::infinity()).minCoeff();
}

/// b_j exp(column_j - C_ij / epsilon), each row scaled to a maximum of one, kept in memory for many sweeps.
template <class S>
class StoredKernel {
 public:
  bool is_empty() const { return kernel_.rows() == 0; }
  void clear() { kernel_ = {}; }
  /// A sweep that reads the matrix once; none where potentials have moved too far from those that the kernel was made
  /// with.
  std::optional<Sweep> sweep(const Marginals& marginals, const Eigen::VectorXd& column /* (m,) */,
                             const Execution& whole) const {
    const Index n = kernel_.rows(), m = kernel_.cols();
    const Execution execution = whole.for_step(static_cast<double>(n) * static_cast<double>(m));
    Sweep result{Eigen::VectorXd(n), {}, {}};
    const Eigen::ArrayXd scaling =
        (marginals.b.array() > 0).select((marginals.weighted(column) - exponents_).array().exp(), 0.0);
    const double largest = scaling.maxCoeff();
    if (!(largest > 0 && largest < 1e300)) return std::nullopt;
    const Eigen::VectorX<S> w = (scaling / largest).matrix().template cast<S>();
    const Stripes stripes(n);
    ColumnSums<S> sums(stripes.count(), m);
    Eigen::VectorXd coefficients(n);
    const Index rows_at_once = std::clamp<Index>(96 * 1024 / m, 1, 64);

    parallel_for(stripes.count(), execution, [&](Index stripe) {
      typename ColumnSums<S>::OfStripe columns(sums, stripe);
      for (Index i = stripes.first(stripe); i < stripes.end(stripe); i += rows_at_once) {
        const Index rows = std::min(rows_at_once, stripes.end(stripe) - i);
        const auto block = kernel_.view().middleRows(i, rows);
        Eigen::VectorXd r = Eigen::VectorXd::Zero(rows);
        for (Index j = 0; j < m; j += segment) {
          const Index count = std::min(segment, m - j);
          r += (block.middleCols(j, count) * w.segment(j, count)).template cast<double>();
        }
        const auto a = marginals.a.segment(i, rows).array();
        coefficients.segment(i, rows) = (a > 0).select(a / r.array(), 0.0);
        result.row.segment(i, rows) = r;
        const Eigen::VectorX<S> u = coefficients.segment(i, rows).template cast<S>();
        for (Index j = 0; j < m; j += segment) columns.add(j, block.middleCols(j, std::min(segment, m - j)), u);
        columns.added(rows);
      }
    });

    result.sums = sums.total(execution);
    if (!(least_where_weighted(result.row, marginals.a) > least_share<S> * w.sum()) ||
        !(least_where_weighted(result.sums, marginals.b) > least_share<S> * coefficients.sum()))
      return std::nullopt;
    result.row = -((result.row.array() * largest).log() + shift_.array());
    result.sums = marginals.per_weight(result.sums.array() * scaling / largest);
    return result;
  }

 private:
  template <class S2, class C>
  friend Sweep log_domain_sweep(const Cost<C>&, double, const Marginals&, const Eigen::VectorXd&, StoredKernel<S2>*,
                                const Execution&);
  static constexpr Index segment = 2048;

  LargeMatrix<S> kernel_;      // (n, m)
  Eigen::VectorXd exponents_;  // (m,) column + log b that are in it
  Eigen::VectorXd shift_;      // (n,) logarithm of what each row was divided by
};

/// A sweep that is right whatever the potentials are: each row is scaled by its largest term. Keeps the kernel if
/// asked.
template <class S, class C>
Sweep log_domain_sweep(const Cost<C>& cost, double epsilon, const Marginals& marginals,
                       const Eigen::VectorXd& column /* (m,) */, StoredKernel<S>* keep, const Execution& whole) {
  const Execution execution = whole.for_step(exponential * cost.entries());
  const Index n = cost.n(), m = cost.m(), width = Cost<C>::tile_columns, n_tiles = (m + width - 1) / width;
  const C per_epsilon = static_cast<C>(1 / epsilon);
  const RoundedColumns<C> rounded(marginals.weighted(column));
  const Eigen::VectorX<S> weights = rounded.corrections.matrix().template cast<S>();
  Sweep result{Eigen::VectorXd(n), {}, {}};
  if (keep != nullptr) {
    if (keep->is_empty()) keep->kernel_ = LargeMatrix<S>(n, m);
    keep->exponents_ = rounded.exponents.transpose().template cast<double>();
    keep->shift_.resize(n);
  }
  const Stripes stripes(n);
  ColumnSums<S> sums(stripes.count(), m);
  Eigen::VectorXd coefficients(n);
  const Index rows_at_once = cost.is_in_memory() ? std::clamp<Index>(96 * 1024 / m, 1, 64) : 64;

  parallel_for(stripes.count(), execution, [&](Index stripe) {
    typename ColumnSums<S>::OfStripe columns(sums, stripe);
    RowMatrix<C> tile_buffer;
    RowMatrix<S> kernel_buffer(keep == nullptr ? std::min(rows_at_once, n) : 0, keep == nullptr ? m : 0);
    Eigen::Array<C, 1, Eigen::Dynamic> terms(std::min(width, m));
    Eigen::MatrixXd largest(rows_at_once, n_tiles), tile_sums(rows_at_once, n_tiles);
    for (Index i = stripes.first(stripe); i < stripes.end(stripe); i += rows_at_once) {
      execution.check();
      const Index rows = std::min(rows_at_once, stripes.end(stripe) - i);
      S* const kernel = keep == nullptr ? kernel_buffer.data() : keep->kernel_.data() + i * m;
      const auto block = [&](Index t) {
        return Eigen::Map<RowMatrix<S>, 0, Eigen::OuterStride<>>(
            kernel + t * width, rows, std::min(width, m - t * width), Eigen::OuterStride<>(m));
      };
      for (Index t = 0; t < n_tiles; ++t) {
        auto e = block(t);
        const auto c = cost.tile(i, rows, t * width, e.cols(), tile_buffer);
        const auto exponents = rounded.exponents.segment(t * width, e.cols());
        for (Index k = 0; k < rows; ++k) {
          terms.head(e.cols()) = exponents - c.row(k).array() * per_epsilon;
          const C most = terms.head(e.cols()).maxCoeff();
          e.row(k).array() = (terms.head(e.cols()) - most).template cast<S>().exp();
          largest(k, t) = static_cast<double>(most);
        }
        tile_sums.col(t).head(rows) = (e * weights.segment(t * width, e.cols())).template cast<double>();
      }
      for (Index k = 0; k < rows; ++k) {
        const double most = largest.row(k).maxCoeff();
        const double a = marginals.a[i + k];
        largest.row(k).array() = (largest.row(k).array() - most).exp();
        const double sum = largest.row(k).dot(tile_sums.row(k));
        result.row[i + k] = -(most + std::log(sum));
        coefficients[i + k] = a / sum;
        if (keep != nullptr) keep->shift_[i + k] = most;
      }
      for (Index t = 0; t < n_tiles; ++t) {
        auto e = block(t);
        const Eigen::VectorX<S> factors = largest.col(t).head(rows).template cast<S>();
        const Eigen::VectorX<S> u = coefficients.segment(i, rows).template cast<S>().cwiseProduct(factors);
        columns.add(t * width, e, u);
        if (keep != nullptr && n_tiles > 1)
          for (Index k = 0; k < rows; ++k) e.row(k) *= factors[k];
      }
      columns.added(rows);
    }
  });

  result.sums = sums.total(execution);
  for (Index j = 0; j < m; ++j)
    if (marginals.b[j] > 0 && !(result.sums[j] > least_share<S> * coefficients.sum())) result.lost.push_back(j);
  result.sums = marginals.per_weight(result.sums.array() * rounded.corrections);
  return result;
}

/// Exact potentials of the listed columns, entry by entry in double precision, whatever their size.
template <class C>
void update_columns(const Cost<C>& cost, double epsilon, const Marginals& marginals,
                    const Eigen::VectorXd& row /* (n,) */, const std::vector<Index>& columns,
                    Eigen::VectorXd& column /* (m,) */, const Execution& execution) {
  constexpr Index piece = 64, rows_at_once = 1024;
  const Eigen::VectorXd weighted = row.array() + marginals.a.array().log();
  parallel_for_pieces(static_cast<Index>(columns.size()), piece, execution, [&](Index first, Index count) {
    const std::vector<Index> some(columns.begin() + first, columns.begin() + first + count);
    Eigen::ArrayXd most = Eigen::ArrayXd::Constant(count, -std::numeric_limits<double>::infinity());
    Eigen::ArrayXd sum = Eigen::ArrayXd::Zero(count);
    for (Index i = 0; i < cost.n(); i += rows_at_once) {
      execution.check();
      std::vector<Index> rows(std::min(rows_at_once, cost.n() - i));
      std::iota(rows.begin(), rows.end(), i);
      const RowMatrix<C> costs = cost.source().gather(rows, some);
      for (Index k = 0; k < costs.rows(); ++k) {
        if (marginals.a[i + k] == 0) continue;
        for (Index j = 0; j < count; ++j) {
          const double exponent = weighted[i + k] - static_cast<double>(costs(k, j)) / epsilon;
          if (exponent > most[j]) {
            sum[j] = sum[j] * std::exp(most[j] - exponent) + 1;
            most[j] = exponent;
          } else {
            sum[j] += std::exp(exponent - most[j]);
          }
        }
      }
    }
    for (Index j = 0; j < count; ++j) column[some[j]] = -(most[j] + std::log(sum[j]));
  });
}

}  // namespace transferscore

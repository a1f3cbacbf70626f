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
#include "compact.hpp"
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

/// The least exponent whose exponential is a normal number of the type. Smaller ones are as good as nothing in a sum,
/// but processors take many times as long for them.
template <class S>
constexpr S least_exponent = sizeof(S) == 4 ? S(-87) : S(-708);

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

/// The type in which sums over a kernel of type K are taken.
template <class K>
using Arithmetic = std::conditional_t<std::is_same_v<K, Compact>, float, K>;

/// What a type can lose below its range without a sum noticing.
template <class K>
constexpr double least_share = std::is_same_v<K, double> ? 1e-290 : 1e-30;

/// Least over the entries that carry weight.
inline double least_where_weighted(const Eigen::VectorXd& values, const Eigen::VectorXd& weights) {
  return (weights.array() > 0).select(values.array(), std::numeric_limits<double>::infinity()).minCoeff();
}

/// b_j exp(column_j - C_ij / epsilon), each row divided by its largest term, kept in memory for many sweeps. K: float,
/// double or Compact.
template <class K>
class StoredKernel {
 public:
  using S = Arithmetic<K>;

  bool is_empty() const { return kernel_.rows() == 0; }
  void clear() { kernel_ = {}; }

  /// To be filled for these exponents, some rows at a time.
  void prepare(Index n, Eigen::VectorXd exponents /* (m,) column + log b */) {
    exponents_ = std::move(exponents);
    divisors_.resize(n);
    if (is_empty()) kernel_ = LargeMatrix<K>(n, exponents_.size());
  }
  K* row(Index i) { return kernel_.data() + i * kernel_.cols(); }
  void divided(Index i, double log_of_divisor) { divisors_[i] = log_of_divisor; }

  /// A sweep that reads the matrix once; none where potentials are too far from those that the kernel was made for.
  std::optional<Sweep> sweep(const Marginals& marginals, const Eigen::VectorXd& column /* (m,) */,
                             const Execution& whole) const {
    const Index n = kernel_.rows(), m = kernel_.cols();
    const Execution execution = whole.for_step(static_cast<double>(n) * static_cast<double>(m));
    const auto has_weight = marginals.b.array() > 0;
    const Eigen::ArrayXd scaling = has_weight.select((marginals.weighted(column) - exponents_).array().exp(), 0.0);
    const double largest = scaling.maxCoeff();
    if (!(largest > 0 && largest < 1e300)) return std::nullopt;
    const Eigen::VectorX<S> weights = (scaling / largest).matrix().template cast<S>();
    Eigen::VectorXd row_sums(n), coefficients(n);
    const Stripes stripes(n);
    ColumnSums<S> sums(stripes.count(), m);

    parallel_for(stripes.count(), execution, [&](Index stripe) {
      typename ColumnSums<S>::OfStripe stripe_sums(sums, stripe);
      for (Index i = stripes.first(stripe); i < stripes.end(stripe); i += rows_in_cache(m)) {
        const Index rows = std::min(rows_in_cache(m), stripes.end(stripe) - i);
        const auto block = rows_of(i, rows);
        auto block_sums = row_sums.segment(i, rows);
        block_sums = sums_over_columns<S>(block, weights);
        const auto a = marginals.a.segment(i, rows).array();
        coefficients.segment(i, rows) = (a > 0).select(a / block_sums.array(), 0.0);
        stripe_sums.add(0, block, coefficients.segment(i, rows).template cast<S>().eval());
        stripe_sums.added(rows);
      }
    });

    const Eigen::VectorXd column_sums = sums.total(execution);
    if (!(least_where_weighted(row_sums, marginals.a) > least_share<K> * weights.sum()) ||
        !(least_where_weighted(column_sums, marginals.b) > least_share<K> * coefficients.sum()))
      return std::nullopt;
    return Sweep{-((row_sums.array() * largest).log() + divisors_.array()),
                 marginals.per_weight(column_sums.array() * scaling / largest),
                 {}};
  }

  /// As many rows as are still in cache when they are read a second time.
  static Index rows_in_cache(Index m) {
    constexpr Index bytes = 384 * 1024;
    const Index rows = std::clamp<Index>(bytes / static_cast<Index>(sizeof(K)) / m, 1, 64);
    return rows < 4 ? rows : rows / 4 * 4;
  }

 private:
  auto rows_of(Index first, Index count) const {
    if constexpr (std::is_same_v<K, Compact>) {
      const Index m = kernel_.cols();
      return CompactRows{kernel_.data() + first * m, count, m, m};
    } else {
      return kernel_.view().middleRows(first, count);
    }
  }

  LargeMatrix<K> kernel_;      // (n, m)
  Eigen::VectorXd exponents_;  // (m,) column + log b that are in it
  Eigen::VectorXd divisors_;   // (n,) logarithm of what each row was divided by
};

/// A sweep that is right whatever the potentials are: each row is scaled by its largest term.
template <class S, class C>
class LogDomainSweep {
 public:
  LogDomainSweep(const Cost<C>& cost, double epsilon, const Marginals& marginals,
                 const Eigen::VectorXd& column /* (m,) */)
      : cost_(cost),
        marginals_(marginals),
        per_epsilon_(static_cast<C>(1 / epsilon)),
        columns_(marginals.weighted(column)),
        weights_(columns_.corrections.matrix().template cast<S>()) {}

  Sweep run(const Execution& execution) const { return run<S>(nullptr, execution); }

  /// `keep`: where the kernel stays for later sweeps, or null.
  template <class K>
  Sweep run(StoredKernel<K>* keep, const Execution& whole) const {
    const Index n = cost_.n(), m = cost_.m();
    const Execution execution = whole.for_step(exponential * cost_.entries());
    Sweep result{Eigen::VectorXd(n), {}, {}};
    Eigen::VectorXd coefficients(n);
    if (keep != nullptr) keep->prepare(n, columns_.exponents.transpose().template cast<double>());
    const Stripes stripes(n);
    ColumnSums<S> sums(stripes.count(), m);
    const Index rows_at_once = std::min(n, cost_.is_in_memory() ? StoredKernel<K>::rows_in_cache(m) : 64);
    constexpr bool in_place = std::is_same_v<K, S>;

    parallel_for(stripes.count(), execution, [&](Index stripe) {
      typename ColumnSums<S>::OfStripe stripe_sums(sums, stripe);
      Block block(rows_at_once, m, cost_.row_piece(), keep == nullptr || !in_place);
      for (Index i = stripes.first(stripe); i < stripes.end(stripe); i += rows_at_once) {
        block.first_row = i;
        block.rows = std::min(rows_at_once, stripes.end(stripe) - i);
        if constexpr (in_place)
          if (keep != nullptr) block.values = keep->row(i);
        for (Index t = 0; t < block.n_tiles; ++t) {
          execution.check();
          exponentiate(block, t);
        }
        settle_rows(block, result.row, coefficients, keep);
        for (Index t = 0; t < block.n_tiles; ++t) add_to_columns(block, t, coefficients, keep != nullptr, stripe_sums);
        stripe_sums.added(block.rows);
        if constexpr (!in_place)
          if (keep != nullptr) narrow(block.values, block.rows * m, keep->row(i));
      }
    });

    result.sums = sums.total(execution);
    for (Index j = 0; j < m; ++j)
      if (marginals_.b[j] > 0 && !(result.sums[j] > least_share<S> * coefficients.sum())) result.lost.push_back(j);
    result.sums = marginals_.per_weight(result.sums.array() * columns_.corrections);
    return result;
  }

 private:
  /// A block of rows of the kernel in tiles; in each tile a row is divided by its largest term there.
  struct Block {
    Block(Index most_rows, Index columns, Index tile_width, bool needs_values)
        : m(columns),
          width(tile_width),
          n_tiles((m + width - 1) / width),
          own(needs_values ? most_rows : 0, needs_values ? m : 0),
          values(own.data()),
          terms(width),
          largest(most_rows, n_tiles),
          sums(most_rows, n_tiles) {}

    Eigen::Map<RowMatrix<S>, 0, Eigen::OuterStride<>> tile(Index t) const {
      return {values + t * width, rows, std::min(width, m - t * width), Eigen::OuterStride<>(m)};
    }

    Index m, width, n_tiles, first_row = 0, rows = 0;
    RowMatrix<S> own;
    S* values;                                 // (rows, m)
    RowMatrix<C> costs;                        // (rows, width) where they are not in memory
    Eigen::Array<C, 1, Eigen::Dynamic> terms;  // (width,) logarithms of one row of a tile
    Eigen::MatrixXd largest;                   // (rows, tiles) logarithms of what rows are divided by
    Eigen::MatrixXd sums;                      // (rows, tiles) after that
  };

  void exponentiate(Block& block, Index t) const {
    auto tile = block.tile(t);
    const Index first = t * block.width;
    const auto costs = cost_.tile(block.first_row, block.rows, first, tile.cols(), block.costs);
    const auto exponents = columns_.exponents.segment(first, tile.cols());
    auto terms = block.terms.head(tile.cols());
    for (Index k = 0; k < block.rows; ++k) {
      prefetch(costs.data() + (k + 1) * costs.outerStride(), costs.cols());
      terms = exponents - costs.row(k).array() * per_epsilon_;
      const C most = terms.maxCoeff();
      tile.row(k).array() = (terms - most).template cast<S>().max(least_exponent<S>).exp();
      block.largest(k, t) = static_cast<double>(most);
    }
    block.sums.col(t).head(block.rows) = sums_over_columns<S>(tile, weights_.segment(first, tile.cols()));
  }

  /// Row potentials and what rows count in columns; `largest` becomes what tiles are to be multiplied by.
  template <class K>
  void settle_rows(Block& block, Eigen::VectorXd& row, Eigen::VectorXd& coefficients, StoredKernel<K>* keep) const {
    for (Index k = 0; k < block.rows; ++k) {
      const Index i = block.first_row + k;
      auto factors = block.largest.row(k);
      const double most = factors.maxCoeff();
      factors.array() = (factors.array() - most).exp();
      const double sum = factors.dot(block.sums.row(k));
      row[i] = -(most + std::log(sum));
      coefficients[i] = marginals_.a[i] / sum;
      if (keep != nullptr) keep->divided(i, most);
    }
  }

  void add_to_columns(Block& block, Index t, const Eigen::VectorXd& coefficients, bool is_kept,
                      typename ColumnSums<S>::OfStripe& sums) const {
    auto tile = block.tile(t);
    const auto factors = block.largest.col(t).head(block.rows);
    const auto rows = coefficients.segment(block.first_row, block.rows);
    sums.add(t * block.width, tile, rows.cwiseProduct(factors).template cast<S>().eval());
    if (is_kept && block.n_tiles > 1)
      for (Index k = 0; k < block.rows; ++k) tile.row(k) *= static_cast<S>(factors[k]);
  }

  const Cost<C>& cost_;
  const Marginals& marginals_;
  C per_epsilon_;
  RoundedColumns<C> columns_;
  Eigen::VectorX<S> weights_;  // (m,)
};

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

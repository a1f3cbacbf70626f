// Sums over the rows of tall blocks, by columns: the same for any number of threads.
#pragma once

#include "compact.hpp"
#include "parallel.hpp"

namespace transferscore {

/// Rows that one task works through, in order. They depend on the size alone, hence so does every sum.
class Stripes {
 public:
  explicit Stripes(Index n) : n_(n), rows_(std::max<Index>(64, (n + 31) / 32)) {}
  Index count() const { return (n_ + rows_ - 1) / rows_; }
  Index first(Index stripe) const { return stripe * rows_; }
  Index end(Index stripe) const { return std::min(n_, (stripe + 1) * rows_); }

 private:
  Index n_, rows_;
};

/// Sums of rows times weights, short ones in S, long ones in double: (rows,)
template <class S, class Rows>
Eigen::VectorXd sums_over_columns(const Eigen::MatrixBase<Rows>& rows /* (rows, columns) */,
                                  const Eigen::Ref<const Eigen::VectorX<S>>& weights /* (columns,) */) {
  constexpr Index piece = 2048;
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(rows.rows());
  for (Index j = 0; j < rows.cols(); j += piece) {
    const Index count = std::min(piece, rows.cols() - j);
    sums += (rows.middleCols(j, count) * weights.segment(j, count)).template cast<double>();
  }
  return sums;
}

/// sums (columns,) += coefficients (R,) times rows (R, columns)
template <class S, class Coefficients, class Rows>
void add_product(const Coefficients& coefficients, const Eigen::MatrixBase<Rows>& rows,
                 Eigen::Ref<Eigen::RowVectorX<S>> sums) {
  sums.noalias() += coefficients.transpose() * rows;
}

/// Sums over rows: short ones in type S, long ones in double, stripe by stripe.
template <class S>
class ColumnSums {
 public:
  ColumnSums(Index n_stripes, Index m) : sums_(n_stripes, m) {}

  /// To be added to by rows of one stripe.
  class OfStripe {
   public:
    OfStripe(ColumnSums& all, Index stripe)
        : sum_(all.sums_.row(stripe)), short_(Eigen::RowVectorX<S>::Zero(sum_.size())) {
      sum_.setZero();
    }
    ~OfStripe() { flush(); }

    /// rows (R, columns) times coefficients (R,), added to the columns from first_column on.
    template <class Rows, class Coefficients>
    void add(Index first_column, const Rows& rows, const Coefficients& coefficients) {
      constexpr Index piece = 2048;
      for (Index j = 0; j < rows.cols(); j += piece) {
        const Index count = std::min(piece, rows.cols() - j);
        add_product<S>(coefficients, rows.middleCols(j, count), short_.segment(first_column + j, count));
      }
    }
    /// Says that so many rows were added to all columns.
    void added(Index rows) {
      n_added_ += rows;
      if (n_added_ >= most_rows) flush();
    }

   private:
    static constexpr Index most_rows = 64;
    void flush() {
      sum_ += short_.template cast<double>();
      short_.setZero();
      n_added_ = 0;
    }
    Eigen::Ref<Eigen::RowVectorXd> sum_;  // (m,)
    Eigen::RowVectorX<S> short_;          // (m,)
    Index n_added_ = 0;
  };

  Eigen::VectorXd total(const Execution& execution) const {
    Eigen::VectorXd total = Eigen::VectorXd::Zero(sums_.cols());
    parallel_for_pieces(total.size(), 4096, execution.for_step(static_cast<double>(sums_.size())),
                        [&](Index first, Index count) {
                          for (Index stripe = 0; stripe < sums_.rows(); ++stripe)
                            total.segment(first, count) += sums_.row(stripe).segment(first, count).transpose();
                        });
    return total;
  }

 private:
  RowMatrix<double> sums_;  // (stripes, m)
};

}  // namespace transferscore

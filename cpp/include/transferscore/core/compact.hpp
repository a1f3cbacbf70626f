// Numbers in 16 bits, for matrices that are read many times: half the bytes of float are half the time.
//
// Entries of a Sinkhorn kernel lie between 0 and 1, and of its precision an iteration needs little. So a number keeps
// the range of float, without the sign and the exponents above 1, and 9 bits of mantissa: 2^-126 .. 1 with a relative
// error of at most 2^-10. Less is 0.
#pragma once

#include <cstring>

#include "prefetch.hpp"

namespace transferscore {

/// The bits of a float, from the second bit of its exponent down to the ninth of its mantissa.
struct Compact {
  std::uint16_t bits;
};

inline float widened(Compact value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 14;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

/// To the nearest Compact, for numbers from 0 to 1.
inline Compact narrowed(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const std::uint32_t rounded = (bits + 0x1fff + ((bits >> 14) & 1)) >> 14;
  constexpr std::uint32_t least = 1 << 9;  // below it numbers are not normal, which processors are slow with
  return {static_cast<std::uint16_t>(rounded < least ? 0 : rounded)};
}

inline void narrow(const float* values, Index n, Compact* to) {
  for (Index i = 0; i < n; ++i) to[i] = narrowed(values[i]);
}

/// Rows of a larger matrix.
struct CompactRows {
  const Compact* values;
  Index n_rows, n_columns, stride;

  Index rows() const { return n_rows; }
  Index cols() const { return n_columns; }
  const Compact* row(Index i) const { return values + i * stride; }
  CompactRows middleCols(Index first, Index count) const { return {values + first, n_rows, count, stride}; }
};

namespace detail {

/// Adds sums of R rows times weights. Lanes are added up in an order of our own: the compiler must not choose one.
template <int R>
void add_sums_of_rows(const CompactRows& block, Index first, const float* weights /* (columns,) */,
                      double* sums /* (R,) */) {
  constexpr Index lanes = 32, piece = 2048;  // short sums in float, long ones in double
  const Compact* rows[R];
  for (int r = 0; r < R; ++r) rows[r] = block.row(first + r);
  for (Index j = 0; j < block.cols(); j += piece) {
    const Index end = std::min(j + piece, block.cols()), whole = j + (end - j) / lanes * lanes;
    for (int r = 0; r < R; ++r) prefetch(block.row(first + R + r) + j, end - j);
    float partial[R][lanes] = {};
    for (Index k = j; k < whole; k += lanes)
      for (Index l = 0; l < lanes; ++l)
        for (int r = 0; r < R; ++r) partial[r][l] += widened(rows[r][k + l]) * weights[k + l];
    for (int r = 0; r < R; ++r) {
      for (Index k = whole; k < end; ++k) partial[r][0] += widened(rows[r][k]) * weights[k];
      for (Index half = lanes / 2; half > 0; half /= 2)
        for (Index l = 0; l < half; ++l) partial[r][l] += partial[r][l + half];
      sums[r] += static_cast<double>(partial[r][0]);
    }
  }
}

template <int R>
void add_rows(const CompactRows& block, Index first, const float* coefficients /* (R,) */,
              float* sums /* (columns,) */) {
  const Compact* rows[R];
  float c[R];
  for (int r = 0; r < R; ++r) {
    rows[r] = block.row(first + r);
    c[r] = coefficients[r];
  }
  for (Index j = 0; j < block.cols(); ++j) {
    float sum = sums[j];
    for (int r = 0; r < R; ++r) sum += c[r] * widened(rows[r][j]);
    sums[j] = sum;
  }
}

}  // namespace detail

/// (rows,) with weights (columns,)
template <class S>
Eigen::VectorXd sums_over_columns(const CompactRows& rows, const Eigen::VectorXf& weights) {
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(rows.rows());
  Index i = 0;
  for (; i + 4 <= rows.rows(); i += 4) detail::add_sums_of_rows<4>(rows, i, weights.data(), &sums[i]);
  for (; i < rows.rows(); ++i) detail::add_sums_of_rows<1>(rows, i, weights.data(), &sums[i]);
  return sums;
}

/// sums (columns,) += coefficients (rows,) times rows
template <class S>
void add_product(const Eigen::VectorXf& coefficients, const CompactRows& rows, Eigen::Ref<Eigen::RowVectorX<S>> sums) {
  Index i = 0;
  for (; i + 4 <= rows.rows(); i += 4) detail::add_rows<4>(rows, i, &coefficients[i], sums.data());
  for (; i < rows.rows(); ++i) detail::add_rows<1>(rows, i, &coefficients[i], sums.data());
}

}  // namespace transferscore

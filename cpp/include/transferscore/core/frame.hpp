// The frame in which features are summed: z = (x - shift) * scale.
//
// Scores do not change under it, rounding does: the means of ReLU features are large beside their
// spread, and squares of very small or very large values leave the range of single precision.
#pragma once

#include <cmath>

#include "parallel.hpp"

namespace transferscore {

template <class T>
struct Frame {
  using Row = Eigen::Array<T, 1, Eigen::Dynamic>;
  Row shift;  // (d,) near the mean of each feature
  Row scale;  // (d,) powers of two, so that scaling is exact
};

/// Power of two that brings a magnitude to about one; 1 for zero.
template <class T>
T inverse_power_of_two(T magnitude) {
  if (!(magnitude > 0) || !std::isfinite(magnitude)) return 1;
  constexpr int reach = std::numeric_limits<T>::max_exponent - 2;
  return std::ldexp(T{1}, std::clamp(-std::ilogb(magnitude), -reach, reach));
}

enum class Scaling {
  per_feature,  // for scores that no invertible map of the features changes
  common,       // for scores that know which feature is large
};

/// A frame from at most 256 rows spread over all samples, so that sorted classes do not mislead it.
template <class T>
Frame<T> sampled_frame(MatrixView<T> features /* (n, d) */, Scaling scaling) {
  const Index n = features.rows(), d = features.cols();
  const Index n_sampled = std::min<Index>(n, 256);
  const auto row = [&](Index k) { return features.row(k * (n / n_sampled)).array(); };

  // The mean is taken relative to the first row: a constant feature then has exactly its value.
  Eigen::Array<double, 1, Eigen::Dynamic> offset = decltype(offset)::Zero(d);
  const auto origin = row(0).template cast<double>().eval();
  for (Index k = 1; k < n_sampled; ++k) offset += row(k).template cast<double>() - origin;
  Frame<T> frame{(origin + offset / static_cast<double>(n_sampled)).template cast<T>(), {}};

  typename Frame<T>::Row spread = Frame<T>::Row::Zero(d);
  for (Index k = 0; k < n_sampled; ++k) spread = spread.max((row(k) - frame.shift).abs());
  if (scaling == Scaling::common) spread.setConstant(spread.maxCoeff());
  frame.scale = spread.unaryExpr([](T magnitude) { return inverse_power_of_two(magnitude); });
  return frame;
}

/// Writes the block of features that begins at (first_row, first_column), seen in the frame.
template <class C, class T, class Out>
void write_framed(MatrixView<T> features /* (n, d) */, const Frame<T>& frame, Index first_row, Index first_column,
                  Out&& framed /* (rows, columns), row-major, of type C */) {
  const Index columns = framed.cols();
  const auto shift = frame.shift.segment(first_column, columns).template cast<C>().eval();
  const auto scale = frame.scale.segment(first_column, columns).template cast<C>().eval();
  for (Index i = 0; i < framed.rows(); ++i) {
    const T* x = features.data() + (first_row + i) * features.cols() + first_column;
    C* z = framed.data() + i * framed.outerStride();
    for (Index j = 0; j < columns; ++j) z[j] = (static_cast<C>(x[j]) - shift[j]) * scale[j];
  }
}

/// body(first_row, Z) for the samples in waves of rows; Z (rows, d) is the wave seen in the frame.
template <class C, class T, class Body>
void for_each_wave(MatrixView<T> features /* (n, d) */, const Frame<T>& frame, Index wave_rows,
                   const Execution& execution, const Body& body) {
  const Index n = features.rows(), d = features.cols();
  RowMatrix<C> buffer = padded_matrix<C>(std::min(wave_rows, n), d);
  for (Index first_row = 0; first_row < n; first_row += wave_rows) {
    auto wave = buffer.topLeftCorner(std::min(wave_rows, n - first_row), d);
    parallel_for_pieces(wave.rows(), 64, execution, [&](Index first, Index count) {
      write_framed<C>(features, frame, first_row + first, 0, wave.middleRows(first, count));
    });
    body(first_row, wave);
  }
}

}  // namespace transferscore

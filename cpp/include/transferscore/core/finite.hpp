// Where is the first NaN or infinity?
#pragma once

#include <cmath>
#include <cstring>

#include "parallel.hpp"

namespace transferscore {

/// True where every value is finite. Looks at exponents, so that the loop runs at memory speed.
template <class T>
bool all_finite(const T* values /* (size,) */, Index size) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits exponent = sizeof(T) == 4 ? Bits{0x7f800000u} : static_cast<Bits>(0x7ff0000000000000u);
  Bits found = 0;
  for (Index i = 0; i < size; ++i) {
    Bits bits;
    std::memcpy(&bits, values + i, sizeof bits);
    found |= static_cast<Bits>((bits & exponent) == exponent);
  }
  return found == 0;
}

/// Flat position of the first NaN or infinity, or -1.
template <class T>
Index first_nonfinite(MatrixView<T> values /* (n, d) */, const Execution& execution) {
  constexpr Index piece = 1 << 16;
  const Index size = values.size();
  std::vector<char> clean((size + piece - 1) / piece, 1);
  with_team(execution, static_cast<double>(size), [&](const Execution& team) {
    parallel_for_pieces(size, piece, team, [&](Index first, Index count) {
      clean[first / piece] = all_finite(values.data() + first, count);
    });
  });
  const auto dirty = std::find(clean.begin(), clean.end(), 0);
  if (dirty == clean.end()) return -1;
  Index i = (dirty - clean.begin()) * piece;
  while (std::isfinite(values.data()[i])) ++i;
  return i;
}

}  // namespace transferscore

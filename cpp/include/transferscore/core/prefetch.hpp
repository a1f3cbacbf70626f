// Asking for memory before it is needed. What a processor foresees by itself ends with a row that is read in part.
#pragma once

#include "types.hpp"

namespace transferscore {

/// To ask for what is not there does no harm. Inline at any rate: GCC takes a function that only asks for one that does
/// nothing, Eigen's included.
template <class T>
EIGEN_ALWAYS_INLINE void prefetch(const T* values /* (count,) */, Index count) {
#if defined(__GNUC__) || defined(__clang__)
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  for (Index j = 0; j < count; j += line) __builtin_prefetch(values + j);
#endif
}

}  // namespace transferscore

// The median of many numbers.
#pragma once

#include <algorithm>

#include "types.hpp"

namespace transferscore {

namespace detail {

/// The numbers at positions `at` and `at - 1` of the sorted order, at > 0. Changes the order.
template <class T>
std::pair<T, T> neighbours_in_order(T* first, T* last, Index at) {
  T* const middle = first + at;
  std::nth_element(first, middle, last);
  return {*std::max_element(first, middle), *middle};
}

}  // namespace detail

/// Mean of the two in the middle for an even number of values, of which there is at least one; none of them NaN.
/// Changes them. A few of them say between which bounds the middle lies, and only what lies there has to be put
/// in order.
template <class T>
double median(T* values /* (n,) */, Index n) {
  const Index middle = n / 2;
  if (n == 1) return static_cast<double>(values[0]);
  const auto of = [n](std::pair<T, T> in_the_middle) {
    const double above = static_cast<double>(in_the_middle.second);
    return n % 2 == 1 ? above : (static_cast<double>(in_the_middle.first) + above) / 2;
  };
  constexpr Index n_some = 2048, margin = 100;  // four standard deviations of the middle of the sample
  constexpr Index stride = 1'000'003;           // a prime, so that the rows and columns of a matrix are met evenly
  if (n >= 8 * n_some) {
    std::vector<T> some(n_some);
    for (Index k = 0; k < n_some; ++k) some[k] = values[k * stride % n];
    std::sort(some.begin(), some.end());
    const T least = some[n_some / 2 - margin], most = some[n_some / 2 + margin];
    const Index below = std::count_if(values, values + n, [least](T value) { return value < least; });
    const Index up_to = std::count_if(values, values + n, [most](T value) { return value <= most; });
    if (below < middle && middle < up_to) {
      Index n_between = 0;
      for (Index i = 0; i < n; ++i) {  // without branches: nobody can foresee where a value lies
        const T value = values[i];
        values[n_between] = value;
        n_between += static_cast<Index>(value >= least) & static_cast<Index>(value <= most);
      }
      return of(detail::neighbours_in_order(values, values + n_between, middle - below));
    }
  }
  return of(detail::neighbours_in_order(values, values + n, middle));
}

}  // namespace transferscore

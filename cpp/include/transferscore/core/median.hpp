// The median of many numbers.
#pragma once

#include <algorithm>
#include <iterator>

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
/// Changes their order. A few of them say between which bounds the middle lies, and only what lies there has to be put
/// in order.
template <class T>
double median(std::vector<T>& values) {
  const Index n = static_cast<Index>(values.size()), middle = n / 2;
  if (n == 1) return static_cast<double>(values[0]);
  const auto of = [n](std::pair<T, T> in_the_middle) {
    const double above = static_cast<double>(in_the_middle.second);
    return n % 2 == 1 ? above : (static_cast<double>(in_the_middle.first) + above) / 2;
  };
  constexpr Index n_some = 2048, margin = 100;  // four standard deviations of the middle of the sample
  if (n >= 8 * n_some) {
    std::vector<T> some(n_some);
    for (Index k = 0; k < n_some; ++k) some[k] = values[k * n / n_some];
    std::sort(some.begin(), some.end());
    const T least = some[n_some / 2 - margin], most = some[n_some / 2 + margin];
    const auto is_between = [least, most](T value) { return value >= least && value <= most; };
    const Index below = std::count_if(values.begin(), values.end(), [least](T value) { return value < least; });
    std::vector<T> between;
    between.reserve(std::count_if(values.begin(), values.end(), is_between));
    std::copy_if(values.begin(), values.end(), std::back_inserter(between), is_between);
    const Index at = middle - below, n_between = static_cast<Index>(between.size());
    if (at > 0 && at < n_between)
      return of(detail::neighbours_in_order(between.data(), between.data() + n_between, at));
  }
  return of(detail::neighbours_in_order(values.data(), values.data() + n, middle));
}

}  // namespace transferscore

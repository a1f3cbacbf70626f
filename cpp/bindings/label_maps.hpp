// Stacks of label maps as views.
#pragma once

#include "arrays.hpp"
#include "transferscore/core/label_maps.hpp"

namespace transferscore {

/// Stacks (n, depth, height, width), each of maps of one size.
template <class T>
using Stacks = std::vector<Array<T>>;

/// body(map, its position in the stack) for the maps of a stack.
template <class T, class Body>
void each_map(const Array<T>& stack, const Body& body) {
  if (stack.ndim() != 4) throw std::invalid_argument("expected a stack of label maps");
  LabelMap<T> map{stack.data(), stack.shape(1), stack.shape(2), stack.shape(3)};
  for (Index i = 0; i < stack.shape(0); ++i, map.labels += map.size()) body(map, i);
}

}  // namespace transferscore

// Label sets from images: the values of a position over all images become a few colours. Zamir, Sax, Shen, Guibas,
// Malik, Savarese, CVPR 2018, and Bao et al., ICIP 2019, who cluster with Birch.
#pragma once

#include "core/colours.hpp"
#include "core/image_stack.hpp"

namespace transferscore {

struct Quantisation {
  Index n_colours;
  std::uint64_t seed;  // of k-means, the same for every position
};

namespace detail {

/// How many positions are read together: as many as 64 MiB of values and labels hold.
inline Index positions_at_once(const Positions& positions) {
  constexpr Index budget = Index{64} << 20;
  const Index bytes = positions.n_images() * (8 * positions.n_values() + 4);
  return std::clamp<Index>(budget / std::max<Index>(bytes, 1), 1, positions.count());
}

}  // namespace detail

/// The label sets (count, n) of the positions from `first` on, and the number of colours of each. A position has the
/// same labels whichever others stand beside it.
inline void quantise_positions(const Positions& positions, Index first, Index count, const Quantisation& quantisation,
                               std::int32_t* ids, Index* n_colours, const Execution& execution) {
  const Index n = positions.n_images(), q = positions.n_values();
  std::vector<double> values(count * n * q);
  positions.read(first, count, values.data(), execution);
  const auto quantise = [&](Index p, const Execution& alone_or_all) {
    double* of_position = values.data() + p * n * q;
    n_colours[p] = q == 1 ? colours_of_numbers(of_position, n, quantisation.n_colours, ids + p * n)
                          : colours_of_vectors(of_position, n, q, quantisation.n_colours, quantisation.seed,
                                               ids + p * n, alone_or_all);
  };
  constexpr double large = 2e9;
  if (q > 1 && 10 * static_cast<double>(n * q) * static_cast<double>(quantisation.n_colours) >= large) {
    for (Index p = 0; p < count; ++p) quantise(p, execution);
  } else {
    parallel_for(count, execution, [&](Index p) { quantise(p, execution.alone()); });
  }
}

/// The label sets (L, n) of all positions. Returns the number of colours of each.
inline std::vector<Index> quantise_pixels(const Positions& positions, const Quantisation& quantisation,
                                          std::int32_t* ids, const Execution& execution) {
  const Index n = positions.n_images(), at_once = detail::positions_at_once(positions);
  std::vector<Index> n_colours(positions.count());
  const double work = 20 * static_cast<double>(n * positions.n_values() * positions.count());
  with_team(execution, work, [&](const Execution& team) {
    for (Index first = 0; first < positions.count(); first += at_once)
      quantise_positions(positions, first, std::min(at_once, positions.count() - first), quantisation, ids + first * n,
                         n_colours.data() + first, team);
  });
  return n_colours;
}

}  // namespace transferscore

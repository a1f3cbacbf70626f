// Pixels at most so far from marked ones: exact in Euclidean distance, because squares of distances are whole.
#pragma once

#include <cmath>

#include "label_maps.hpp"
#include "parallel.hpp"

namespace transferscore {

/// The largest k with k^2 <= square.
inline Index whole_root(Index square) {
  Index root = static_cast<Index>(std::sqrt(static_cast<double>(square)));
  while (root * root > square) --root;
  while ((root + 1) * (root + 1) <= square) ++root;
  return root;
}

/// How far each pixel of a row is from a marked one of that row, counted up to `reach` + 1.
inline void distances_in_row(const std::uint8_t* marked, Index width, Index reach, std::uint8_t* widened /* scratch */,
                             std::uint8_t* distances) {
  for (Index x = 0; x < width; ++x) {
    widened[x] = marked[x];
    distances[x] = static_cast<std::uint8_t>(1 - marked[x]);
  }
  for (Index step = 1; step <= reach; ++step) {
    for (Index x = 0; x < width - step; ++x) widened[x] |= marked[x + step];
    for (Index x = step; x < width; ++x) widened[x] |= marked[x - step];
    for (Index x = 0; x < width; ++x) distances[x] += static_cast<std::uint8_t>(1 - widened[x]);
  }
}

/// near[x] |= a marked pixel of that row is at most `half_width` away.
inline void mark_near(const std::uint8_t* distances, Index width, Index half_width, std::uint8_t* near) {
  const auto limit = static_cast<std::uint8_t>(half_width);
  for (Index x = 0; x < width; ++x) near[x] |= static_cast<std::uint8_t>(distances[x] <= limit);
}

/// Dilation of a whole mask by any radius: a pass along each axis, whose time hardly depends on the radius in two
/// dimensions. Squared distances are below 2^31, radii below 2^15.
class Dilation {
 public:
  Dilation(std::uint8_t* mask /* (depth, height, width), in place */, Index depth, Index height, Index width,
           Index squared)
      : mask_(mask),
        depth_(depth),
        height_(height),
        width_(width),
        squared_(static_cast<std::uint32_t>(squared)),
        reach_(static_cast<std::uint32_t>(whole_root(squared))),
        distances_(depth * height * width) {}

  void run(const Execution& execution) {
    const Index n_stripes = (width_ + stripe - 1) / stripe;
    parallel_for(depth_ * n_stripes, execution, [&](Index i) { along_columns(i / n_stripes, i % n_stripes * stripe); });
    if (depth_ > 1)
      parallel_for(height_ * n_stripes, execution,
                   [&](Index i) { through_slices(i / n_stripes, i % n_stripes * stripe); });
    constexpr Index piece = 16;
    parallel_for_pieces(depth_ * height_, piece, execution, [&](Index first, Index count) {
      std::vector<std::int32_t> half_widths(width_);
      for (Index row = first; row < first + count; ++row) along_row(row, half_widths);
    });
  }

 private:
  static constexpr Index stripe = 256;                          // columns that are seen together
  static constexpr std::uint32_t far = std::uint32_t{1} << 31;  // more than any squared distance that counts

  Index end_of(Index x0) const { return std::min(width_, x0 + stripe); }
  std::uint32_t* distances(Index z, Index y) { return distances_.data() + (z * height_ + y) * width_; }

  /// Squared distances to marked pixels of the same column.
  void along_columns(Index z, Index x0) {
    const std::uint32_t none = reach_ + 1;
    for (Index y = 0; y < height_; ++y) {
      const std::uint8_t* marked = mask_ + (z * height_ + y) * width_;
      std::uint32_t *own = distances(z, y), *above = y > 0 ? distances(z, y - 1) : nullptr;
      for (Index x = x0; x < end_of(x0); ++x) {
        const std::uint32_t next = above == nullptr ? none : std::min(above[x] + 1, none);
        own[x] = marked[x] ? 0 : next;
      }
    }
    for (Index y = height_ - 1; y-- > 0;) {
      std::uint32_t *own = distances(z, y), *below = distances(z, y + 1);
      for (Index x = x0; x < end_of(x0); ++x) own[x] = std::min(own[x], below[x] + 1);
    }
    for (Index y = 0; y < height_; ++y) {
      std::uint32_t* own = distances(z, y);
      for (Index x = x0; x < end_of(x0); ++x) own[x] = own[x] < none ? own[x] * own[x] : far;
    }
  }

  /// Squared distances to marked pixels of a plane: the least of all slices within reach.
  void through_slices(Index y, Index x0) {
    const Index size = end_of(x0) - x0, reach = static_cast<Index>(reach_);
    std::vector<std::uint32_t> plane(depth_ * size);
    for (Index z = 0; z < depth_; ++z) std::copy(distances(z, y) + x0, distances(z, y) + x0 + size, &plane[z * size]);
    for (Index z = 0; z < depth_; ++z) {
      std::uint32_t* own = distances(z, y) + x0;
      for (Index other = std::max<Index>(0, z - reach); other < std::min(depth_, z + reach + 1); ++other) {
        const auto away = static_cast<std::uint32_t>((other - z) * (other - z));
        const std::uint32_t* from = &plane[other * size];
        for (Index x = 0; x < size; ++x) own[x] = std::min(own[x], from[x] + away);
      }
    }
  }

  /// A pixel at squared distance e from marked ones of other rows has them near all pixels of its row that are at most
  /// the root of squared - e away: the union of these intervals, from the left and from the right.
  void along_row(Index row, std::vector<std::int32_t>& half_widths) {
    const std::uint32_t* squares = distances_.data() + row * width_;
    for (Index x = 0; x < width_; ++x) {
      const bool some = squares[x] <= squared_;
      const double root = std::sqrt(static_cast<double>(some ? squared_ - squares[x] : 0));
      half_widths[x] = some ? static_cast<std::int32_t>(root) : -1;
    }
    std::uint8_t* near = mask_ + row * width_;
    const auto width = static_cast<std::int32_t>(width_);
    for (std::int32_t x = 0, reached = -1; x < width; ++x) {
      reached = std::max(reached, x + half_widths[x]);
      near[x] = static_cast<std::uint8_t>(reached >= x);
    }
    for (std::int32_t x = width - 1, reached = width; x >= 0; --x) {
      reached = std::min(reached, x - half_widths[x]);
      near[x] |= static_cast<std::uint8_t>(reached <= x);
    }
  }

  std::uint8_t* mask_;
  Index depth_, height_, width_;
  std::uint32_t squared_, reach_;
  std::vector<std::uint32_t> distances_;
};

}  // namespace transferscore

// Label maps in two or three dimensions, and what is known of some of their rows.
#pragma once

#include <algorithm>

#include "types.hpp"

namespace transferscore {

/// A label for every pixel. Labels are compared and never calculated with, so T is any unsigned type of their size.
template <class T>
struct LabelMap {
  const T* labels;  // (depth, height, width); depth is 1 in two dimensions
  Index depth, height, width;

  Index size() const { return depth * height * width; }
  const T* row(Index z, Index y) const { return labels + (z * height + y) * width; }
};

/// A box of rows of a map.
struct RowBox {
  Index z0, z1, y0, y1;  // z0 <= z < z1, y0 <= y < y1

  Index count() const { return (z1 - z0) * (y1 - y0); }

  template <class Body>
  void each(const Body& body) const {
    for (Index z = z0; z < z1; ++z)
      for (Index y = y0; y < y1; ++y) body(z, y);
  }
};

/// The rows of the map that are at most so many rows away from these.
template <class T>
RowBox grown(const RowBox& rows, Index by, const LabelMap<T>& map) {
  return {std::max<Index>(rows.z0 - by, 0), std::min(rows.z1 + by, map.depth), std::max<Index>(rows.y0 - by, 0),
          std::min(rows.y1 + by, map.height)};
}

template <class T>
RowBox all_rows(const LabelMap<T>& map) {
  return {0, map.depth, 0, map.height};
}

/// A byte for every pixel of some rows.
class RowBytes {
 public:
  RowBytes(const RowBox& rows, Index width) : rows_(rows), width_(width), bytes_(rows.count() * width) {}

  std::uint8_t* row(Index z, Index y) { return bytes_.data() + place(z, y); }
  const std::uint8_t* row(Index z, Index y) const { return bytes_.data() + place(z, y); }

 private:
  Index place(Index z, Index y) const { return ((z - rows_.z0) * (rows_.y1 - rows_.y0) + y - rows_.y0) * width_; }

  RowBox rows_;
  Index width_;
  std::vector<std::uint8_t> bytes_;
};

/// kept[x] = 1 where the label is none of the ignored ones, else 0.
template <class T>
void mark_kept(const T* labels /* (width,) */, Index width, const std::vector<T>& ignored, std::uint8_t* kept) {
  std::fill(kept, kept + width, std::uint8_t{1});
  for (const T label : ignored)
    for (Index x = 0; x < width; ++x) kept[x] &= static_cast<std::uint8_t>(labels[x] != label);
}

}  // namespace transferscore

// The n smallest of things that come one after the other.
#pragma once

#include <algorithm>
#include <limits>

#include "types.hpp"

namespace transferscore {

/// A pixel of one of many maps, with a random key.
struct KeyedPixel {
  std::uint64_t key;
  Index map, pixel;  // which map, and where in it
  std::int64_t label;

  bool operator<(const KeyedPixel& other) const {
    if (key != other.key) return key < other.key;
    return map != other.map ? map < other.map : pixel < other.pixel;
  }
};

/// The n pixels with the smallest keys. Which these are does not depend on the order in which pixels come.
class SmallestKeys {
 public:
  using Key = std::uint64_t;

  explicit SmallestKeys(Index n, Key limit = std::numeric_limits<Key>::max()) : n_(n), limit_(limit) {}

  /// No pixel with a larger key is among them.
  Key limit() const { return limit_; }

  void add(const KeyedPixel& pixel) {
    if (pixel.key > limit_) return;
    pixels_.push_back(pixel);
    if (size() >= spare && size() / 2 >= n_) reduce();
  }

  const std::vector<KeyedPixel>& reduce() {
    if (size() > n_) {
      std::nth_element(pixels_.begin(), pixels_.begin() + n_ - 1, pixels_.end());
      pixels_.resize(n_);
      limit_ = pixels_.back().key;
    }
    return pixels_;
  }

 private:
  static constexpr Index spare = 64;  // reducing a few at a time would cost more than keeping them

  Index size() const { return static_cast<Index>(pixels_.size()); }

  Index n_;
  Key limit_;
  std::vector<KeyedPixel> pixels_;
};

}  // namespace transferscore

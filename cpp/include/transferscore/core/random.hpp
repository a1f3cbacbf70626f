// Random numbers that are the same on every platform: distributions of the standard library are not.
#pragma once

#include "types.hpp"

namespace transferscore {

/// splitmix64: Steele, Lea, Flood, OOPSLA 2014.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() { return mixed(state_ += step); }

  /// What bits() would return after i others.
  std::uint64_t bits_at(Index i) const { return mixed(state_ + (static_cast<std::uint64_t>(i) + 1) * step); }

  /// In [0, 1): 53 bits.
  double uniform() { return static_cast<double>(bits() >> 11) / 9007199254740992.0; }

  /// 0 .. n-1
  Index below(Index n) { return std::min(static_cast<Index>(uniform() * static_cast<double>(n)), n - 1); }

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;

  static std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

  std::uint64_t state_;
};

}  // namespace transferscore

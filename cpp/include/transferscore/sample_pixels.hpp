// Pixels of many label maps, drawn without replacement: of all there are, those with the smallest keys.
//
//   key(i, p) = the p-th number of a stream of its own for map i and the seed
//
// A key depends on nothing else, so the sample is the same for any number of threads and in whatever parts maps come.
// Keys are independent and uniform: every set of n pixels is equally likely to have the smallest ones.
#pragma once

#include <map>
#include <mutex>

#include "core/label_maps.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"
#include "core/smallest.hpp"

namespace transferscore {

/// A map whose pixels may be drawn.
template <class T>
struct CandidateMap {
  LabelMap<T> map;
  const std::uint8_t* mask;  // of the map's size: which pixels may be drawn; or null: all
  Index number;              // among all maps
};

/// How many pixels are wanted.
struct PixelQuota {
  Index n;        // of all maps together
  Index per_map;  // at most, of each
  bool balanced;  // as many of each class as there are, and as n allows
};

/// Pixels of a growing number of maps: the smallest keys, of each class if classes are balanced.
class PixelDraw {
 public:
  PixelDraw(Index n, bool balanced) : n_(n), balanced_(balanced) {}

  /// Without its pixels, but still refusing those that can't be in the sample.
  PixelDraw emptied() const {
    PixelDraw draw(n_, balanced_);
    for (const auto& [label, smallest] : pixels_) draw.pixels_.try_emplace(label, n_, smallest.limit());
    return draw;
  }

  SmallestKeys& of_class(std::int64_t label) { return pixels_.try_emplace(balanced_ ? label : 0, n_).first->second; }

  void add(const std::vector<KeyedPixel>& pixels) {
    for (const KeyedPixel& pixel : pixels) of_class(pixel.label).add(pixel);
  }

  /// All that may still be in the sample.
  std::vector<KeyedPixel> candidates() {
    std::vector<KeyedPixel> all;
    for (auto& [label, smallest] : pixels_) {
      const auto& some = smallest.reduce();
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

  /// The n pixels, in no order. Classes that have fewer than their share give all; the others share the rest, and where
  /// it does not come out even, the next keys decide.
  std::vector<KeyedPixel> chosen() {
    std::vector<std::vector<KeyedPixel>> classes;
    std::size_t longest = 0;
    for (auto& [label, smallest] : pixels_) {
      classes.push_back(smallest.reduce());
      std::sort(classes.back().begin(), classes.back().end());
      longest = std::max(longest, classes.back().size());
    }
    std::vector<KeyedPixel> chosen, next;
    for (std::size_t rank = 0; rank < longest && static_cast<Index>(chosen.size()) < n_; ++rank) {
      next.clear();
      for (const auto& pixels : classes)
        if (rank < pixels.size()) next.push_back(pixels[rank]);
      const Index rest = n_ - static_cast<Index>(chosen.size());
      if (static_cast<Index>(next.size()) > rest) {
        std::sort(next.begin(), next.end());
        next.resize(rest);
      }
      chosen.insert(chosen.end(), next.begin(), next.end());
    }
    return chosen;
  }

 private:
  Index n_;
  bool balanced_;
  std::map<std::int64_t, SmallestKeys> pixels_;  // by label; one entry where classes are not balanced
};

/// By map, and by place in it.
inline std::vector<KeyedPixel> sorted_by_place(std::vector<KeyedPixel> pixels) {
  std::sort(pixels.begin(), pixels.end(), [](const KeyedPixel& a, const KeyedPixel& b) {
    return a.map != b.map ? a.map < b.map : a.pixel < b.pixel;
  });
  return pixels;
}

/// One sample for each seed, all from the same maps.
template <class T>
class PixelSampler {
 public:
  PixelSampler(const PixelQuota& quota, std::vector<std::uint64_t> seeds, std::vector<T> ignored, bool is_signed)
      : quota_(quota),
        seeds_(std::move(seeds)),
        ignored_(std::move(ignored)),
        is_signed_(is_signed),
        draws_(seeds_.size(), PixelDraw(quota.n, quota.balanced)) {}

  std::vector<PixelDraw>& draws() { return draws_; }

  /// Pixels there were to choose from, by label.
  const std::map<std::int64_t, Index>& counts() const { return counts_; }

  void add(const std::vector<CandidateMap<T>>& maps, const Execution& execution) {
    struct Piece {
      const CandidateMap<T>* candidates;
      Index first, end;
    };
    std::vector<Piece> pieces;
    double work = 0;
    for (const CandidateMap<T>& candidates : maps) {
      const Index size = candidates.map.size(), piece = is_limited_by_map() ? size : Index{1} << 17;
      for (Index first = 0; first < size; first += piece)
        pieces.push_back({&candidates, first, std::min(first + piece, size)});
      work += static_cast<double>(size) * static_cast<double>(4 + seeds_.size());
    }
    with_team(execution, work, [&](const Execution& team) {
      parallel_for(static_cast<Index>(pieces.size()), team,
                   [&](Index i) { add_pixels(*pieces[i].candidates, pieces[i].first, pieces[i].end, team); });
    });
  }

 private:
  static constexpr Index chunk = 4096;  // pixels that are looked at together

  /// Pixels of one map that may be drawn, some at a time.
  struct Chunk {
    std::vector<std::uint64_t> keys = std::vector<std::uint64_t>(chunk);
    std::vector<Index> pixels = std::vector<Index>(chunk);
    std::vector<T> labels = std::vector<T>(chunk);
    std::vector<std::uint8_t> kept = std::vector<std::uint8_t>(chunk);
    Index size = 0;
  };

  bool is_limited_by_map() const { return quota_.per_map < quota_.n; }

  std::int64_t label(T bits) const {
    return is_signed_ ? static_cast<std::int64_t>(static_cast<std::make_signed_t<T>>(bits))
                      : static_cast<std::int64_t>(bits);
  }

  /// A piece of a map, all of it where the map has a quota of its own.
  void add_pixels(const CandidateMap<T>& candidates, Index first, Index end, const Execution& execution) {
    std::vector<PixelDraw> found = empty_draws();
    std::map<std::int64_t, Index> counts;
    Chunk some;
    for (; first < end; first += chunk) {
      execution.check();
      collect(candidates, first, std::min(end, first + chunk), some);
      each_run(some, [&](Index i, Index j) { counts[label(some.labels[i])] += j - i; });
      for (std::size_t s = 0; s < seeds_.size(); ++s) draw(candidates.number, seeds_[s], some, found[s]);
    }
    const std::lock_guard<std::mutex> lock(mutex_);  // in any order: the smallest are the same
    for (const auto& [label, count] : counts) counts_[label] += count;
    for (std::size_t s = 0; s < seeds_.size(); ++s)
      draws_[s].add(is_limited_by_map() ? found[s].chosen() : found[s].candidates());
  }

  std::vector<PixelDraw> empty_draws() {
    if (is_limited_by_map()) return {seeds_.size(), PixelDraw(quota_.per_map, quota_.balanced)};
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<PixelDraw> draws;
    for (const PixelDraw& draw : draws_) draws.push_back(draw.emptied());
    return draws;
  }

  void collect(const CandidateMap<T>& candidates, Index first, Index end, Chunk& some) const {
    const T* labels = candidates.map.labels;
    mark_kept(labels + first, end - first, ignored_, some.kept.data());
    if (candidates.mask != nullptr)
      for (Index p = first; p < end; ++p) some.kept[p - first] &= candidates.mask[p];
    some.size = 0;
    for (Index p = first; p < end; ++p) {
      some.pixels[some.size] = p;
      some.labels[some.size] = labels[p];
      some.size += some.kept[p - first];
    }
  }

  /// body(i, j) for runs i .. j-1 of one label.
  template <class Body>
  static void each_run(const Chunk& some, const Body& body) {
    for (Index i = 0, j; i < some.size; i = j) {
      for (j = i + 1; j < some.size && some.labels[j] == some.labels[i];) ++j;
      body(i, j);
    }
  }

  void draw(Index number, std::uint64_t seed, Chunk& some, PixelDraw& found) const {
    const Random stream(Random(seed).bits_at(number));
    for (Index i = 0; i < some.size; ++i) some.keys[i] = stream.bits_at(some.pixels[i]);
    const auto add = [&](Index i, Index j, SmallestKeys& smallest) {
      for (; i < j; ++i)
        if (some.keys[i] <= smallest.limit())
          smallest.add({some.keys[i], number, some.pixels[i], label(some.labels[i])});
    };
    if (quota_.balanced) {
      each_run(some, [&](Index i, Index j) { add(i, j, found.of_class(label(some.labels[i]))); });
    } else {
      add(0, some.size, found.of_class(0));
    }
  }

  PixelQuota quota_;
  std::vector<std::uint64_t> seeds_;
  std::vector<T> ignored_;
  bool is_signed_;
  std::vector<PixelDraw> draws_;
  std::map<std::int64_t, Index> counts_;
  std::mutex mutex_;
};

}  // namespace transferscore

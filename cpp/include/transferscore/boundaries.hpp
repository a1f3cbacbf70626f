// Pixels near a change of label, in label maps of two or three dimensions.
//
//   S = { q : a neighbour q' of q has another label, and neither label is ignored }                             (1)
//   B = { p : the label of p is not ignored, and |p - q| <= r for some q in S }                                 (2)
//
// with Euclidean distances between pixel centres. Pixels are neighbours that differ by one in at least one and at most
// `connectivity` coordinates.
#pragma once

#include "core/dilation.hpp"

namespace transferscore {

/// What counts as near.
struct Band {
  Index connectivity;  // 1 .. number of dimensions
  Index squared;       // the largest squared distance that is at most r
};

template <class T>
class Boundaries {
 public:
  Boundaries(std::vector<LabelMap<T>> maps, std::vector<std::uint8_t*> masks /* of the size of each map */,
             const Band& band, std::vector<T> ignored)
      : maps_(std::move(maps)),
        masks_(std::move(masks)),
        band_(band),
        reach_(whole_root(band.squared)),
        ignored_(std::move(ignored)) {}

  /// Maps in small blocks that stay in the cache where few rows are within reach of a pixel; else one after the other.
  void mark(const Execution& execution) {
    const bool is_flat = std::all_of(maps_.begin(), maps_.end(), [](const LabelMap<T>& map) { return map.depth == 1; });
    constexpr Index near_in_planes = 12, near_in_volumes = 5;
    if (reach_ > (is_flat ? near_in_planes : near_in_volumes)) return mark_far(execution);
    const auto blocks = all_blocks();
    double work = 0;
    for (const LabelMap<T>& map : maps_) work += static_cast<double>(map.size());
    with_team(execution, work * static_cast<double>(2 + reach_), [&](const Execution& team) {
      parallel_for(static_cast<Index>(blocks.size()), team, [&](Index i) { mark_block(blocks[i]); });
    });
  }

 private:
  struct Block {
    std::size_t map;
    RowBox rows;
  };

  std::vector<Block> all_blocks() const {
    constexpr Index pixels = 1 << 17;  // what a block and its surroundings take stays in the cache
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < maps_.size(); ++i) {
      const LabelMap<T>& map = maps_[i];
      const Index n_rows = std::max<Index>(pixels / map.width, 1);
      const Index high = std::min(map.height, map.depth > 1 ? std::max<Index>(8 * reach_, 32) : n_rows + 8 * reach_);
      const Index deep = std::max<Index>(n_rows / high, 4 * reach_ + 1);
      for (Index z = 0; z < map.depth; z += deep)
        for (Index y = 0; y < map.height; y += high)
          blocks.push_back({i, {z, std::min(z + deep, map.depth), y, std::min(y + high, map.height)}});
    }
    return blocks;
  }

  void mark_block(const Block& block) const {
    const LabelMap<T>& map = maps_[block.map];
    const RowBox &rows = block.rows, around = grown(rows, reach_, map);
    const RowBytes kept = kept_rows(grown(around, 1, map), map);
    RowBytes distances(around, map.width);
    std::vector<std::uint8_t> changes(map.width), scratch(map.width);
    around.each([&](Index z, Index y) {
      mark_changes(map, kept, z, y, changes.data());
      distances_in_row(changes.data(), map.width, reach_, scratch.data(), distances.row(z, y));
    });
    rows.each([&](Index z, Index y) {
      std::uint8_t* near = masks_[block.map] + (z * map.height + y) * map.width;
      std::fill(near, near + map.width, std::uint8_t{0});
      grown({z, z + 1, y, y + 1}, reach_, map).each([&](Index other_z, Index other_y) {
        const Index away = (other_z - z) * (other_z - z) + (other_y - y) * (other_y - y);
        if (away <= band_.squared)
          mark_near(distances.row(other_z, other_y), map.width, whole_root(band_.squared - away), near);
      });
      leave_kept(kept, z, y, map.width, near);
    });
  }

  void mark_far(const Execution& execution) const {
    constexpr double operations = 16;  // for a pixel
    const auto work = [&](Index i) { return operations * static_cast<double>(maps_[i].size()); };
    for_each_problem(static_cast<Index>(maps_.size()), work, execution,
                     [&](Index i, const Execution& team) { mark_map(maps_[i], masks_[i], team); });
  }

  void mark_map(const LabelMap<T>& map, std::uint8_t* mask, const Execution& execution) const {
    const RowBox rows = all_rows(map);
    const RowBytes kept = kept_rows(rows, map);
    const auto each_row = [&](const auto& body) {
      constexpr Index piece = 16;
      parallel_for_pieces(rows.count(), piece, execution, [&](Index first, Index count) {
        for (Index row = first; row < first + count; ++row)
          body(row / map.height, row % map.height, mask + row * map.width);
      });
    };
    each_row([&](Index z, Index y, std::uint8_t* changes) { mark_changes(map, kept, z, y, changes); });
    Dilation(mask, map.depth, map.height, map.width, band_.squared).run(execution);
    each_row([&](Index z, Index y, std::uint8_t* near) { leave_kept(kept, z, y, map.width, near); });
  }

  /// Which pixels are not ignored; no rows where none can be.
  RowBytes kept_rows(const RowBox& rows, const LabelMap<T>& map) const {
    if (ignored_.empty()) return RowBytes({0, 0, 0, 0}, 0);
    RowBytes kept(rows, map.width);
    rows.each([&](Index z, Index y) { mark_kept(map.row(z, y), map.width, ignored_, kept.row(z, y)); });
    return kept;
  }

  const std::uint8_t* kept_row(const RowBytes& kept, Index z, Index y) const {
    return ignored_.empty() ? nullptr : kept.row(z, y);
  }

  void leave_kept(const RowBytes& kept, Index z, Index y, Index width, std::uint8_t* marks) const {
    if (const std::uint8_t* stay = kept_row(kept, z, y))
      for (Index x = 0; x < width; ++x) marks[x] &= stay[x];
  }

  /// (1) for one row.
  void mark_changes(const LabelMap<T>& map, const RowBytes& kept, Index z, Index y, std::uint8_t* changes) const {
    std::fill(changes, changes + map.width, std::uint8_t{0});
    grown({z, z + 1, y, y + 1}, 1, map).each([&](Index other_z, Index other_y) {
      const Index others = band_.connectivity - (other_z != z) - (other_y != y);  // coordinates that may differ, too
      const auto compare = [&](Index shift) {
        mark_differences(map.row(z, y), map.row(other_z, other_y), kept_row(kept, other_z, other_y), shift, map.width,
                         changes);
      };
      if (others >= 0 && (other_z != z || other_y != y)) compare(0);
      if (others >= 1) {
        compare(-1);
        compare(1);
      }
    });
    leave_kept(kept, z, y, map.width, changes);
  }

  /// changes[x] |= row[x] differs from other[x + shift], which is kept.
  static void mark_differences(const T* row, const T* other, const std::uint8_t* kept /* of other; or null: all */,
                               Index shift, Index width, std::uint8_t* changes) {
    const Index first = std::max<Index>(0, -shift), end = std::min(width, width - shift);
    if (kept == nullptr) {
      for (Index x = first; x < end; ++x) changes[x] |= static_cast<std::uint8_t>(row[x] != other[x + shift]);
    } else {
      for (Index x = first; x < end; ++x)
        changes[x] |= static_cast<std::uint8_t>(row[x] != other[x + shift]) & kept[x + shift];
    }
  }

  std::vector<LabelMap<T>> maps_;
  std::vector<std::uint8_t*> masks_;
  Band band_;
  Index reach_;
  std::vector<T> ignored_;
};

}  // namespace transferscore

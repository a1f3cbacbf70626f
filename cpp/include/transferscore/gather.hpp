// Features at pixels of label maps that are whole numbers of times larger than the feature maps.
//
// A feature is the centre of s_z x s_y x s_x pixels. So pixel y lies at v = (y + 1/2) / s_y - 1/2 among the features:
//   nearest: feature floor(y / s_y), the one whose square holds the pixel
//   linear:  between floor(v) and the next one, the latter with weight v - floor(v); at the rim the last one
#pragma once

#include <array>
#include <cmath>

#include "core/parallel.hpp"

namespace transferscore {

/// Maps of one size, in any layout.
template <class T>
struct FeatureMaps {
  const T* values;
  std::array<Index, 5> shape;    // maps, channels, depth, height, width
  std::array<Index, 5> strides;  // in values

  Index channels() const { return shape[1]; }
};

/// Some pixels of the images of these maps.
struct PixelPlaces {
  Index n;
  const std::int64_t* map;          // (n,)
  const std::int64_t* coordinates;  // (n, 3): slice, row, column
  std::array<Index, 3> scale;       // pixels to a feature along each axis
};

namespace detail {

/// Features that one pixel is made of, with their weights.
struct Corners {
  std::array<Index, 8> offsets;
  std::array<double, 8> weights;
  int n;
};

/// Multiplies the corners by the one or two features along an axis.
inline void along_axis(Index coordinate, Index scale, Index size, Index stride, bool linear, Corners& corners) {
  Index low = coordinate / scale, high = low;
  double weight = 0;  // of the higher one
  if (linear) {
    const double v = std::max(0.0, (static_cast<double>(coordinate) + 0.5) / static_cast<double>(scale) - 0.5);
    low = static_cast<Index>(v);
    high = std::min(low + 1, size - 1);
    weight = high > low ? v - static_cast<double>(low) : 0;
  }
  const int n = corners.n;
  for (int i = 0; i < n; ++i) {
    if (weight > 0) {
      corners.offsets[corners.n] = corners.offsets[i] + high * stride;
      corners.weights[corners.n++] = corners.weights[i] * weight;
    }
    corners.offsets[i] += low * stride;
    corners.weights[i] *= 1 - weight;
  }
}

template <class T>
Corners corners_of(const FeatureMaps<T>& maps, const PixelPlaces& places, Index i, bool linear) {
  Corners corners{{places.map[i] * maps.strides[0]}, {1.0}, 1};
  for (int axis = 0; axis < 3; ++axis)
    along_axis(places.coordinates[3 * i + axis], places.scale[axis], maps.shape[2 + axis], maps.strides[2 + axis],
               linear, corners);
  return corners;
}

}  // namespace detail

template <class T>
void gather(const FeatureMaps<T>& maps, const PixelPlaces& places, bool linear, T* features /* (n, channels) */,
            const Execution& execution) {
  constexpr Index pixels = 64, channels = 16;  // done together: planes of channels may lie far apart
  const Index C = maps.channels();
  const double work = 8.0 * static_cast<double>(places.n) * static_cast<double>(C);
  with_team(execution, work, [&](const Execution& team) {
    parallel_for_pieces(places.n, pixels, team, [&](Index first, Index count) {
      std::vector<detail::Corners> corners;
      for (Index i = first; i < first + count; ++i) corners.push_back(detail::corners_of(maps, places, i, linear));
      for (Index c0 = 0; c0 < C; c0 += channels)
        for (Index i = 0; i < count; ++i)
          for (Index c = c0; c < std::min(C, c0 + channels); ++c) {
            double sum = 0;
            for (int k = 0; k < corners[i].n; ++k)
              sum +=
                  corners[i].weights[k] * static_cast<double>(maps.values[corners[i].offsets[k] + c * maps.strides[1]]);
            features[(first + i) * C + c] = static_cast<T>(sum);
          }
    });
  });
}

}  // namespace transferscore

// Images that somebody else owns, in any number type and any order in memory, read position by position.
#pragma once

#include <cstring>

#include "parallel.hpp"

namespace transferscore {

enum class NumberType { int8, uint8, int16, uint16, int32, uint32, int64, uint64, float32, float64 };

/// body(zero of the type)
template <class Body>
void with_number_type(NumberType type, const Body& body) {
  switch (type) {
    case NumberType::int8:
      return body(std::int8_t{});
    case NumberType::uint8:
      return body(std::uint8_t{});
    case NumberType::int16:
      return body(std::int16_t{});
    case NumberType::uint16:
      return body(std::uint16_t{});
    case NumberType::int32:
      return body(std::int32_t{});
    case NumberType::uint32:
      return body(std::uint32_t{});
    case NumberType::int64:
      return body(std::int64_t{});
    case NumberType::uint64:
      return body(std::uint64_t{});
    case NumberType::float32:
      return body(float{});
    case NumberType::float64:
      return body(double{});
  }
}

/// n images of height x width pixels with some channels each. Strides are in bytes and may be negative.
struct ImageStack {
  const char* data;
  NumberType type;
  Index n, height, width, channels;
  Index image_stride, row_stride, column_stride, channel_stride;
};

/// Squares of side x side pixels, cut from images without rest. A position is a square, row by row.
class Positions {
 public:
  Positions(const ImageStack& images, Index side) : images_(images), side_(side), per_row_(images.width / side) {
    for (Index y = 0; y < side; ++y)
      for (Index x = 0; x < side; ++x)
        for (Index c = 0; c < images.channels; ++c)
          offsets_.push_back(y * images.row_stride + x * images.column_stride + c * images.channel_stride);
  }

  Index n_images() const { return images_.n; }
  Index count() const { return images_.height / side_ * per_row_; }
  Index n_values() const { return static_cast<Index>(offsets_.size()); }  // q, of one position in one image

  /// Values (count, n, q) of the positions from `first` on.
  void read(Index first, Index count, double* values, const Execution& execution) const {
    const Index n_tiles = (images_.n + tile_images - 1) / tile_images;
    with_number_type(images_.type, [&](auto zero) {
      parallel_for(n_tiles, execution, [&](Index t) {
        const Index first_image = t * tile_images, end = std::min(images_.n, first_image + tile_images);
        // A tile of images and positions at a time: their lines of memory are read and written once.
        for (Index p = 0; p < count; p += tile_positions)
          read_tile<decltype(zero)>(first, p, std::min(count, p + tile_positions), first_image, end, values);
      });
    });
  }

 private:
  static constexpr Index tile_images = 64, tile_positions = 16;

  template <class V>
  void read_tile(Index first, Index begin, Index end, Index first_image, Index end_image, double* values) const {
    const Index q = n_values();
    for (Index i = first_image; i < end_image; ++i) {
      for (Index p = begin; p < end; ++p) {
        const Index row = (first + p) / per_row_, column = (first + p) % per_row_;
        const char* corner = images_.data + i * images_.image_stride +
                             side_ * (row * images_.row_stride + column * images_.column_stride);
        double* out = values + (p * images_.n + i) * q;
        for (Index j = 0; j < q; ++j) {
          V value;
          std::memcpy(&value, corner + offsets_[j], sizeof value);  // wherever it lies
          out[j] = static_cast<double>(value);
        }
      }
    }
  }

  ImageStack images_;
  Index side_, per_row_;
  std::vector<Index> offsets_;  // (q,) bytes from the corner of a square to each of its values
};

}  // namespace transferscore

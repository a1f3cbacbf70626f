// Images as numpy holds them: any number type and any strides, without a copy.
#pragma once

#include "arrays.hpp"
#include "transferscore/core/image_stack.hpp"

namespace transferscore {

/// Python has made the byte order native; here that is only asserted.
inline NumberType number_type(const py::dtype& dtype) {
  if (dtype.byteorder() == '>' || dtype.byteorder() == '<') throw std::invalid_argument("expected native bytes");
  const char kind = dtype.kind();
  switch (dtype.itemsize()) {
    case 1:
      if (kind == 'i') return NumberType::int8;
      if (kind == 'u') return NumberType::uint8;
      break;
    case 2:
      if (kind == 'i') return NumberType::int16;
      if (kind == 'u') return NumberType::uint16;
      break;
    case 4:
      if (kind == 'i') return NumberType::int32;
      if (kind == 'u') return NumberType::uint32;
      if (kind == 'f') return NumberType::float32;
      break;
    case 8:
      if (kind == 'i') return NumberType::int64;
      if (kind == 'u') return NumberType::uint64;
      if (kind == 'f') return NumberType::float64;
      break;
    default:
      break;
  }
  throw std::invalid_argument("expected integers or floats of at most 8 bytes");
}

/// Squares of side x side pixels of images (n, height, width, channels).
inline Positions positions_of(const py::array& images, Index side) {
  if (images.ndim() != 4) throw std::invalid_argument("expected images of four axes");
  if (side < 1 || images.shape(1) % side != 0 || images.shape(2) % side != 0)
    throw std::invalid_argument("expected a side that divides height and width");
  return {
      {static_cast<const char*>(images.data()), number_type(images.dtype()), images.shape(0), images.shape(1),
       images.shape(2), images.shape(3), images.strides(0), images.strides(1), images.strides(2), images.strides(3)},
      side};
}

}  // namespace transferscore

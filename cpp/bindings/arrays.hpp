// numpy arrays as views. The only file that knows both pybind11's arrays and Eigen's types.
#pragma once

#include <pybind11/numpy.h>

#include <stdexcept>

#include "transferscore/core/types.hpp"

namespace transferscore {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style>;

/// (n, d). Python has made the array contiguous and aligned; here that is only asserted.
template <class T>
MatrixView<T> matrix_view(const Array<T>& array) {
  if (array.ndim() != 2) throw std::invalid_argument("expected a matrix");
  return {array.data(), array.shape(0), array.shape(1)};
}

/// (L, n) class ids with the number of classes of each set.
inline LabelSets label_sets(const Array<std::int32_t>& ids, const std::vector<Index>& n_classes) {
  if (ids.ndim() != 2 || ids.shape(0) != static_cast<Index>(n_classes.size()))
    throw std::invalid_argument("expected one number of classes for each row of ids");
  return {ids.data(), ids.shape(1), n_classes};
}

/// (size,)
inline Eigen::VectorXd to_vector(const Array<double>& array) {
  return Eigen::Map<const Eigen::VectorXd>(array.data(), array.size());
}

/// (size,)
inline std::vector<Index> to_indices(const Array<std::int64_t>& array) {
  return {array.data(), array.data() + array.size()};
}

/// (size,)
inline py::array_t<double> to_array(const Eigen::VectorXd& vector) {
  return py::array_t<double>(vector.size(), vector.data());
}

/// (rows, columns)
inline py::array_t<double> to_array(const RowMatrix<double>& matrix) {
  return py::array_t<double>({matrix.rows(), matrix.cols()}, matrix.data());
}

}  // namespace transferscore

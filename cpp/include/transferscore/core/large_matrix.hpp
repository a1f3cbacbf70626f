// Matrices of many megabytes.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>

#include "types.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace transferscore {

constexpr std::size_t large_page = std::size_t{1} << 21;

/// Asks for large pages for memory that nobody has touched yet. To be given a gigabyte in pages of 4 KiB takes longer
/// than to fill it.
inline void prefer_large_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  const std::size_t address = reinterpret_cast<std::size_t>(memory);
  const std::size_t first = (address + large_page - 1) / large_page * large_page;
  const std::size_t end = (address + bytes) / large_page * large_page;
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
#endif
}

/// (rows, columns), not set; a factor or a Gram matrix of many features.
inline Eigen::MatrixXd large_matrix(Index rows, Index columns) {
  Eigen::MatrixXd matrix(rows, columns);
  prefer_large_pages(matrix.data(), static_cast<std::size_t>(matrix.size()) * sizeof(double));
  return matrix;
}

inline Eigen::MatrixXd large_copy(const Eigen::MatrixXd& from) {
  Eigen::MatrixXd copy = large_matrix(from.rows(), from.cols());
  copy = from;
  return copy;
}

/// A row-major matrix whose values are not set, in large pages where the system allows it.
template <class T>
class LargeMatrix {
 public:
  LargeMatrix() = default;
  LargeMatrix(Index rows, Index columns) : rows_(rows), columns_(columns) {
    const std::size_t bytes = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) * sizeof(T);
    const std::size_t rounded = (bytes + large_page - 1) / large_page * large_page;
    values_.reset(static_cast<T*>(::operator new(rounded, std::align_val_t{large_page})));
    if (bytes >= large_page) prefer_large_pages(values_.get(), rounded);
  }

  Index rows() const { return rows_; }
  Index cols() const { return columns_; }
  T* data() { return values_.get(); }
  const T* data() const { return values_.get(); }
  Eigen::Map<RowMatrix<T>> view() { return {data(), rows_, columns_}; }
  MatrixView<T> view() const { return {data(), rows_, columns_}; }

 private:
  struct Free {
    void operator()(T* values) const { ::operator delete(values, std::align_val_t{large_page}); }
  };
  Index rows_ = 0, columns_ = 0;
  std::unique_ptr<T, Free> values_;
};

}  // namespace transferscore

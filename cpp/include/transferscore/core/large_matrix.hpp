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

/// A row-major matrix whose values are not set. Where the system allows it, its pages are large: to be given a gigabyte
/// in pages of 4 KiB takes longer than to fill it.
template <class T>
class LargeMatrix {
 public:
  LargeMatrix() = default;
  LargeMatrix(Index rows, Index columns) : rows_(rows), columns_(columns) {
    const std::size_t bytes = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) * sizeof(T);
    const std::size_t rounded = (bytes + page - 1) / page * page;
    values_.reset(static_cast<T*>(::operator new(rounded, std::align_val_t{page})));
#ifdef __linux__
    if (bytes >= page) madvise(values_.get(), rounded, MADV_HUGEPAGE);
#endif
  }

  Index rows() const { return rows_; }
  Index cols() const { return columns_; }
  T* data() { return values_.get(); }
  const T* data() const { return values_.get(); }
  Eigen::Map<RowMatrix<T>> view() { return {data(), rows_, columns_}; }
  MatrixView<T> view() const { return {data(), rows_, columns_}; }

 private:
  static constexpr std::size_t page = std::size_t{1} << 21;
  struct Free {
    void operator()(T* values) const { ::operator delete(values, std::align_val_t{page}); }
  };
  Index rows_ = 0, columns_ = 0;
  std::unique_ptr<T, Free> values_;
};

}  // namespace transferscore

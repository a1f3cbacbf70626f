// Matrices of many megabytes.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
#include <vector>

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

struct FreeAligned {
  std::align_val_t border{64};
  void operator()(void* memory) const { ::operator delete(memory, border); }
};

/// Memory for a matrix: on the borders of large pages, and in such pages where the system allows it, if it fills one.
struct LargeBlock {
  std::unique_ptr<void, FreeAligned> memory;
  std::size_t bytes = 0;

  LargeBlock() = default;
  explicit LargeBlock(std::size_t needed) {
    const bool is_large = 2 * needed >= large_page;
    const std::align_val_t border{is_large ? large_page : std::size_t{64}};
    bytes = is_large ? whole_pages(needed) : needed;
    memory = std::unique_ptr<void, FreeAligned>(::operator new(bytes, border), FreeAligned{border});
    if (is_large) prefer_large_pages(memory.get(), bytes);
  }

  static std::size_t whole_pages(std::size_t needed) { return (needed + large_page - 1) / large_page * large_page; }
};

/// While one lives, its thread keeps the blocks that its large matrices give back for the next ones of the same size:
/// problems that follow each other need not wait for new pages. Nothing is kept beside a block of another size.
class KeptBlocks {
 public:
  static constexpr std::size_t worth_keeping = std::size_t{1} << 25, most = 4;

  KeptBlocks() : outer_(std::exchange(current(), this)) { blocks_.reserve(most); }
  ~KeptBlocks() { current() = outer_; }
  KeptBlocks(const KeptBlocks&) = delete;
  KeptBlocks& operator=(const KeptBlocks&) = delete;

  static LargeBlock take(std::size_t needed) {
    if (current() == nullptr || needed < worth_keeping) return LargeBlock(needed);
    std::vector<LargeBlock>& blocks = current()->blocks_;
    for (LargeBlock& block : blocks) {
      if (block.bytes != LargeBlock::whole_pages(needed)) continue;
      std::swap(block, blocks.back());
      LargeBlock found = std::move(blocks.back());
      blocks.pop_back();
      return found;
    }
    blocks.clear();
    return LargeBlock(needed);
  }

  static void give_back(LargeBlock block) {
    if (current() == nullptr || block.bytes < worth_keeping || current()->blocks_.size() == most) return;
    current()->blocks_.push_back(std::move(block));
  }

 private:
  static KeptBlocks*& current() {
    thread_local KeptBlocks* kept = nullptr;
    return kept;
  }

  std::vector<LargeBlock> blocks_;
  KeptBlocks* outer_;
};

/// A row-major matrix whose values are not set, in large pages where the system allows it.
template <class T>
class LargeMatrix {
 public:
  LargeMatrix() = default;
  LargeMatrix(Index rows, Index columns)
      : rows_(rows),
        columns_(columns),
        block_(KeptBlocks::take(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) * sizeof(T))) {}
  ~LargeMatrix() { KeptBlocks::give_back(std::move(block_)); }
  LargeMatrix(LargeMatrix&& other) noexcept { swap(other); }
  LargeMatrix& operator=(LargeMatrix&& other) noexcept {
    LargeMatrix(std::move(other)).swap(*this);
    return *this;
  }

  Index rows() const { return rows_; }
  Index cols() const { return columns_; }
  T* data() { return static_cast<T*>(block_.memory.get()); }
  const T* data() const { return static_cast<const T*>(block_.memory.get()); }
  Eigen::Map<RowMatrix<T>> view() { return {data(), rows_, columns_}; }
  MatrixView<T> view() const { return {data(), rows_, columns_}; }

 private:
  void swap(LargeMatrix& other) noexcept {
    std::swap(rows_, other.rows_);
    std::swap(columns_, other.columns_);
    std::swap(block_, other.block_);
  }

  Index rows_ = 0, columns_ = 0;
  LargeBlock block_;
};

}  // namespace transferscore

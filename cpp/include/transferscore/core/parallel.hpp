// The only place that starts threads.
//
// Tasks are drawn from one counter, so their order is open; each task writes a result of its own and
// the caller adds results in a fixed order. Hence the same bits for any number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "checkpoint.hpp"
#include "types.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace transferscore {

/// How a kernel runs: with how many threads, and whom it asks before it goes on.
struct Execution {
  int n_threads = 1;
  Checkpoint* checkpoint = nullptr;

  void check() const {
    if (checkpoint != nullptr && !checkpoint->may_go_on()) throw Interrupted();
  }

  /// One thread where the work (multiplications, say) is too small to pay for waking others.
  Execution sized_for(double work) const {
    constexpr double worth_a_thread = 2e6;
    return work < worth_a_thread ? Execution{1, checkpoint} : *this;
  }
};

/// body(i) for i in 0 .. n_tasks-1, in any order. The first exception stops the rest and is rethrown.
template <class Body>
void parallel_for(Index n_tasks, const Execution& execution, const Body& body) {
  std::atomic<Index> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr first_error;
  std::mutex guard;

  // An exception that left a parallel region would end the process: it waits here until all threads met.
  auto work = [&](bool is_caller) {
    while (!failed) {
      const Index i = next.fetch_add(1);
      if (i >= n_tasks) return;
      try {
        if (is_caller) execution.check();
        body(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(guard);
        if (!first_error) first_error = std::current_exception();
        failed = true;
      }
    }
  };

#ifdef _OPENMP
  const int n_threads = static_cast<int>(std::min<Index>(execution.n_threads, n_tasks));
  if (n_threads > 1) {
#pragma omp parallel num_threads(n_threads)
    work(omp_get_thread_num() == 0);
  } else {
    work(true);
  }
#else
  work(true);
#endif
  if (first_error) std::rethrow_exception(first_error);
}

/// body(first, size) for the consecutive pieces of 0 .. n-1 of at most `piece` each.
template <class Body>
void parallel_for_pieces(Index n, Index piece, const Execution& execution, const Body& body) {
  parallel_for((n + piece - 1) / piece, execution, [&](Index i) { body(i * piece, std::min(piece, n - i * piece)); });
}

}  // namespace transferscore

// The only place that starts threads.
//
// Tasks are drawn from one counter, so their order is open; each task writes a result of its own and
// the caller adds results in a fixed order, and whatever is run in two ways is compiled once. Hence the
// same bits for any number of threads.
#pragma once

#include <algorithm>
#include <exception>
#include <vector>

#include "team.hpp"
#include "types.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define TRANSFERSCORE_COMPILED_ONCE __declspec(noinline)
#elif defined(__clang__)
#define TRANSFERSCORE_COMPILED_ONCE __attribute__((noinline))
#else
#define TRANSFERSCORE_COMPILED_ONCE __attribute__((noinline, noclone))
#endif

namespace transferscore {

/// Checkers of small cases want threads in them, too.
#ifdef TRANSFERSCORE_ANY_WORK_PAYS
constexpr bool any_work_pays = true;
#else
constexpr bool any_work_pays = false;
#endif

/// body(arguments...). Inlined in two places, its products and sums might be fused in one of them only.
template <class Body, class... Arguments>
TRANSFERSCORE_COMPILED_ONCE void compiled_once(const Body& body, const Arguments&... arguments) {
  body(arguments...);
}

/// How a kernel runs: with how many threads, and whom it asks before it goes on.
struct Execution {
  int n_threads = 1;
  Checkpoint* checkpoint = nullptr;
  Team* team = nullptr;

  /// For work inside a task: on this thread alone, but asking as before.
  Execution alone() const { return {1, checkpoint, team}; }

  /// For one step of so many operations: short ones end before another thread has woken up.
  Execution for_step(double operations) const {
    constexpr double worth_waking = any_work_pays ? 0 : 2e6;
    return operations < worth_waking ? alone() : *this;
  }

  void check() const {
    if (team != nullptr ? !team->may_go_on() : checkpoint != nullptr && !checkpoint->may_go_on()) throw Interrupted();
  }
};

/// Keeps the first exception. One that left a parallel region would end the process.
class FirstError {
 public:
  template <class Body>
  void guard(const Body& body) {
    try {
      body();
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
      caught_ = true;
    }
  }
  bool caught() const { return caught_; }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
  std::atomic<bool> caught_{false};
};

#if defined(_OPENMP) || defined(TRANSFERSCORE_STD_THREADS)
#define TRANSFERSCORE_THREADS

/// member(number) on so many threads at once, number 0 on this one.
template <class Member>
void on_threads(int n_threads, const Member& member) {
#ifdef TRANSFERSCORE_STD_THREADS
  // For the thread sanitizer, which does not see how GNU's OpenMP runtime starts and joins threads.
  std::vector<std::thread> others;
  for (int number = 1; number < n_threads; ++number) others.emplace_back([&member, number] { member(number); });
  member(0);
  for (std::thread& other : others) other.join();
#else
#pragma omp parallel num_threads(n_threads)
  member(omp_get_thread_num());
#endif
}
#endif

/// kernel(execution) with a team of threads for its parallel steps; on one thread where the work
/// (multiplications, say) is too small to pay for waking others.
template <class Kernel>
void with_team(const Execution& execution, double work, const Kernel& kernel) {
  constexpr double worth_a_thread = any_work_pays ? 0 : 8e6;
#ifdef TRANSFERSCORE_THREADS
  if (execution.n_threads > 1 && work >= worth_a_thread) {
    Team team(execution.checkpoint);
    FirstError error;
    on_threads(execution.n_threads, [&](int number) {
      if (number == 0) {
        error.guard([&] { compiled_once(kernel, Execution{execution.n_threads, execution.checkpoint, &team}); });
        team.close();
      } else {
        error.guard([&] { team.serve(); });
      }
    });
    error.rethrow();
    return;
  }
#endif
  compiled_once(kernel, Execution{1, execution.checkpoint});
}

/// body(i) for i in 0 .. n_tasks-1, in any order. The first exception stops the rest and is rethrown.
/// A body must not call parallel_for with the same execution: give it execution.alone().
template <class Body>
void parallel_for(Index n_tasks, const Execution& execution, const Body& body) {
  std::atomic<Index> next{0};
  FirstError error;
  const auto step = [&] {
    for (Index i; !error.caught() && (i = next.fetch_add(1)) < n_tasks;) {
      error.guard([&] {
        execution.check();
        body(i);
      });
    }
  };
  if (execution.team != nullptr && execution.n_threads > 1 && n_tasks > 1) {
    execution.team->run([&] { compiled_once(step); });
  } else {
    compiled_once(step);
  }
  error.rethrow();
}

/// body(first, size) for the consecutive pieces of 0 .. n-1 of at most `piece` each.
template <class Body>
void parallel_for_pieces(Index n, Index piece, const Execution& execution, const Body& body) {
  parallel_for((n + piece - 1) / piece, execution, [&](Index i) { body(i * piece, std::min(piece, n - i * piece)); });
}

/// body(i, execution) for many problems: small ones side by side, each on one thread, the others one after the other.
template <class Work, class Body>
void for_each_problem(Index n_problems, const Work& work /* of problem i */, const Execution& execution,
                      const Body& body) {
  constexpr double large = 2e9;
  std::vector<Index> small;
  for (Index i = 0; i < n_problems; ++i) {
    if (n_problems > 1 && work(i) < large) {
      small.push_back(i);
    } else {
      with_team(execution, work(i), [&](const Execution& team) { body(i, team); });
    }
  }
  double total = 0;
  for (const Index i : small) total += work(i);
  with_team(execution, total, [&](const Execution& team) {
    parallel_for(static_cast<Index>(small.size()), team, [&](Index k) { body(small[k], team.alone()); });
  });
}

}  // namespace transferscore

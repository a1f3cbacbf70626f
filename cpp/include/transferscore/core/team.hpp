// Threads that stay together for a whole kernel.
//
// A kernel has hundreds of short parallel steps. Were each a parallel region of its own, OpenMP's
// threads would spin at the end of every one; with other programs on the machine that makes two
// threads many times slower than one. Here a thread that waits sleeps, a step is over when its tasks are, and
// a thread that the system has not let run does not hold it up.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "checkpoint.hpp"

namespace transferscore {

class Team {
 public:
  explicit Team(Checkpoint* checkpoint) : checkpoint_(checkpoint), caller_(std::this_thread::get_id()) {}

  /// May this thread go on? The caller asks its checkpoint, the others learn what the caller was told.
  bool may_go_on() {
    if (checkpoint_ != nullptr && std::this_thread::get_id() == caller_ && !checkpoint_->may_go_on()) stopped_ = true;
    return !stopped_;
  }

  /// The caller: runs `step`, together with every member that is free. It must draw its tasks from a
  /// counter, so that it may run on any number of threads, and must not throw.
  void run(const std::function<void()>& step) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      step_ = &step;
      ++number_;
    }
    changed_.notify_all();
    step();
    std::unique_lock<std::mutex> lock(mutex_);
    step_ = nullptr;
    while (!finished_.wait_for(lock, patience, [&] { return n_busy_ == 0; })) {
      lock.unlock();
      may_go_on();
      lock.lock();
    }
  }

  /// The others: take part in one step after the other until the caller closes.
  void serve() {
    for (unsigned seen = 0;;) {
      spin_until([&] { return number_ != seen || closed_; });
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || (step_ != nullptr && number_ != seen); });
      if (closed_) return;
      seen = number_;
      const std::function<void()>& step = *step_;
      ++n_busy_;
      lock.unlock();
      step();
      lock.lock();
      if (--n_busy_ == 0) finished_.notify_one();
    }
  }

  void close() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  static constexpr auto patience = std::chrono::milliseconds(20);

  /// Steps follow each other closely: to fall asleep at once would cost more than the wait.
  template <class Condition>
  static void spin_until(const Condition& condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  }

  Checkpoint* checkpoint_;
  std::thread::id caller_;
  std::atomic<bool> stopped_{false};

  std::mutex mutex_;
  std::condition_variable changed_, finished_;
  const std::function<void()>* step_ = nullptr;  // open for those who are free
  std::atomic<unsigned> number_{0};              // of the step
  int n_busy_ = 0;                               // members inside a step, without the caller
  std::atomic<bool> closed_{false};
};

}  // namespace transferscore

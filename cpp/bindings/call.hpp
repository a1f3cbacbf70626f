// Running a kernel: without the interpreter lock, but listening for Ctrl-C.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>
#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

#include "transferscore/core/parallel.hpp"

namespace transferscore {

namespace py = pybind11;

/// Takes the interpreter lock. Until Python 3.14 an interpreter that is being taken down ends every other thread that
/// asks for it, and unwinds what the thread was in the midst of. A kernel can't be left like that, so the thread stays
/// here.
inline void take_lock(PyThreadState* thread) noexcept {
#ifdef __GLIBCXX__
  try {
    PyEval_RestoreThread(thread);
  } catch (const abi::__forced_unwind&) {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
#else
  PyEval_RestoreThread(thread);
#endif
}

/// While it lives this thread is without the interpreter lock.
class Unlocked {
 public:
  Unlocked() : thread_(PyEval_SaveThread()) {}
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;
  ~Unlocked() { take_lock(thread_); }

  /// ask(), with the lock.
  template <class Ask>
  auto locked(const Ask& ask) {
    take_lock(thread_);
    const auto answer = ask();
    thread_ = PyEval_SaveThread();
    return answer;
  }

 private:
  PyThreadState* thread_;
};

/// Asks Python for pending signals, at most every 50 ms. A raised KeyboardInterrupt stays set.
class SignalCheckpoint final : public Checkpoint {
 public:
  explicit SignalCheckpoint(Unlocked& unlocked) : unlocked_(unlocked) {}

  bool may_go_on() override {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_asked_ < std::chrono::milliseconds(50)) return true;
    last_asked_ = now;
    return unlocked_.locked([] { return PyErr_CheckSignals() == 0; });
  }

 private:
  Unlocked& unlocked_;
  std::chrono::steady_clock::time_point last_asked_ = std::chrono::steady_clock::now();
};

/// kernel(execution) with the lock released. The kernel must not touch Python objects.
template <class Kernel>
auto run(int n_threads, const Kernel& kernel) {
  try {
    Unlocked unlocked;
    SignalCheckpoint checkpoint(unlocked);
    return kernel(Execution{n_threads, &checkpoint});
  } catch (const Interrupted&) {
    throw py::error_already_set();
  }
}

}  // namespace transferscore

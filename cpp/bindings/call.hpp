// Running a kernel: without the interpreter lock, but listening for Ctrl-C.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>

#include "transferscore/core/parallel.hpp"

namespace transferscore {

namespace py = pybind11;

/// Asks Python for pending signals, at most every 50 ms. A raised KeyboardInterrupt stays set.
class SignalCheckpoint final : public Checkpoint {
 public:
  bool may_go_on() override {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_asked_ < std::chrono::milliseconds(50)) return true;
    last_asked_ = now;
    const py::gil_scoped_acquire lock;
    return PyErr_CheckSignals() == 0;
  }

 private:
  std::chrono::steady_clock::time_point last_asked_ = std::chrono::steady_clock::now();
};

/// kernel(execution) with the lock released. The kernel must not touch Python objects.
template <class Kernel>
auto run(int n_threads, const Kernel& kernel) {
  SignalCheckpoint checkpoint;
  try {
    const py::gil_scoped_release unlocked;
    return kernel(Execution{n_threads, &checkpoint});
  } catch (const Interrupted&) {
    throw py::error_already_set();
  }
}

}  // namespace transferscore

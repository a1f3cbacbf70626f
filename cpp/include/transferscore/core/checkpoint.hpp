// "May I go on?", asked by long work between its blocks.
#pragma once

#include <stdexcept>

namespace transferscore {

/// Thrown where a checkpoint said no. Work in progress is discarded.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

/// The caller's answer. Asked from the calling thread alone, many times a second.
struct Checkpoint {
  virtual ~Checkpoint() = default;
  virtual bool may_go_on() = 0;
};

}  // namespace transferscore

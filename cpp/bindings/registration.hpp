// How a file of bindings puts itself into the extension's table of contents.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

namespace transferscore {

class Registration {
 public:
  using Register = void (*)(pybind11::module_&);

  explicit Registration(Register add) { all().push_back(add); }

  static void run(pybind11::module_& module) {
    for (const Register add : all()) add(module);
  }

 private:
  static std::vector<Register>& all() {
    static std::vector<Register> registrations;
    return registrations;
  }
};

}  // namespace transferscore

/// TRANSFERSCORE_BINDINGS(h_score) { module.def(...); } once in a file, with the file's name.
#define TRANSFERSCORE_BINDINGS(name)                                              \
  static void register_##name(pybind11::module_& module);                         \
  static const transferscore::Registration registration_##name(&register_##name); \
  static void register_##name(pybind11::module_& module)

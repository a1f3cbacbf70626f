// What module.cpp registers, one function a file.
#pragma once

#include <pybind11/pybind11.h>

namespace transferscore {

void register_checks(pybind11::module_& module);
void register_features(pybind11::module_& module);
void register_transport(pybind11::module_& module);

}  // namespace transferscore

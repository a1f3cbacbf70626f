// Table of contents of the extension.
#include <Eigen/Core>
#include <string>

#include "registration.hpp"

namespace py = pybind11;

namespace {

std::string dotted(int major, int minor, int patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace

PYBIND11_MODULE(TRANSFERSCORE_MODULE, module, py::mod_gil_not_used()) {
  module.attr("__version__") = TRANSFERSCORE_VERSION;
  module.attr("__isa__") = TRANSFERSCORE_ISA;
  // What the list of contents of a wheel is held against.
  module.attr("__eigen__") = dotted(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION);
  module.attr("__pybind11__") = dotted(PYBIND11_VERSION_MAJOR, PYBIND11_VERSION_MINOR, PYBIND11_VERSION_MICRO);
#if defined(__clang__)
  module.attr("__compiler__") = "Clang " __clang_version__;
#elif defined(__GNUC__)
  module.attr("__compiler__") = "GCC " __VERSION__;
#elif defined(_MSC_VER)
  module.attr("__compiler__") = "MSVC " + std::to_string(_MSC_VER);
#else
  module.attr("__compiler__") = "unknown";
#endif
#ifdef _OPENMP
  module.attr("__openmp__") = _OPENMP;
#else
  module.attr("__openmp__") = 0;
#endif
  transferscore::Registration::run(module);
}

// Table of contents of the extension.
#include <string>

#include "registration.hpp"

namespace py = pybind11;

PYBIND11_MODULE(TRANSFERSCORE_MODULE, module, py::mod_gil_not_used()) {
  module.attr("__version__") = TRANSFERSCORE_VERSION;
  module.attr("__isa__") = TRANSFERSCORE_ISA;
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

// Module _cpu: which of the built instruction-set levels this processor and operating system can run.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <sstream>
#include <string>
#include <vector>

#if defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
#include <immintrin.h>
#include <intrin.h>
#endif

namespace {

#if defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))

bool bit(int word, int index) { return (word >> index) & 1; }

// The processor may know wide registers that the operating system does not save: xgetbv tells.
bool can_run(const std::string& level) {
  int one[4], seven[4];
  __cpuid(one, 1);
  __cpuidex(seven, 7, 0);
  if (level == "base") return bit(one[2], 20) && bit(one[2], 23);
  const unsigned long long saved = bit(one[2], 27) ? _xgetbv(0) : 0;
  const bool v3 = (saved & 0x6) == 0x6 && bit(one[2], 12) && bit(seven[1], 5) && bit(seven[1], 3) && bit(seven[1], 8);
  if (level == "v3") return v3;
  return v3 && (saved & 0xe0) == 0xe0 && bit(seven[1], 16) && bit(seven[1], 17) && bit(seven[1], 28) &&
         bit(seven[1], 30) && bit(seven[1], 31);
}

#elif defined(__x86_64__) && defined(__GNUC__)

// These builtins also ask whether the operating system saves the registers.
bool can_run(const std::string& level) {
  __builtin_cpu_init();
  if (level == "base") return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2");
  if (level == "v3") return v3;
  return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

#else

bool can_run(const std::string& level) { return level == "base"; }

#endif

std::vector<std::string> built_levels() {
  std::vector<std::string> levels;
  std::istringstream names(TRANSFERSCORE_LEVELS);
  for (std::string name; std::getline(names, name, ',');) levels.push_back(name);
  return levels;
}

}  // namespace

PYBIND11_MODULE(_cpu, module, pybind11::mod_gil_not_used()) {
  module.def("built_levels", &built_levels, "Instruction-set levels of this build, plainest first.");
  module.def("can_run", &can_run, pybind11::arg("level"), "Can processor and operating system run this level?");
}

// Runs every case on one thread and on four, compares them to the bit, and interrupts each somewhere.
//
//   driver                 all cases
//   driver h_score         those whose name begins so
//   driver --plant=NAME    commits a fault that the checker must see: heap, undefined, race, assertion, uninitialised
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>

#include "cases.hpp"
#include "transferscore/core/finite.hpp"
#include "transferscore/lfc.hpp"

namespace transferscore {
namespace {

/// Says no from a certain question on.
class Patience final : public Checkpoint {
 public:
  explicit Patience(int questions) : left_(questions) {}
  bool may_go_on() override { return left_ != 0 && (left_ < 0 || --left_ != 0); }

 private:
  int left_;  // below 0: for ever
};

/// The digest of a case; what it threw counts, too.
std::uint64_t run(const Case& body, int n_threads, int questions) {
  Patience patience(questions);
  Digest digest;
  try {
    body(Execution{n_threads, &patience}, digest);
  } catch (const std::overflow_error&) {
    digest.add(1);
  } catch (const Interrupted&) {
    digest.add(2);
  }
  return digest.value();
}

int run_all(const std::string& prefix) {
  int n_run = 0, n_failed = 0;
  for (const auto& [name, body] : Cases::all()) {
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    const std::uint64_t alone = run(body, 1, -1);
    if (run(body, 4, -1) != alone) {
      std::printf("%s: other bits on four threads\n", name.c_str());
      ++n_failed;
    }
    for (const int questions : {1, 3}) run(body, 4, questions);
    ++n_run;
  }
  std::printf("%d cases, %d failed\n", n_run, n_failed);
  return n_failed == 0 && n_run > 0 ? 0 : 1;
}

// ------------------------------------------------------------------------ planted faults

/// A row more than there are: the step beyond is the kernel's.
void plant_heap() {
  const auto made = problem<double>(4, 3, 2);
  std::printf("%ld\n", static_cast<long>(first_nonfinite<double>({made.x.data(), made.n + 1, made.d}, Execution{})));
}

/// More numbers than can be counted.
void plant_undefined() {
  const std::vector<double> values(12);
  constexpr Index half = std::numeric_limits<Index>::max() / 2;
  std::printf("%ld\n", static_cast<long>(first_nonfinite<double>({values.data(), half, 4}, Execution{})));
}

/// Two tasks with one result.
void plant_race() {
  double sum = 0;
  const auto add = [&](const Execution& team) {
    parallel_for(1000, team, [&](Index i) { sum += static_cast<double>(i); });
  };
  with_team(Execution{4, nullptr}, 1e9, add);
  std::printf("%g\n", sum);
}

/// A class that there is not.
void plant_assertion() {
  auto made = problem<double>(6, 3, 2);
  Eigen::MatrixXd sums = Eigen::MatrixXd::Zero(made.d, made.n_classes);
  made.ids[0] = 7;
  for (Index i = 0; i < made.n; ++i) sums.col(made.ids[i]) += made.features().row(i).transpose();
  std::printf("%g\n", sums.sum());
}

/// Numbers that nobody wrote.
void plant_uninitialised() {
  const std::unique_ptr<double[]> values(new double[12]);
  std::printf("%ld\n", static_cast<long>(first_nonfinite<double>({values.get(), 4, 3}, Execution{})));
}

int plant(const std::string& fault) {
  if (fault == "heap") plant_heap();
  if (fault == "undefined") plant_undefined();
  if (fault == "race") plant_race();
  if (fault == "assertion") plant_assertion();
  if (fault == "uninitialised") plant_uninitialised();
  return 0;  // whoever should have seen it did not
}

}  // namespace
}  // namespace transferscore

int main(int count, char** arguments) {
  const std::string argument = count > 1 ? arguments[1] : "";
  const std::string option = "--plant=";
  if (argument.compare(0, option.size(), option) == 0) return transferscore::plant(argument.substr(option.size()));
  return transferscore::run_all(argument);
}

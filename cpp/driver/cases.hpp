// Small and awkward problems for every kernel, and where the cases of each file put themselves.
#pragma once

#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "transferscore/core/parallel.hpp"

namespace transferscore {

/// What a case returned, to the bit: the same for any number of threads.
class Digest {
 public:
  void add(const void* bytes, std::size_t size) {
    const auto* byte = static_cast<const unsigned char*>(bytes);
    for (std::size_t i = 0; i < size; ++i) value_ = (value_ ^ byte[i]) * 1099511628211u;
  }
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
  void add(T number) {
    add(&number, sizeof(number));
  }
  template <class T>
  void add(const std::vector<T>& values) {
    for (const T& value : values) add(static_cast<T>(value));
  }
  template <class M>
  void add(const Eigen::DenseBase<M>& matrix) {
    const Eigen::Matrix<typename M::Scalar, Eigen::Dynamic, Eigen::Dynamic> copy = matrix;
    add(copy.data(), sizeof(typename M::Scalar) * static_cast<std::size_t>(copy.size()));
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 14695981039346656037u;
};

/// Features and labels in memory of exactly their size, so that a step beyond is seen.
template <class T>
struct Problem {
  Index n, d, n_classes;
  std::vector<T> x;               // (n, d)
  std::vector<std::int32_t> ids;  // (n,)
  std::vector<double> columns;    // (n, 2) real targets

  MatrixView<T> features() const { return {x.data(), n, d}; }
  MatrixView<double> values() const { return {columns.data(), n, 2}; }
  LabelSets labels() const { return {ids.data(), n, {n_classes}}; }
};

enum class Values { usual, constant, twice, far, tiny, huge, units, zeros };
constexpr Values all_values[] = {Values::usual, Values::constant, Values::twice, Values::far,
                                 Values::tiny,  Values::huge,     Values::units, Values::zeros};

template <class T>
Problem<T> problem(Index n, Index d, Index n_classes, Values values = Values::usual, unsigned seed = 0) {
  std::mt19937_64 bits(seed + 31u * static_cast<unsigned>(n) + 7u * static_cast<unsigned>(d));
  std::normal_distribution<double> normal;
  Problem<T> made{n, d, n_classes, std::vector<T>(n * d), std::vector<std::int32_t>(n), std::vector<double>(2 * n)};
  for (Index i = 0; i < n; ++i) {
    made.ids[i] = static_cast<std::int32_t>(i % n_classes);
    for (Index c = 0; c < 2; ++c) made.columns[2 * i + c] = normal(bits);
    for (Index j = 0; j < d; ++j) {
      double value = normal(bits) + static_cast<double>(made.ids[i] == j % n_classes);
      if (values == Values::constant) value = 3;
      if (values == Values::twice && i % 2 == 1) value = static_cast<double>(made.x[(i - 1) * d + j]);
      if (values == Values::far) value += 1e4;
      if (values == Values::tiny) value *= sizeof(T) == 8 ? 1e-150 : 1e-30;
      if (values == Values::huge) value *= sizeof(T) == 8 ? 1e140 : 1e17;
      if (values == Values::units) value *= j % 2 == 0 ? 1e6 : 1e-6;
      if (values == Values::zeros) value = i == 0 ? 1 : 0;
      made.x[i * d + j] = static_cast<T>(value);
    }
  }
  return made;
}

struct Shape {
  Index n, d, n_classes;
};
/// A sample for each class, fewer samples than features and the other way round, pieces that do not come out even.
constexpr Shape shapes[] = {{2, 1, 2}, {3, 7, 2}, {9, 9, 3}, {5, 70, 2}, {67, 33, 4}, {300, 17, 5}};

/// body(execution, digest): may throw std::overflow_error, where squares leave their range.
using Case = std::function<void(const Execution&, Digest&)>;

class Cases {
 public:
  static std::vector<std::pair<std::string, Case>>& all() {
    static std::vector<std::pair<std::string, Case>> cases;
    return cases;
  }
  explicit Cases(const std::function<void()>& add) { add(); }
};

inline void add_case(std::string name, Case body) { Cases::all().emplace_back(std::move(name), std::move(body)); }

/// A case for each shape, and for each kind of values at a shape with more samples than features and one with fewer;
/// of both types.
template <class Body>
void add_for_problems(const std::string& name, const Body& body) {
  const auto add = [&](const Shape& shape, Values values) {
    const std::string where = name + " " + std::to_string(shape.n) + "x" + std::to_string(shape.d) + " values " +
                              std::to_string(static_cast<int>(values));
    add_case(where + " double", [=](const Execution& on, Digest& digest) {
      body(problem<double>(shape.n, shape.d, shape.n_classes, values), on, digest);
    });
    add_case(where + " float", [=](const Execution& on, Digest& digest) {
      body(problem<float>(shape.n, shape.d, shape.n_classes, values), on, digest);
    });
  };
  for (const Shape& shape : shapes) add(shape, Values::usual);
  for (const Values values : all_values) add({40, 12, 3}, values), add({20, 30, 3}, values);
}

}  // namespace transferscore

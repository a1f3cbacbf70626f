// Labels, probabilities, neighbours and mixtures.
#include <limits>

#include "cases.hpp"
#include "transferscore/core/class_ids.hpp"
#include "transferscore/core/finite.hpp"
#include "transferscore/knn.hpp"
#include "transferscore/leep.hpp"
#include "transferscore/maximal_h_score.hpp"
#include "transferscore/nce.hpp"
#include "transferscore/nleep.hpp"
#include "transferscore/parc.hpp"

namespace transferscore {
namespace {

template <class I>
void add_labels(const std::string& name, const std::vector<I>& labels) {
  add_case("class_ids " + name, [=](const Execution& on, Digest& digest) {
    std::vector<std::int32_t> ids(labels.size());
    digest.add(class_ids(labels.data(), static_cast<Index>(labels.size()), 1, ids.data(), on));
    digest.add(ids);
  });
  add_case("nce " + name, [=](const Execution& on, Digest& digest) {
    const std::vector<I> others(labels.rbegin(), labels.rend());
    digest.add(nce(labels.data(), others.data(), static_cast<Index>(labels.size()), on));
  });
}

template <class I>
void add_all_labels(const std::string& type) {
  constexpr I least = std::numeric_limits<I>::min(), most = std::numeric_limits<I>::max();
  add_labels<I>(type + " few", {3, 1, 3, 2});
  add_labels<I>(type + " one", {5});
  add_labels<I>(type + " far apart", {least, most, 0, least, most, -1});
  add_labels<I>(type + " at the end", {most, static_cast<I>(most - 1), most});
  std::vector<I> many(70000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<I>(i * i % 211) - 100;
  add_labels<I>(type + " many", many);
}

template <class T>
std::vector<T> shares(const Problem<T>& p) {
  std::vector<T> rows(p.x.size());
  for (Index i = 0; i < p.n; ++i) {
    double sum = 0;
    for (Index j = 0; j < p.d; ++j) sum += 1 + static_cast<double>((i * p.d + j) % 3);
    for (Index j = 0; j < p.d; ++j) rows[i * p.d + j] = static_cast<T>((1 + (i * p.d + j) % 3) / sum);
  }
  return rows;
}

const Cases cases([] {
  add_all_labels<std::int32_t>("int32");
  add_all_labels<std::int64_t>("int64");
  add_for_problems("first_nonfinite", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    auto copy = p;
    copy.x.back() = std::numeric_limits<T>::quiet_NaN();
    digest.add(first_nonfinite<T>(p.features(), on));
    digest.add(first_nonfinite<T>(copy.features(), on));
  });
  add_for_problems("leep", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    const std::vector<T> rows = shares(p);
    const MatrixView<T> view(rows.data(), p.n, p.d);
    digest.add(leep<T>(view, Rows::as_given, 1e-3, p.ids.data(), p.n_classes, on).score);
    digest.add(leep<T>(p.features(), Rows::softmax, 1e-3, p.ids.data(), p.n_classes, on).score);
    const RowMatrix<double> masses = label_masses<T>(view, Rows::normalised, p.ids.data(), p.n_classes, on);
    const MatrixView<double> conditional(masses.data(), masses.rows(), masses.cols());
    digest.add(label_likelihoods<T>(view, Rows::as_given, p.ids.data(), conditional, on).logs);
    digest.add(first_bad_row<T>(p.features(), 1e-3, on).row);
  });
  add_for_problems("maximal_h_score", [](const auto& p, const Execution& on, Digest& digest) {
    std::vector<std::int32_t> x(p.n);
    for (Index i = 0; i < p.n; ++i) x[i] = static_cast<std::int32_t>(i % std::min<Index>(p.n, 6));
    const DiscreteVariable values{x.data(), std::min<Index>(p.n, 6)}, classes{p.ids.data(), p.n_classes};
    for (const bool svd : {false, true}) {
      const MaximalHScoreOptions options{1, 1, svd, 1e-10, 50, true};
      digest.add(maximal_h_score(values, classes, p.n, options, on).value);
    }
    const Ids z{x.data(), std::min<Index>(p.n, 6)}, y{p.ids.data(), p.n_classes};
    digest.add(pair_counts(z, y, p.n, on).counts);
  });
  add_for_problems("knn", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    for (const Metric metric : {Metric::euclidean, Metric::cosine}) {
      const Neighbours found = nearest_neighbours<T>(p.features(), std::min<Index>(p.n - 1, 5), metric, on);
      digest.add(elected(found.indices, p.ids.data(), p.n_classes));
      digest.add(neighbour_means(found.indices, p.values()).predictions);
    }
  });
  add_for_problems("parc", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    digest.add(parc<T>(p.features(), ClassPairs(p.ids.data()), on).value);
    std::vector<std::uint8_t> bits(p.n * 3);
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = i % 5 == 0 || i % 3 == 1;
    const MatrixView<std::uint8_t> rows(bits.data(), p.n, 3);
    digest.add(parc<T>(p.features(), MultiLabelPairs(rows), on).value);
  });
  add_for_problems("nleep", [](const auto& p, const Execution& on, Digest& digest) {
    using T = std::decay_t<decltype(p.x[0])>;
    for (const Covariance covariance : {Covariance::full, Covariance::diagonal, Covariance::spherical}) {
      const NleepOptions options{{0, 0.8}, std::min<Index>(p.n, 3), {covariance, 1e-6, 1e-3, 20}, true, 7};
      const Nleep result = nleep<T>(p.features(), p.ids.data(), p.n_classes, options, on);
      digest.add(result.value);
      digest.add(result.start);
    }
  });
});

}  // namespace
}  // namespace transferscore

// k nearest neighbours, each sample left out in turn. Baseline of Sorkhei et al., TMLR 2025.
//
// The distance of samples i and j is defined by sums in double, in the order of the features f:
//
//   euclidean   D_ij = sum_f (x_if - x_jf)^2,  reported as its square root                                     (1)
//   cosine      D_ij = 1 - <x_i, x_j> / sqrt(<x_i, x_i> <x_j, x_j>),  1 where x_i or x_j is zero               (2)
//
// N(i) are the k others with the least (D_ij, j), compared in that order. To find them, products of points z in
// the caller's precision bound every distance, with s_i = ||z_i||^2 about a centre for (1), z_i = x_i / ||x_i||
// / sqrt(2) and s_i = 1/2 for (2):
//
//   | s_i + s_j - 2 <z_i, z_j> - D_ij |  <=  e (s_i + s_j) + underflow                                         (3)
//
// Only distances whose lower bound does not exceed the k-th upper bound are computed as (1) or (2) say. The k nearest
// do not depend on the order in which pairs are seen, so tiles of pairs go to whichever thread is free.
#pragma once

#include <cmath>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "core/frame.hpp"

namespace transferscore {

enum class Metric { euclidean, cosine };

struct Neighbours {
  RowMatrix<std::int64_t> indices;  // (n, k) the nearest first
  RowMatrix<double> distances;      // (n, k)
};

namespace detail {

/// sum_f term(c, f) for c in 0 .. count-1, each in the order of f. The terms are stored before they are added: fused
/// with the addition they would not be rounded, on some processors and not on others.
template <class Term>
void ordered_sums(Index count, Index d, const Term& term, double* sums /* (count,) */) {
  constexpr Index side_by_side = 8, piece = 64;  // several sums at once, or each addition would wait for the last
  double terms[piece][side_by_side] = {};
  for (Index first = 0; first < count; first += side_by_side) {
    const Index width = std::min(side_by_side, count - first);
    double sum[side_by_side] = {};
    for (Index f = 0; f < d; f += piece) {
      const Index length = std::min(piece, d - f);
      for (Index c = 0; c < width; ++c)
        for (Index t = 0; t < length; ++t) terms[t][c] = term(first + c, f + t);
      for (Index t = 0; t < length; ++t)
        for (Index c = 0; c < side_by_side; ++c) sum[c] += terms[t][c];
    }
    std::copy(sum, sum + width, sums + first);
  }
}

/// Largest of value(i) over the samples.
template <class Value>
double largest_of(Index n, const Execution& execution, const Value& value) {
  constexpr Index piece = 256;
  Eigen::VectorXd largest = Eigen::VectorXd::Zero((n + piece - 1) / piece);
  parallel_for_pieces(n, piece, execution, [&](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) largest[first / piece] = std::max(largest[first / piece], value(i));
  });
  return largest.maxCoeff();
}

/// Distances as they are defined, in a unit that is a power of two, and the points that bound them.
template <class T>
class Distances {
 public:
  Distances(MatrixView<T> features /* (n, d) */, Metric metric, const Execution& execution)
      : x_(features),
        metric_(metric),
        unit_(Eigen::VectorXd::Ones(features.rows())),
        s_(features.rows()),
        z_(padded_matrix<T>(features.rows(), features.cols())) {
    if (metric == Metric::euclidean) {
      centre(execution);
    } else {
      normalise(execution);
    }
  }

  Index n() const { return x_.rows(); }
  Index d() const { return x_.cols(); }
  auto points() const { return z_.leftCols(x_.cols()); }  // z (n, d)
  double s(Index i) const { return s_[i]; }

  /// D_ij for some j.
  void compute(Index i, const std::vector<Index>& others /* (count,) */, std::vector<double>& distances) const {
    const Index count = static_cast<Index>(others.size());
    distances.resize(others.size());
    const T* x = row(i);
    if (metric_ == Metric::euclidean) {
      const auto square = [&](Index c, Index f) {
        const double difference = (static_cast<double>(x[f]) - static_cast<double>(row(others[c])[f])) * unit_[0];
        return difference * difference;
      };
      ordered_sums(count, d(), square, distances.data());
      return;
    }
    products(i, others.data(), count, distances.data());
    for (Index c = 0; c < count; ++c) {
      const double norms = std::sqrt(squared_norms_[i] * squared_norms_[others[c]]);
      distances[c] = norms > 0 ? std::max(0.0, 1 - distances[c] / norms) : 1.0;
    }
  }

  /// D as it is reported.
  double reported(double distance) const {
    return metric_ == Metric::euclidean ? std::sqrt(distance) / unit_[0] : distance;
  }

 private:
  const T* row(Index i) const { return x_.data() + i * x_.cols(); }

  /// <x_i, x_j>, each in the unit of its row.
  void products(Index i, const Index* others /* (count,) */, Index count, double* sums /* (count,) */) const {
    const T* x = row(i);
    const auto product = [&](Index c, Index f) {
      return (static_cast<double>(x[f]) * unit_[i]) * (static_cast<double>(row(others[c])[f]) * unit_[others[c]]);
    };
    ordered_sums(count, d(), product, sums);
  }

  /// z = (x - centre) * unit, where the largest is about 1.
  void centre(const Execution& execution) {
    const Eigen::ArrayXd shift = sampled_frame(x_, Scaling::common).shift.template cast<double>();
    const auto offset = [&](Index i, Index f) { return static_cast<double>(row(i)[f]) - shift[f]; };
    const double spread = largest_of(n(), execution, [&](Index i) {
      double largest = 0;
      for (Index f = 0; f < d(); ++f) largest = std::max(largest, std::abs(offset(i, f)));
      return largest;
    });
    if (!std::isfinite(spread)) throw std::overflow_error("differences of features");
    unit_.setConstant(inverse_power_of_two(spread));
    parallel_for_pieces(n(), 64, execution, [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) {
        double sum = 0;
        for (Index f = 0; f < d(); ++f) {
          const T z = static_cast<T>(offset(i, f) * unit_[0]);
          z_(i, f) = z;
          sum += static_cast<double>(z) * static_cast<double>(z);
        }
        s_[i] = sum;
      }
    });
  }

  /// z = x / ||x|| / sqrt(2)
  void normalise(const Execution& execution) {
    s_.setConstant(0.5);
    squared_norms_.resize(n());
    parallel_for_pieces(n(), 64, execution, [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) {
        double largest = 0;
        for (Index f = 0; f < d(); ++f) largest = std::max(largest, std::abs(static_cast<double>(row(i)[f])));
        unit_[i] = inverse_power_of_two(largest);
        products(i, &i, 1, &squared_norms_[i]);
        const double factor = squared_norms_[i] > 0 ? std::sqrt(0.5 / squared_norms_[i]) : 0;
        for (Index f = 0; f < d(); ++f) z_(i, f) = static_cast<T>(static_cast<double>(row(i)[f]) * unit_[i] * factor);
      }
    });
  }

  MatrixView<T> x_;
  Metric metric_;
  Eigen::VectorXd unit_;           // (n,) powers of two: of each row for (2), of all for (1)
  Eigen::VectorXd s_;              // (n,)
  Eigen::VectorXd squared_norms_;  // (n,) in the unit of the row, for (2)
  RowMatrix<T> z_;                 // (n, >= d)
};

/// Bounds (3), with u the unit roundoff: products of d terms err by no more than d u, what is rounded before and after
/// them by less than 16 u, sums in double by 4 (d + 4) of its own.
template <class T>
class Bounds {
 public:
  explicit Bounds(Index d) {
    const double width = static_cast<double>(d), products = u * (width + 16);
    share_ = products / std::max(1 - products, 1e-3) + 4 * (width + 4) * std::numeric_limits<double>::epsilon();
    least_ = 4 * width * static_cast<double>(std::numeric_limits<T>::min());
  }

  double error(double s_sum) const { return share_ * s_sum + least_; }

  /// w in `w_j - 2 <z_i, z_j> < threshold(limit_i, s_i)`, which no pair fails whose lower bound is <= limit_i.
  T weight(double s) const { return static_cast<T>(wider() * s); }
  T threshold(double limit, double s) const {
    return static_cast<T>(limit - wider() * s + 2 * least_ + 4 * u * (limit + s));
  }

 private:
  static constexpr double u = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;
  double wider() const { return 1 - share_ - 8 * u; }
  double share_, least_;
};

struct Candidate {
  double distance;  // or a lower bound of it
  Index index;
  bool operator<(const Candidate& other) const {
    return distance != other.distance ? distance < other.distance : index < other.index;
  }
};

/// What is known of the k nearest of one sample.
class Nearest {
 public:
  explicit Nearest(Index k) : k_(static_cast<std::size_t>(k)) {}

  /// No other sample farther than this is among the k nearest.
  double limit() const {
    constexpr double none = std::numeric_limits<double>::infinity();
    const double known = best_.size() == k_ ? best_.back().distance : none;
    return std::min(known, upper_.size() == k_ ? upper_.front() : none);
  }

  void offer(Candidate lower_bound, double upper_bound) {
    if (!may_count(lower_bound)) return;
    pending_.push_back(lower_bound);
    if (upper_.size() == k_) {
      if (upper_bound >= upper_.front()) return;
      std::pop_heap(upper_.begin(), upper_.end());
      upper_.pop_back();
    }
    upper_.push_back(upper_bound);
    std::push_heap(upper_.begin(), upper_.end());
  }

  /// Forgets candidates that have become too far; computes the distances of the rest where they are too many.
  template <class Compute>
  void tidy(const Compute& compute) {
    const std::size_t most = 4 * k_ + 32;
    if (pending_.size() < most) return;
    pending_.erase(std::remove_if(pending_.begin(), pending_.end(), [&](const Candidate& c) { return !may_count(c); }),
                   pending_.end());
    if (pending_.size() > most / 2) settle(compute);
  }

  /// Computes the distances that matter: best() is then right.
  template <class Compute>
  void settle(const Compute& compute) {
    std::vector<Index> indices;
    for (const Candidate& c : pending_)
      if (may_count(c)) indices.push_back(c.index);
    pending_.clear();
    std::vector<double> distances;
    compute(indices, distances);
    for (std::size_t c = 0; c < indices.size(); ++c) best_.push_back({distances[c], indices[c]});
    std::sort(best_.begin(), best_.end());
    if (best_.size() > k_) best_.resize(k_);
  }

  const std::vector<Candidate>& best() const { return best_; }

 private:
  bool may_count(const Candidate& lower_bound) const {
    return lower_bound.distance <= limit() && (best_.size() < k_ || lower_bound < best_.back());
  }

  std::size_t k_;
  std::vector<Candidate> best_;     // distances computed, the k nearest first
  std::vector<Candidate> pending_;  // lower bounds
  std::vector<double> upper_;       // heap of the k least upper bounds
};

/// Selects neighbours from tiles of pairs.
template <class T>
class Selection {
 public:
  Selection(const Distances<T>& distances, Index k)
      : distances_(distances),
        bounds_(distances.d()),
        nearest_(static_cast<std::size_t>(distances.n()), Nearest(k)),
        weights_(distances.n()),
        thresholds_(distances.n()),
        locks_(static_cast<std::size_t>(n_blocks())) {
    for (Index i = 0; i < distances.n(); ++i) weights_[i] = bounds_.weight(distances.s(i));
    thresholds_.setConstant(std::numeric_limits<T>::infinity());
  }

  void run(const Execution& execution) {
    // By diagonals: tasks that run at the same time rarely want the same rows.
    std::vector<std::pair<Index, Index>> tiles;
    for (Index apart = 0; apart < n_blocks(); ++apart)
      for (Index b = 0; b + apart < n_blocks(); ++b) tiles.push_back({b, b + apart});
    parallel_for(static_cast<Index>(tiles.size()), execution, [&](Index t) { see(tiles[t].first, tiles[t].second); });
  }

  void write(Neighbours& neighbours, const Execution& execution) {
    parallel_for_pieces(distances_.n(), 64, execution, [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) {
        nearest_[i].settle(compute(i));
        const std::vector<Candidate>& best = nearest_[i].best();
        for (Index c = 0; c < neighbours.indices.cols(); ++c) {
          neighbours.indices(i, c) = best[c].index;
          neighbours.distances(i, c) = distances_.reported(best[c].distance);
        }
      }
    });
  }

 private:
  static constexpr Index edge = 256;
  Index n_blocks() const { return (distances_.n() + edge - 1) / edge; }

  auto compute(Index i) const {
    return [this, i](const std::vector<Index>& others, std::vector<double>& distances) {
      distances_.compute(i, others, distances);
    };
  }

  /// The pairs of two blocks of samples, or of one with itself.
  void see(Index a, Index b) {
    const Index first_row = a * edge, first_column = b * edge;
    const auto rows = distances_.points().middleRows(first_row, std::min(edge, distances_.n() - first_row));
    const auto columns = distances_.points().middleRows(first_column, std::min(edge, distances_.n() - first_column));
    RowMatrix<T> products(rows.rows(), columns.rows());
    products.noalias() = rows * columns.transpose();
    if (a == b) {
      const std::lock_guard<std::mutex> lock(locks_[a]);
      products.diagonal().setConstant(-std::numeric_limits<T>::infinity());  // no sample is its own neighbour
      for (Index i = 0; i < products.rows(); ++i)
        scan<false>(first_row + i, first_column, products.row(i).data(), products.cols());
    } else {
      const std::scoped_lock lock(locks_[a], locks_[b]);
      for (Index i = 0; i < products.rows(); ++i)
        scan<true>(first_row + i, first_column, products.row(i).data(), products.cols());
    }
  }

  /// Sample i against the samples from `first` on, and with `both` the other way round.
  template <bool both>
  void scan(Index i, Index first, const T* products /* (count,) */, Index count) {
    constexpr Index piece = 64;
    for (Index begin = 0; begin < count; begin += piece) {
      const Index end = std::min(count, begin + piece);
      const T *w = weights_.data() + first, *threshold = thresholds_.data() + first;
      const T w_i = weights_[i], threshold_i = thresholds_[i];
      int any = 0;
      for (Index j = begin; j < end; ++j) {
        any |= w[j] - 2 * products[j] < threshold_i;
        if constexpr (both) any |= w_i - 2 * products[j] < threshold[j];
      }
      if (any == 0) continue;
      for (Index j = begin; j < end; ++j) {
        if (w[j] - 2 * products[j] < thresholds_[i]) offer(i, first + j, products[j]);
        if constexpr (both)
          if (w_i - 2 * products[j] < threshold[j]) offer(first + j, i, products[j]);
      }
    }
  }

  void offer(Index i, Index j, T product) {
    const double s = distances_.s(i) + distances_.s(j), near = s - 2 * static_cast<double>(product);
    const double error = bounds_.error(s);
    nearest_[i].offer({std::max(0.0, near - error), j}, near + error);
    nearest_[i].tidy(compute(i));
    thresholds_[i] = bounds_.threshold(nearest_[i].limit(), distances_.s(i));
  }

  const Distances<T>& distances_;
  Bounds<T> bounds_;
  std::vector<Nearest> nearest_;                    // (n,)
  Eigen::Matrix<T, Eigen::Dynamic, 1> weights_;     // (n,)
  Eigen::Matrix<T, Eigen::Dynamic, 1> thresholds_;  // (n,)
  std::vector<std::mutex> locks_;                   // of blocks of samples
};

/// Pearson's correlation; 0 where a is constant but for rounding, as the mean of other values is.
inline double pearson(Eigen::VectorXd a /* (n,) */, Eigen::VectorXd b /* (n,) */) {
  const double unit_a = inverse_power_of_two(a.cwiseAbs().maxCoeff());
  const double unit_b = inverse_power_of_two(b.cwiseAbs().maxCoeff());
  a *= unit_a;
  b *= unit_b;
  a.array() -= a.mean();
  b.array() -= b.mean();
  constexpr double rounding = 16 * std::numeric_limits<double>::epsilon();
  if (a.cwiseAbs().maxCoeff() * unit_b <= rounding * b.cwiseAbs().maxCoeff() * unit_a) return 0;
  return std::clamp(a.dot(b) / std::sqrt(a.squaredNorm() * b.squaredNorm()), -1.0, 1.0);
}

}  // namespace detail

/// The k nearest others of every sample, k < n.
template <class T>
Neighbours nearest_neighbours(MatrixView<T> features /* (n, d) */, Index k, Metric metric, const Execution& execution) {
  const Index n = features.rows();
  Neighbours neighbours{RowMatrix<std::int64_t>(n, k), RowMatrix<double>(n, k)};
  const double work = 0.5 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(features.cols());
  with_team(execution, work, [&](const Execution& team) {
    const detail::Distances<T> distances(features, metric, team);
    detail::Selection<T> selection(distances, k);
    selection.run(team);
    selection.write(neighbours, team);
  });
  return neighbours;
}

/// For every sample the nearest neighbour of the class that most of its neighbours have; of classes with the same
/// number the one whose nearest member comes first.
inline std::vector<std::int64_t> elected(const RowMatrix<std::int64_t>& neighbours /* (n, k) */,
                                         const std::int32_t* ids /* (n,) */, Index n_classes) {
  std::vector<Index> votes(static_cast<std::size_t>(n_classes), 0);
  std::vector<std::int64_t> winners(static_cast<std::size_t>(neighbours.rows()));
  for (Index i = 0; i < neighbours.rows(); ++i) {
    const std::int64_t* row = neighbours.data() + i * neighbours.cols();
    for (Index c = 0; c < neighbours.cols(); ++c) ++votes[ids[row[c]]];
    winners[i] = *std::max_element(row, row + neighbours.cols(),
                                   [&](std::int64_t a, std::int64_t b) { return votes[ids[a]] < votes[ids[b]]; });
    for (Index c = 0; c < neighbours.cols(); ++c) votes[ids[row[c]]] = 0;
  }
  return winners;
}

/// Share of the samples whose own class is elected.
inline double accuracy(const std::vector<std::int64_t>& winners /* (n,) */, const std::int32_t* ids /* (n,) */) {
  Index right = 0;
  for (std::size_t i = 0; i < winners.size(); ++i) right += ids[winners[i]] == ids[i];
  return static_cast<double>(right) / static_cast<double>(winners.size());
}

struct NeighbourMeans {
  RowMatrix<double> predictions;  // (n, C)
  double correlation;             // with the targets, mean over the columns
};

/// The mean target of the neighbours, as an offset from the mean of all: targets far from zero keep their digits.
inline NeighbourMeans neighbour_means(const RowMatrix<std::int64_t>& neighbours /* (n, k) */,
                                      MatrixView<double> targets /* (n, C) */) {
  const Index n = targets.rows(), k = neighbours.cols();
  NeighbourMeans means{RowMatrix<double>(n, targets.cols()), 0};
  for (Index c = 0; c < targets.cols(); ++c) {
    const double unit = inverse_power_of_two(targets.col(c).cwiseAbs().maxCoeff());  // sums stay in range
    const Eigen::VectorXd scaled = targets.col(c) * unit;
    const double centre = scaled.mean();
    const Eigen::VectorXd centred = scaled.array() - centre;
    Eigen::VectorXd mean(n);
    for (Index i = 0; i < n; ++i) {
      double sum = 0;
      for (Index j = 0; j < k; ++j) sum += centred[neighbours(i, j)];
      mean[i] = sum / static_cast<double>(k);
    }
    means.predictions.col(c) = (mean.array() + centre) / unit;
    means.correlation += detail::pearson(mean, centred) / static_cast<double>(targets.cols());
  }
  return means;
}

}  // namespace transferscore

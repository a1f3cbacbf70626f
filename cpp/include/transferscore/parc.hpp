// PARC: Spearman's correlation of distances between features with distances between labels, Bolya et al., NeurIPS 2021.
//
// Z are the features with columns of mean 0 and variance 1 (0 where constant). For the N = n (n - 1) / 2 pairs i > j
//
//   a_ij = 1 - corr(Z_i, Z_j),   b_ij = 1 - corr(Y_i, Y_j),   Y_i the labels of a sample as a row of 0 and 1      (1)
//
// and with r and s the average ranks of a and b, less their mean (N + 1) / 2,
//
//   PARC = 100 sum r s / sqrt( sum r^2 sum s^2 )                                                                 (2)
//
// For one label per sample b has two values, and (2) is 100 (mean r of pairs of two classes - mean r of pairs of
// one class) sqrt(p (1 - p)) / sd(r), p the share of pairs of one class. There b = 0; all others share another value.
//
// Values of b are known as integers and so are their ties. Of a, values that differ by no more than rounding are tied:
// sorted, each within 1e-12 of the next. So a pair is one integer: a in fixed point, then the number of the value of b.
#pragma once

#include <bitset>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/frame.hpp"
#include "core/large_matrix.hpp"

namespace transferscore {

struct Parc {
  double value = 0;
  Index constant_row = -1;      // a sample whose standardised features are all the same: no correlation
  bool equal_features = false;  // all a_ij are tied
  bool equal_labels = false;    // all b_ij are tied
};

/// b_ij of one label for each sample: 0 or 1 in the order of b.
class ClassPairs {
 public:
  explicit ClassPairs(const std::int32_t* ids /* (n,) */) : ids_(ids) {}
  Index n_values() const { return 2; }
  std::uint64_t operator()(Index i, Index j) const { return ids_[i] != ids_[j]; }

 private:
  const std::int32_t* ids_;
};

/// b_ij of rows Y of 0 and 1, neither all 0 nor all 1. With m_i ones of C in row i, and m_ij ones in common,
/// corr = (C m_ij - m_i m_j) / sqrt(m_i (C - m_i) m_j (C - m_j)): its square is a quotient of integers, exact in double
/// up to C = 19,000 columns.
class MultiLabelPairs {
 public:
  explicit MultiLabelPairs(MatrixView<std::uint8_t> labels /* (n, C) */)
      : n_words_((labels.cols() + 63) / 64), words_(static_cast<std::size_t>(labels.rows() * n_words_), 0) {
    const Index n = labels.rows(), n_columns = labels.cols();
    std::vector<Index> of_size(static_cast<std::size_t>(n_columns) + 1, -1), ones(static_cast<std::size_t>(n), 0);
    for (Index i = 0; i < n; ++i) {
      for (Index c = 0; c < n_columns; ++c) {
        if (labels(i, c) == 0) continue;
        ++ones[i];
        words_[i * n_words_ + c / 64] |= std::uint64_t{1} << (c % 64);
      }
      of_size[ones[i]] = 0;
    }
    for (Index m = 0; m <= n_columns; ++m) {
      if (of_size[m] < 0) continue;
      of_size[m] = static_cast<Index>(sizes_.size());
      sizes_.push_back(m);
    }
    for (const Index m : ones) size_ids_.push_back(of_size[m]);
    tabulate(n_columns);
  }

  Index n_values() const { return n_values_; }

  std::uint64_t operator()(Index i, Index j) const {
    Index common = 0;
    for (Index w = 0; w < n_words_; ++w)
      common += static_cast<Index>(std::bitset<64>(words_[i * n_words_ + w] & words_[j * n_words_ + w]).count());
    return table_[place(size_ids_[i], size_ids_[j], common)];
  }

 private:
  std::size_t place(Index a, Index b, Index common) const {
    return static_cast<std::size_t>((a * static_cast<Index>(sizes_.size()) + b) * (sizes_.back() + 1) + common);
  }

  /// Numbers the values that b may have, from the least on.
  void tabulate(Index n_columns) {
    const Index n_sizes = static_cast<Index>(sizes_.size());
    constexpr double most = 1 << 24;
    if (static_cast<double>(n_sizes * n_sizes) * static_cast<double>(sizes_.back() + 1) > most)
      throw std::length_error("distances between labels");
    table_.assign(place(n_sizes - 1, n_sizes - 1, sizes_.back()) + 1, 0);
    std::vector<std::pair<double, std::size_t>> values;  // -corr |corr|, where in the table
    for (Index a = 0; a < n_sizes; ++a) {
      for (Index b = 0; b < n_sizes; ++b) {
        const Index p = sizes_[a], q = sizes_[b];
        const double square = static_cast<double>(p * (n_columns - p)) * static_cast<double>(q * (n_columns - q));
        for (Index common = std::max<Index>(0, p + q - n_columns); common <= std::min(p, q); ++common) {
          const double covariance = static_cast<double>(n_columns * common - p * q);
          values.push_back({-covariance * std::abs(covariance) / square, place(a, b, common)});
        }
      }
    }
    std::sort(values.begin(), values.end());
    for (std::size_t v = 0; v < values.size(); ++v) {
      if (v > 0 && values[v].first != values[v - 1].first) ++n_values_;
      table_[values[v].second] = static_cast<std::uint32_t>(n_values_ - 1);
    }
  }

  Index n_words_, n_values_ = 1;
  std::vector<std::uint64_t> words_;  // (n, n_words) the rows as bits
  std::vector<Index> sizes_;          // numbers of ones that occur
  std::vector<Index> size_ids_;       // (n,) which of them a row has
  std::vector<std::uint32_t> table_;  // (sizes, sizes, common)
};

namespace detail {

/// A pair as one integer.
struct PairKey {
  static constexpr int label_bits = 20;
  static constexpr Index most_values = Index{1} << label_bits;
  static constexpr double steps = 1LL << 42;  // of a in 0 .. 1

  static std::uint64_t of(double a, std::uint64_t label_value) {
    return static_cast<std::uint64_t>(std::clamp(a, 0.0, 2.0) * steps + 0.5) << label_bits | label_value;
  }
  static std::uint64_t a(std::uint64_t key) { return key >> label_bits; }
  static Index label_value(std::uint64_t key) { return static_cast<Index>(key & (most_values - 1)); }
  /// Rounding moves a value by one step at most.
  static bool are_tied(std::uint64_t less, std::uint64_t more) { return a(more) - a(less) <= 1; }
};

/// Writes columns of Z: mean 0 and variance 1, or 0.
template <class T>
void standardise_columns(MatrixView<T> x /* (n, d) */, Index first, Index count, RowMatrix<double>& z /* (n, >= d) */) {
  const Index n = x.rows();
  const auto offset = [&](Index i) {
    return x.row(i).segment(first, count).template cast<double>().array() -
           x.row(0).segment(first, count).template cast<double>().array();
  };
  Eigen::Array<double, 1, Eigen::Dynamic> spread = Eigen::Array<double, 1, Eigen::Dynamic>::Zero(count);
  for (Index i = 0; i < n; ++i) spread = spread.max(offset(i).abs());
  if (!spread.isFinite().all()) throw std::overflow_error("differences of features");
  const auto unit = spread.unaryExpr([](double magnitude) { return inverse_power_of_two(magnitude); }).eval();
  Eigen::Array<double, 1, Eigen::Dynamic> mean = decltype(mean)::Zero(count), squares = mean;
  for (Index i = 0; i < n; ++i) mean += offset(i) * unit;
  mean /= static_cast<double>(n);
  for (Index i = 0; i < n; ++i) squares += (offset(i) * unit - mean).square();
  const auto deviation = (squares / static_cast<double>(n)).sqrt().eval();
  const auto factor = (spread > 0).select(deviation.inverse(), 0.0).eval();
  for (Index i = 0; i < n; ++i) z.row(i).segment(first, count).array() = (offset(i) * unit - mean) * factor;
}

/// Z with rows of mean 0 and length 1; the first row without a direction, or -1.
template <class T>
Index standardise(MatrixView<T> x /* (n, d) */, RowMatrix<double>& z /* (n, >= d) */, const Execution& execution) {
  const Index n = x.rows(), d = x.cols();
  parallel_for_pieces(d, 64, execution, [&](Index first, Index count) { standardise_columns(x, first, count, z); });
  std::vector<char> is_constant(static_cast<std::size_t>(n), 0);
  parallel_for_pieces(n, 64, execution, [&](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) {
      auto row = z.row(i).head(d);
      constexpr double rounding = 1e-12;  // of values whose standard deviation is 1
      const double level = rounding * std::sqrt(static_cast<double>(d) + row.squaredNorm());
      row.array() -= row.mean();
      const double length = row.norm();
      is_constant[i] = length <= level;
      row /= length > 0 ? length : 1;
    }
  });
  const auto found = std::find(is_constant.begin(), is_constant.end(), 1);
  return found == is_constant.end() ? -1 : found - is_constant.begin();
}

/// The keys of all pairs.
template <class Labels>
void write_keys(const RowMatrix<double>& z /* (n, >= d) */, Index d, const Labels& label_value, std::uint64_t* keys,
                const Execution& execution) {
  constexpr Index edge = 256;
  const Index n = z.rows();
  std::vector<std::pair<Index, Index>> tiles;
  for (Index i = 0; i < n; i += edge)
    for (Index j = 0; j <= i; j += edge) tiles.push_back({i, j});
  parallel_for(static_cast<Index>(tiles.size()), execution, [&](Index t) {
    const auto [first_row, first_column] = tiles[t];
    const auto rows = z.block(first_row, 0, std::min(edge, n - first_row), d);
    const auto columns = z.block(first_column, 0, std::min(edge, n - first_column), d);
    RowMatrix<double> products(rows.rows(), columns.rows());
    products.noalias() = rows * columns.transpose();
    for (Index k = 0; k < products.rows(); ++k) {
      const Index i = first_row + k, count = std::min(products.cols(), i - first_column);
      std::uint64_t* out = keys + i * (i - 1) / 2 + first_column;
      for (Index l = 0; l < count; ++l) out[l] = PairKey::of(1 - products(k, l), label_value(i, first_column + l));
    }
  });
}

/// Sorts one bucket by the bits of a below the bucket's; `other` has the same size, its content is lost.
inline void sort_bucket(std::uint64_t* keys, std::uint64_t* other, Index size, int n_bits) {
  constexpr Index small = 1024;
  if (size <= small) {
    std::sort(keys, keys + size);
    return;
  }
  constexpr int digit_bits = 11;
  constexpr std::uint64_t n_digits = 1 << digit_bits;
  std::vector<Index> starts(n_digits);
  std::uint64_t *from = keys, *to = other;
  for (int low = PairKey::label_bits; low < n_bits; low += digit_bits) {
    const auto digit = [low](std::uint64_t key) { return key >> low & (n_digits - 1); };
    std::fill(starts.begin(), starts.end(), 0);
    for (Index k = 0; k < size; ++k) ++starts[digit(from[k])];
    if (starts[digit(from[0])] == size) continue;
    Index sum = 0;
    for (Index& start : starts) sum += std::exchange(start, sum);
    for (Index k = 0; k < size; ++k) to[starts[digit(from[k])]++] = from[k];
    std::swap(from, to);
  }
  if (from != keys) std::copy(from, from + size, keys);
}

/// Sorts keys by a: into buckets by the leading bits, then each bucket. The sorted keys are in `sorted`.
inline void sort_keys(std::uint64_t* keys, std::uint64_t* sorted, Index size, const Execution& execution) {
  constexpr int bucket_shift = 51;  // a <= 2 is at most 2^43 steps: buckets 0 .. 2^12
  constexpr Index n_buckets = (Index{1} << 12) + 1, piece = Index{1} << 20;
  const Index n_pieces = (size + piece - 1) / piece;
  std::vector<Index> starts(static_cast<std::size_t>(n_pieces * n_buckets), 0);
  parallel_for_pieces(size, piece, execution, [&](Index first, Index count) {
    Index* counts = starts.data() + first / piece * n_buckets;
    for (Index k = first; k < first + count; ++k) ++counts[keys[k] >> bucket_shift];
  });
  std::vector<Index> bucket_starts;
  Index sum = 0;
  for (Index b = 0; b < n_buckets; ++b) {
    bucket_starts.push_back(sum);
    for (Index p = 0; p < n_pieces; ++p) sum += std::exchange(starts[p * n_buckets + b], sum);
  }
  bucket_starts.push_back(sum);
  parallel_for_pieces(size, piece, execution, [&](Index first, Index count) {
    Index* next = starts.data() + first / piece * n_buckets;
    for (Index k = first; k < first + count; ++k) sorted[next[keys[k] >> bucket_shift]++] = keys[k];
  });
  parallel_for(n_buckets, execution, [&](Index b) {
    const Index first = bucket_starts[b];
    sort_bucket(sorted + first, keys + first, bucket_starts[b + 1] - first, bucket_shift);
  });
}

/// How often each value of b occurs.
inline std::vector<Index> value_counts(const std::uint64_t* keys, Index size, Index n_values,
                                       const Execution& execution) {
  constexpr Index n_parts = 8;
  const Index part = (size + n_parts - 1) / n_parts;
  std::vector<std::vector<Index>> counts(n_parts);
  parallel_for_pieces(size, part, execution, [&](Index first, Index count) {
    std::vector<Index>& mine = counts[first / part];
    mine.assign(static_cast<std::size_t>(n_values), 0);
    for (Index k = first; k < first + count; ++k) ++mine[PairKey::label_value(keys[k])];
  });
  std::vector<Index> total(static_cast<std::size_t>(n_values), 0);
  for (const std::vector<Index>& some : counts)
    for (std::size_t v = 0; v < some.size(); ++v) total[v] += some[v];
  return total;
}

/// Average rank of the positions first .. last - 1 (from 0) of a sorted list, less the mean of all ranks.
inline double centred_rank(Index first, Index last, Index size) {
  return 0.5 * static_cast<double>(first + last - size);
}

struct RankSums {
  double r_r = 0, r_s = 0;
};

/// sum r^2 and sum r s over the ties that begin among positions first .. first + count - 1.
inline RankSums rank_sums(const std::uint64_t* sorted, Index size, Index first, Index count,
                          const std::vector<double>& s /* of each value of b */) {
  RankSums sums;
  const auto continues = [&](Index k) { return k > 0 && PairKey::are_tied(sorted[k - 1], sorted[k]); };
  Index begin = first;
  while (begin < first + count && continues(begin)) ++begin;
  while (begin < first + count) {
    double s_sum = 0;
    Index end = begin;
    do s_sum += s[PairKey::label_value(sorted[end++])];
    while (end < size && continues(end));
    const double r = centred_rank(begin, end, size);
    sums.r_r += r * r * static_cast<double>(end - begin);
    sums.r_s += r * s_sum;
    begin = end;
  }
  return sums;
}

/// (2) from the keys, which are sorted on the way.
inline Parc correlation_of_ranks(std::uint64_t* keys, std::uint64_t* sorted, Index size, Index n_values,
                                 const Execution& execution) {
  Parc parc;
  const std::vector<Index> counts = value_counts(keys, size, n_values, execution);
  std::vector<double> s;
  double s_s = 0;
  Index before = 0;
  for (const Index count : counts) {
    s.push_back(centred_rank(before, before + count, size));
    s_s += s.back() * s.back() * static_cast<double>(count);
    before += count;
  }
  sort_keys(keys, sorted, size, execution);
  constexpr Index piece = Index{1} << 18;
  std::vector<RankSums> parts(static_cast<std::size_t>((size + piece - 1) / piece));
  parallel_for_pieces(size, piece, execution, [&](Index first, Index count) {
    parts[first / piece] = rank_sums(sorted, size, first, count, s);
  });
  RankSums sums;
  for (const RankSums& part : parts) {
    sums.r_r += part.r_r;
    sums.r_s += part.r_s;
  }
  parc.equal_features = sums.r_r == 0;
  parc.equal_labels = s_s == 0;
  if (!parc.equal_features && !parc.equal_labels)
    parc.value = std::clamp(100 * (sums.r_s / std::sqrt(sums.r_r) / std::sqrt(s_s)), -100.0, 100.0);
  return parc;
}

}  // namespace detail

/// PARC of n >= 2 samples; `label_value` numbers the values of b in their order.
template <class T, class Labels>
Parc parc(MatrixView<T> features /* (n, d) */, const Labels& label_value, const Execution& execution) {
  const Index n = features.rows(), d = features.cols(), n_pairs = n * (n - 1) / 2;
  if (label_value.n_values() > detail::PairKey::most_values) throw std::length_error("distances between labels");
  Parc parc;
  const double work = static_cast<double>(n_pairs) * static_cast<double>(d);
  with_team(execution, work + 64 * static_cast<double>(n_pairs), [&](const Execution& team) {
    RowMatrix<double> z = padded_matrix<double>(n, d);
    const Index constant_row = detail::standardise(features, z, team);
    if (constant_row >= 0) {
      parc.constant_row = constant_row;
      return;
    }
    LargeMatrix<std::uint64_t> keys(2, n_pairs);  // and room to sort them
    detail::write_keys(z, d, label_value, keys.data(), team);
    z.resize(0, 0);
    parc = detail::correlation_of_ranks(keys.data(), keys.data() + n_pairs, n_pairs, label_value.n_values(), team);
  });
  return parc;
}

}  // namespace transferscore

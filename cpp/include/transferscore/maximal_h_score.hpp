// The largest H-score that any k features of a discrete x can reach: Bao et al., ICIP 2019, by alternating
// conditional expectations (ACE), Breiman and Friedman 1985.
//
// With P the joint distribution of x and y, P_x and P_y its marginals,
//
//   B_xy = (P_xy - P_x P_y) / sqrt(P_x P_y),   H = sum_{i <= k} sigma_i(B)^2                                        (1)
//   H = sum_xy (n n_xy - n_x n_y)^2 / (n^2 n_x n_y) = chi^2 / n where k is as large as can be                       (2)
//
// ACE repeats f(x) = E[g(y)|x], whitens, g(y) = E[f(x)|y]. In F = sqrt(P_x) f and G = sqrt(P_y) g that is subspace
// iteration with B^T B. B is M_xy = P_xy / sqrt(P_x P_y) on what is orthogonal to sqrt(P_y), and M has an entry
// for each cell that occurs, no more.
#pragma once

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "core/parallel.hpp"

namespace transferscore {

/// A discrete variable: value ids 0 .. size-1 without gaps.
struct DiscreteVariable {
  const std::int32_t* ids;  // (n,)
  Index size;
};

struct MaximalHScoreOptions {
  Index n_features;  // k < min(|X|, |Y|)
  Index block;       // k <= b < min(|X|, |Y|): vectors that are iterated together
  bool svd;          // of the dense B, in place of ACE
  double tol;        // relative error of the score
  Index max_iter;    // passes over the cells
  bool functions;    // f and g are wanted
};

struct MaximalHScore {
  double value = 0;
  Index n_iter = 0;
  bool converged = true;
  double error = 0;                 // of the score, estimated, relative
  Eigen::VectorXd singular_values;  // (k,) and, only where functions are wanted:
  RowMatrix<double> f, g;           // (|X|, k), (|Y|, k): zero mean, unit covariance, E[f_i g_j] = sigma_i 1[i = j]
};

namespace detail {

/// The cells of a contingency table that occur, row by row.
struct Cells {
  std::vector<Index> first;          // (rows + 1,)
  std::vector<std::int32_t> column;  // (nnz,) ascending in each row
  std::vector<double> entry;         // (nnz,)
  Index n_columns;

  Index rows() const { return static_cast<Index>(first.size()) - 1; }
  Index count() const { return first.back(); }
};

/// The positions 0 .. n-1, or those in `before`, in the order of ids; equal ids keep their order.
inline std::vector<Index> sorted_by(const DiscreteVariable& v, Index n, const std::vector<Index>* before,
                                    const Execution& execution) {
  constexpr Index piece = 1 << 20;
  std::vector<Index> next(v.size + 1, 0), order(n);
  for (Index i = 0; i < n; ++i) ++next[v.ids[i] + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  for (Index i = 0; i < n; ++i) {
    if (i % piece == 0) execution.check();
    const Index sample = before == nullptr ? i : (*before)[i];
    order[next[v.ids[sample]]++] = sample;
  }
  return order;
}

/// n_xy for each x.
inline Cells counted_cells(const DiscreteVariable& x, const DiscreteVariable& y, Index n, const Execution& execution) {
  const std::vector<Index> by_y = sorted_by(y, n, nullptr, execution);
  const std::vector<Index> order = sorted_by(x, n, &by_y, execution);
  Cells cells;
  cells.n_columns = y.size;
  cells.first.assign(x.size + 1, 0);
  Index row = -1;
  for (const Index i : order) {
    const bool is_new_row = x.ids[i] != row;
    if (is_new_row || y.ids[i] != cells.column.back()) {
      cells.column.push_back(y.ids[i]);
      cells.entry.push_back(0);
    }
    row = x.ids[i];
    cells.entry.back() += 1;
    cells.first[row + 1] = static_cast<Index>(cells.column.size());
  }
  return cells;
}

inline Cells transposed(const Cells& cells) {
  Cells result;
  result.n_columns = cells.rows();
  result.first.assign(cells.n_columns + 1, 0);
  result.column.resize(cells.count());
  result.entry.resize(cells.count());
  for (const std::int32_t j : cells.column) ++result.first[j + 1];
  std::partial_sum(result.first.begin(), result.first.end(), result.first.begin());
  std::vector<Index> next(result.first.begin(), result.first.end() - 1);
  for (Index i = 0; i < cells.rows(); ++i)
    for (Index c = cells.first[i]; c < cells.first[i + 1]; ++c) {
      const Index to = next[cells.column[c]]++;
      result.column[to] = static_cast<std::int32_t>(i);
      result.entry[to] = cells.entry[c];
    }
  return result;
}

/// Marginals as counts: (rows,).
inline Eigen::VectorXd row_sums(const Cells& counts) {
  Eigen::VectorXd sums(counts.rows());
  for (Index i = 0; i < counts.rows(); ++i)
    sums[i] = std::accumulate(counts.entry.begin() + counts.first[i], counts.entry.begin() + counts.first[i + 1], 0.0);
  return sums;
}

/// n n_xy - n_x n_y without rounding, so that independence is found to be exact.
inline std::int64_t residual(Index n, double n_xy, double n_x, double n_y) {
  return n * static_cast<std::int64_t>(n_xy) - static_cast<std::int64_t>(n_x) * static_cast<std::int64_t>(n_y);
}

/// (2). A cell that does not occur adds n_x n_y / n^2.
inline double mean_square_contingency(const Cells& counts, const Eigen::VectorXd& n_x, const Eigen::VectorXd& n_y,
                                      Index n) {
  std::int64_t absent = static_cast<std::int64_t>(n) * n;
  double sum = 0;
  for (Index i = 0; i < counts.rows(); ++i)
    for (Index c = counts.first[i]; c < counts.first[i + 1]; ++c) {
      const double product = n_x[i] * n_y[counts.column[c]];
      const double r = static_cast<double>(residual(n, counts.entry[c], n_x[i], n_y[counts.column[c]]));
      absent -= static_cast<std::int64_t>(n_x[i]) * static_cast<std::int64_t>(n_y[counts.column[c]]);
      sum += r / product * r;
    }
  const double squared = static_cast<double>(n) * static_cast<double>(n);
  return (sum + static_cast<double>(absent)) / squared;
}

/// M V, row by row.
inline RowMatrix<double> product(const Cells& m, const RowMatrix<double>& v /* (columns, b) */,
                                 const Execution& execution) {
  RowMatrix<double> result(m.rows(), v.cols());
  const Index piece = std::clamp<Index>(m.rows() / 64, 1, 256);
  const double operations = static_cast<double>(m.count()) * static_cast<double>(v.cols());
  parallel_for_pieces(m.rows(), piece, execution.for_step(operations), [&](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) {
      auto row = result.row(i);
      row.setZero();
      for (Index c = m.first[i]; c < m.first[i + 1]; ++c) row.noalias() += m.entry[c] * v.row(m.column[c]);
    }
  });
  return result;
}

/// An orthonormal basis (rows, b) of the columns, orthogonal to the unit vector s. Where the columns depend on each
/// other the basis is completed, which asks for rows > b.
inline Eigen::MatrixXd orthonormal_beside(const Eigen::VectorXd& s /* (rows,) */,
                                          const Eigen::MatrixXd& columns /* (rows, b) */) {
  const Index rows = columns.rows(), b = columns.cols();
  Eigen::MatrixXd all(rows, b + 1);
  all.col(0) = s;
  all.rightCols(b) = columns;
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(std::move(all));
  Eigen::MatrixXd basis = Eigen::MatrixXd::Zero(rows, b);
  basis.middleRows(1, b).setIdentity();
  basis.applyOnTheLeft(qr.householderQ());
  return basis;
}

/// A (rows, c) = U diag(sigma) V^T, rows > c, for A whose columns are orthogonal to the unit vector s. So is U, also
/// where sigma is 0. Small singular values keep their digits: columns are rotated until they are orthogonal
/// (one-sided Jacobi), from eigenvectors of A^T A on, which are nearly that.
struct Svd {
  Eigen::MatrixXd u, v;   // (rows, c), (c, c)
  Eigen::VectorXd sigma;  // (c,) descending

  Svd(const Eigen::MatrixXd& a, const Eigen::VectorXd& s, const Execution& execution) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(a.transpose() * a);
    v = solver.eigenvectors().rowwise().reverse();
    u = a * v;
    constexpr int most_sweeps = 30;  // two or three are usual
    for (int sweep = 0; sweep < most_sweeps && rotated(execution); ++sweep) continue;
    sort();
    Eigen::MatrixXd basis = orthonormal_beside(s, u * sigma.unaryExpr(&inverse_or_zero).asDiagonal());
    for (Index i = 0; i < u.cols(); ++i)
      if (basis.col(i).dot(u.col(i)) < 0) basis.col(i) *= -1;
    u.swap(basis);
  }

 private:
  static double inverse_or_zero(double value) { return value > 0 ? 1 / value : 0; }

  /// One sweep over the pairs of columns. Was there anything to do?
  bool rotated(const Execution& execution) {
    constexpr double epsilon = std::numeric_limits<double>::epsilon();
    bool any = false;
    for (Index p = 0; p < u.cols(); ++p) {
      execution.check();
      for (Index q = p + 1; q < u.cols(); ++q) {
        const double cosine = u.col(p).dot(u.col(q)), pp = u.col(p).squaredNorm(), qq = u.col(q).squaredNorm();
        if (std::abs(cosine) <= 8 * epsilon * std::sqrt(pp) * std::sqrt(qq)) continue;
        any = true;
        const double zeta = (qq - pp) / (2 * cosine);
        const double t = (zeta < 0 ? -1 : 1) / (std::abs(zeta) + std::hypot(1.0, zeta));
        const double c = 1 / std::hypot(1.0, t);
        for (Eigen::MatrixXd* columns : {&u, &v}) {
          const Eigen::VectorXd before = columns->col(p);
          columns->col(p) = c * (before - t * columns->col(q));
          columns->col(q) = c * (t * before + columns->col(q));
        }
      }
    }
    return any;
  }

  void sort() {
    const Eigen::VectorXd norms = u.colwise().norm();
    std::vector<Index> order(norms.size());
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return norms[i] > norms[j]; });
    sigma = norms(order);
    u = Eigen::MatrixXd(u(Eigen::all, order));
    v = Eigen::MatrixXd(v(Eigen::all, order));
  }
};

/// M with its transpose, and what it is orthogonal to.
struct Table {
  Cells m, transpose;
  Eigen::VectorXd root_x, root_y;  // sqrt(P_x), sqrt(P_y)

  Table(const Cells& counts, const Eigen::VectorXd& n_x, const Eigen::VectorXd& n_y, Index n)
      : m(counts),
        root_x((n_x / static_cast<double>(n)).cwiseSqrt()),
        root_y((n_y / static_cast<double>(n)).cwiseSqrt()) {
    for (Index i = 0; i < m.rows(); ++i)
      for (Index c = m.first[i]; c < m.first[i + 1]; ++c) m.entry[c] /= std::sqrt(n_x[i] * n_y[m.column[c]]);
    transpose = transposed(m);
  }

  /// B^T B G for G orthogonal to sqrt(P_y): g(y) = E[E[g(y)|x]|y]. A few columns at a time, because |X| may be large.
  RowMatrix<double> round_trip(const RowMatrix<double>& g /* (|Y|, b) */, const Execution& execution) const {
    constexpr Index piece = 32;
    RowMatrix<double> images(g.rows(), g.cols());
    for (Index first = 0; first < g.cols(); first += piece) {
      const Index count = std::min(piece, g.cols() - first);
      execution.check();
      images.middleCols(first, count) =
          product(transpose, product(m, g.middleCols(first, count), execution), execution);
    }
    images -= root_y * (root_y.transpose() * images).eval();  // what rounding has put there
    return images;
  }
};

/// Vectors that are the same in every run: (rows, columns) in [-1, 1).
inline Eigen::MatrixXd starting_vectors(Index rows, Index columns) {
  Eigen::MatrixXd v(rows, columns);
  std::uint32_t state = 1;
  for (Index i = 0; i < v.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    v.data()[i] = static_cast<double>(state) / 2147483648.0 - 1;
  }
  return v;
}

/// Ritz vectors G (|Y|, b) of B^T B, their values in descending order, and B^T B G.
struct Ritz {
  RowMatrix<double> vectors, images;
  Eigen::VectorXd values;

  Ritz(const Eigen::MatrixXd& basis, const Table& table, const Execution& execution)
      : vectors(basis), images(table.round_trip(vectors, execution)) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(vectors.transpose() * images);
    const Eigen::MatrixXd rotation = solver.eigenvectors().rowwise().reverse();
    values = solver.eigenvalues().reverse().cwiseMax(0);
    vectors = vectors * rotation;
    images = images * rotation;
  }

  /// Of the sum of the k largest values. A residual bounds the error of its value; its square over
  /// the distance to what is not wanted does, too, and is smaller in the end.
  double error(Index k) const {
    const Eigen::VectorXd residuals = (images - vectors * values.asDiagonal()).leftCols(k).colwise().norm();
    const double gap = values[k - 1] - values[values.size() - 1];
    double sum = 0;
    for (const double r : residuals) sum += r < gap ? r * r / gap : r;
    return sum;
  }
};

/// T_m(2 B^T B / theta - 1) G, T_m the Chebyshev polynomial: small on [0, theta], where what is not wanted lies, and
/// growing fast beyond. m is chosen so that the largest value does not drown the others. `passes` counts.
inline RowMatrix<double> filtered(const Ritz& ritz, Index k, const Table& table, Index most_passes, Index& passes,
                                  const Execution& execution) {
  constexpr double most_growth = 1e6, most_degree = 24;
  // Values that are wanted must lie beyond theta. Where they do not, as among equal ones, the power method is left.
  const double last = ritz.values[ritz.values.size() - 1], theta = last < 0.999 * ritz.values[k - 1] ? last : 0;
  const double largest = ritz.values[0], centre = theta / 2;
  const double growth = std::acosh(std::max(largest / centre - 1, 1.0));  // infinite where theta is 0
  const double degree = std::min(std::log(2 * most_growth) / growth, most_degree);
  if (!(degree >= 2)) return ritz.images - centre * ritz.vectors;
  RowMatrix<double> before = ritz.vectors, now = ritz.images / centre - ritz.vectors;
  for (Index j = 2; j <= static_cast<Index>(degree) && passes < most_passes; ++j, ++passes) {
    RowMatrix<double> next = table.round_trip(now, execution) * (2 / centre) - 2 * now - before;
    before.swap(now);
    now.swap(next);
  }
  return now;
}

/// The first label with the largest |g| (but for rounding) gets a positive one, so that signs are settled.
inline void settle_signs(MaximalHScore& score) {
  for (Index i = 0; i < score.g.cols(); ++i) {
    const double most = score.g.col(i).cwiseAbs().maxCoeff() * (1 - 1e-6);
    Index j = 0;
    while (std::abs(score.g(j, i)) < most) ++j;
    if (score.g(j, i) < 0) {
      score.f.col(i) *= -1;
      score.g.col(i) *= -1;
    }
  }
}

/// f and g from unit vectors F (|X|, k) and G (|Y|, k).
inline void set_functions(MaximalHScore& score, const Eigen::VectorXd& root_x, const Eigen::VectorXd& root_y,
                          const Eigen::MatrixXd& f, const Eigen::MatrixXd& g) {
  score.f = root_x.cwiseInverse().asDiagonal() * f;
  score.g = root_y.cwiseInverse().asDiagonal() * g;
  settle_signs(score);
}

/// From the k leading vectors: F orthonormal, then B^T F = G sigma V^T by a small SVD.
inline void finish(MaximalHScore& score, const Table& table, const Ritz& ritz, Index k, const Execution& execution) {
  const Eigen::MatrixXd f = orthonormal_beside(table.root_x, product(table.m, ritz.vectors.leftCols(k), execution));
  const Svd svd(product(table.transpose, f, execution), table.root_y, execution.alone());
  score.singular_values = svd.sigma;
  set_functions(score, table.root_x, table.root_y, f * svd.v, svd.u);
}

/// (1) by block iteration.
inline void solve_by_ace(MaximalHScore& score, const Table& table, const MaximalHScoreOptions& options,
                         const Execution& execution) {
  constexpr double rounding = 64 * std::numeric_limits<double>::epsilon();
  const Index k = options.n_features, most = std::min(table.root_x.size(), table.root_y.size()) - 1;
  Eigen::MatrixXd g = orthonormal_beside(table.root_y, starting_vectors(table.root_y.size(), options.block));
  for (score.n_iter = 1;; ++score.n_iter) {
    const Ritz ritz(g, table, execution);
    score.singular_values = ritz.values.head(k).cwiseSqrt();
    score.value = ritz.values.head(k).sum();
    const double error = ritz.error(k), least = rounding * (std::sqrt(score.value) + rounding);
    score.converged = error <= options.tol * score.value + static_cast<double>(k) * least;
    score.error = score.value > 0 ? error / score.value : 0;
    if (score.converged || score.n_iter >= options.max_iter) {
      if (options.functions) finish(score, table, ritz, k, execution);
      return;
    }
    // Beside as many vectors as B has singular values only 0 is left, and one pass is rid of that.
    g = orthonormal_beside(table.root_y, options.block == most
                                             ? ritz.images
                                             : filtered(ritz, k, table, options.max_iter - 1, score.n_iter, execution));
  }
}

/// B (rows, columns), or its transpose for transposed counts.
inline Eigen::MatrixXd dense(const Cells& counts, const Eigen::VectorXd& n_row, const Eigen::VectorXd& n_column,
                             Index n) {
  Eigen::MatrixXd b = -(n_row.cwiseSqrt() * n_column.cwiseSqrt().transpose()) / static_cast<double>(n);
  for (Index i = 0; i < counts.rows(); ++i)
    for (Index c = counts.first[i]; c < counts.first[i + 1]; ++c) {
      const double n_i = n_row[i], n_j = n_column[counts.column[c]];
      const double r = static_cast<double>(residual(n, counts.entry[c], n_i, n_j)) / static_cast<double>(n);
      b(i, counts.column[c]) = r / std::sqrt(n_i * n_j);
    }
  return b;
}

/// (1) by an SVD of B, or of its transpose where that is the taller one, on what is orthogonal to sqrt(P) of the
/// shorter side: all vectors, those of sigma = 0 included, are then orthogonal to sqrt(P).
inline void solve_by_svd(MaximalHScore& score, const Cells& counts, const Eigen::VectorXd& n_x,
                         const Eigen::VectorXd& n_y, Index n, Index k, bool functions, const Execution& execution) {
  const Eigen::VectorXd root_x = (n_x / static_cast<double>(n)).cwiseSqrt();
  const Eigen::VectorXd root_y = (n_y / static_cast<double>(n)).cwiseSqrt();
  const bool tall = n_x.size() >= n_y.size();
  const Eigen::VectorXd &longer = tall ? root_x : root_y, &shorter = tall ? root_y : root_x;
  const Eigen::MatrixXd b = tall ? dense(counts, n_x, n_y, n) : dense(transposed(counts), n_y, n_x, n);
  const Eigen::MatrixXd complement =
      orthonormal_beside(shorter, Eigen::MatrixXd::Zero(shorter.size(), shorter.size() - 1));
  const Svd svd(b * complement, longer, execution);
  score.singular_values = svd.sigma.head(k);
  score.value = score.singular_values.squaredNorm();
  if (!functions) return;
  const Eigen::MatrixXd of_longer = svd.u.leftCols(k), of_shorter = complement * svd.v.leftCols(k);
  set_functions(score, root_x, root_y, tall ? of_longer : of_shorter, tall ? of_shorter : of_longer);
}

}  // namespace detail

/// The score of at most min(|X|, |Y|) - 1 features; more can't add to it.
inline MaximalHScore maximal_h_score(const DiscreteVariable& x, const DiscreteVariable& y, Index n,
                                     const MaximalHScoreOptions& options, const Execution& execution) {
  constexpr Index most_samples = 3037000499;  // whose square an integer can hold
  if (n > most_samples) throw std::invalid_argument("expected fewer samples");
  const Index k = options.n_features, most = std::min(x.size, y.size) - 1;
  if (k > most || (most > 0 && (k < 1 || options.block < k || options.block > most)))
    throw std::invalid_argument("expected 1 <= features <= block < min(|X|, |Y|)");

  MaximalHScore score;
  const detail::Cells counts = detail::counted_cells(x, y, n, execution);
  const Eigen::VectorXd n_x = detail::row_sums(counts), n_y = detail::row_sums(detail::transposed(counts));
  const double all = detail::mean_square_contingency(counts, n_x, n_y, n);
  score.f.resize(x.size, 0);
  score.g.resize(y.size, 0);
  if (most > 0 && options.svd) {
    detail::solve_by_svd(score, counts, n_x, n_y, n, k, options.functions, execution);
  } else if (most > 0 && (k < most || options.functions)) {
    const detail::Table table(counts, n_x, n_y, n);
    const double work = 10.0 * static_cast<double>(counts.count()) * static_cast<double>(options.block);
    with_team(execution, work, [&](const Execution& team) { detail::solve_by_ace(score, table, options, team); });
  }
  if (!options.svd) score.value = k == most ? all : std::min(score.value, all);
  score.value = std::min(score.value, static_cast<double>(k));
  return score;
}

}  // namespace transferscore

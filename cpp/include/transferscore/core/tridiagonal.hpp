// A symmetric matrix reduced to tridiagonal form, A = Q T Q^T, and right-hand sides taken into the basis Q and back.
//
// Householder reflections in panels (Dongarra, Sorensen, Hammarling 1989): a column needs one product with the rest of
// the matrix, which memory limits, and a panel changes the rest once, in tiles. Stripes and tiles depend on the size
// alone.
#pragma once

#include <Eigen/Eigenvalues>
#include <Eigen/Householder>
#include <stdexcept>

#include "parallel.hpp"

namespace transferscore {

class Tridiagonal {
 public:
  explicit Tridiagonal(Eigen::MatrixXd lower /* (size, size), lower triangle */, const Execution& execution)
      : reflectors_(std::move(lower)),
        diagonal_(reflectors_.rows()),
        off_diagonal_(std::max<Index>(size() - 1, 0)),
        tau_(off_diagonal_.size()) {
    Eigen::MatrixXd w(size(), panel), parts(size(), n_stripes(size()));
    for (Index k = 0; k < size() - 1; k += panel) {
      reduce_panel(k, w, parts, execution);
      update_rest(k, w, execution);
    }
    diagonal_[size() - 1] = reflectors_(size() - 1, size() - 1);
  }

  Index size() const { return reflectors_.rows(); }
  const Eigen::VectorXd& diagonal() const { return diagonal_; }          // (size,)
  const Eigen::VectorXd& off_diagonal() const { return off_diagonal_; }  // (size - 1,)

  /// (size,) ascending
  Eigen::VectorXd eigenvalues() const {
    if (size() == 1) return diagonal_;
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
    solver.computeFromTridiagonal(diagonal_, off_diagonal_, Eigen::EigenvaluesOnly);
    if (solver.info() != Eigen::Success) throw std::overflow_error("eigenvalues did not converge");
    return solver.eigenvalues();
  }

  /// B <- Q^T B
  void to_basis(Eigen::MatrixXd& b /* (size, columns) */, const Execution& execution) const {
    for (Index k = 0; k < size() - 1; k += panel) apply(k, true, b, execution);
  }

  /// B <- Q B
  void from_basis(Eigen::MatrixXd& b /* (size, columns) */, const Execution& execution) const {
    for (Index k = (size() - 2) / panel * panel; k >= 0 && size() > 1; k -= panel) apply(k, false, b, execution);
  }

 private:
  static constexpr Index panel = 32, stripe = 128;

  static Index n_stripes(Index size) { return (size + stripe - 1) / stripe; }
  Index width(Index k) const { return std::min(panel, size() - 1 - k); }

  /// part += A v for N columns of the lower triangle and for their mirror image; column 0 begins at its diagonal.
  template <int N>
  static void add_columns(const double* a /* (size, N) */, Index stride, const double* v, Index size, double* part) {
    const double* column[N];
    double sum[N] = {};
    for (int j = 0; j < N; ++j) {
      column[j] = a + j * stride;
      sum[j] += column[j][j] * v[j];
      for (int i = j + 1; i < N; ++i) {
        sum[j] += column[j][i] * v[i];
        sum[i] += column[j][i] * v[j];
      }
    }
    // Whole packs with sums of their own: one running sum would make each addition wait for the last.
    using Pack = Eigen::Array<double, 8, 1>;
    Pack sums[N];
    for (Pack& s : sums) s.setZero();
    Index i = N;
    for (; i + Pack::SizeAtCompileTime <= size; i += Pack::SizeAtCompileTime) {
      const Pack v_i = Eigen::Map<const Pack>(v + i);
      Eigen::Map<Pack> out(part + i);
      Pack total = out;
      for (int j = 0; j < N; ++j) {
        const Pack a_ij = Eigen::Map<const Pack>(column[j] + i);
        total += a_ij * v[j];
        sums[j] += a_ij * v_i;
      }
      out = total;
    }
    for (int j = 0; j < N; ++j) sum[j] += sums[j].sum();
    for (; i < size; ++i) {
      for (int j = 0; j < N; ++j) {
        part[i] += column[j][i] * v[j];
        sum[j] += column[j][i] * v[i];
      }
    }
    for (int j = 0; j < N; ++j) part[j] += sum[j];
  }

  /// out = A v for the trailing part of the matrix, from row and column `first` on.
  template <class Vector, class Out>
  void multiply_rest(Index first, const Vector& v /* (rest,) */, Eigen::MatrixXd& parts, Out&& out /* (rest,) */,
                     const Execution& execution) const {
    constexpr double cost_of_reading = 8;  // the matrix comes from memory or an outer cache
    const Index rest = size() - first, stride = size();
    const Execution step = execution.for_step(cost_of_reading * static_cast<double>(rest) * static_cast<double>(rest));
    parallel_for_pieces(rest, stripe, step, [&](Index begin, Index count) {
      double* part = parts.col(begin / stripe).data();
      std::fill(part + begin, part + rest, 0.0);
      const double* a = reflectors_.data() + (first + begin) * stride + first;
      Index j = begin;
      for (; j + 4 <= begin + count; j += 4, a += 4 * stride)
        add_columns<4>(a + j, stride, v.data() + j, rest - j, part + j);
      for (; j < begin + count; ++j, a += stride) add_columns<1>(a + j, stride, v.data() + j, rest - j, part + j);
    });
    out = parts.col(0).head(rest);
    for (Index t = 1; t < n_stripes(rest); ++t)
      out.tail(rest - t * stripe) += parts.col(t).segment(t * stripe, rest - t * stripe);
  }

  /// Columns k .. k + width - 1: T's entries, reflectors v (below the diagonal, first entry 1), and W (size, panel),
  /// with which the rest of the matrix is to become A - V W^T - W V^T.
  void reduce_panel(Index k, Eigen::MatrixXd& w, Eigen::MatrixXd& parts, const Execution& execution) {
    Eigen::MatrixXd& a = reflectors_;
    for (Index i = 0; i < width(k); ++i) {
      const Index j = k + i, rest = size() - j - 1;
      auto column = a.col(j).tail(rest + 1);
      column.noalias() -= a.block(j, k, rest + 1, i) * w.row(j).head(i).transpose();
      column.noalias() -= w.block(j, 0, rest + 1, i) * a.row(j).segment(k, i).transpose();
      diagonal_[j] = a(j, j);
      auto v = a.col(j).tail(rest);
      v.makeHouseholderInPlace(tau_[j], off_diagonal_[j]);
      v[0] = 1;

      auto w_j = w.col(i).tail(rest);
      multiply_rest(j + 1, v, parts, w_j, execution);
      const auto v_before = a.block(j + 1, k, rest, i), w_before = w.block(j + 1, 0, rest, i);
      const Eigen::VectorXd w_v = w_before.transpose() * v, v_v = v_before.transpose() * v;
      w_j.noalias() -= v_before * w_v;
      w_j.noalias() -= w_before * v_v;
      w_j *= tau_[j];
      w_j -= tau_[j] / 2 * w_j.dot(v) * v;
    }
  }

  void update_rest(Index k, const Eigen::MatrixXd& w, const Execution& execution) {
    constexpr Index tile = 192;
    Eigen::MatrixXd& a = reflectors_;
    const Index count = width(k), first = k + count, rest = size() - first;
    Eigen::MatrixXd v_w(rest, 2 * count), w_v(rest, 2 * count);
    v_w << a.block(first, k, rest, count), w.block(first, 0, rest, count);
    w_v << v_w.rightCols(count), v_w.leftCols(count);
    const Index n_tiles = (rest + tile - 1) / tile;
    const double work = static_cast<double>(rest) * static_cast<double>(rest) * static_cast<double>(count);
    parallel_for(n_tiles * n_tiles, execution.for_step(work), [&](Index t) {
      if (t / n_tiles < t % n_tiles) return;  // above the diagonal
      const Index i = t / n_tiles * tile, j = t % n_tiles * tile;
      const Index rows = std::min(tile, rest - i), columns = std::min(tile, rest - j);
      a.block(first + i, first + j, rows, columns).noalias() -=
          v_w.middleRows(i, rows) * w_v.middleRows(j, columns).transpose();
    });
  }

  /// The reflections of a panel, I - V S V^T, or their transpose, on the rows below k.
  void apply(Index k, bool transposed, Eigen::MatrixXd& b, const Execution& execution) const {
    const Index count = width(k), rest = size() - k - 1;
    Eigen::MatrixXd v = reflectors_.block(k + 1, k, rest, count);
    v.triangularView<Eigen::StrictlyUpper>().setZero();
    const Eigen::MatrixXd products = v.transpose() * v;
    Eigen::MatrixXd s = Eigen::MatrixXd::Zero(count, count);
    for (Index i = 0; i < count; ++i) {
      s.col(i).head(i).noalias() = s.topLeftCorner(i, i) * products.col(i).head(i) * -tau_[k + i];
      s(i, i) = tau_[k + i];
    }
    if (transposed) s.transposeInPlace();
    const double work = static_cast<double>(rest) * static_cast<double>(count) * static_cast<double>(2 * b.cols());
    parallel_for_pieces(b.cols(), 32, execution.for_step(work), [&](Index first, Index columns) {
      auto piece = b.block(k + 1, first, rest, columns);
      const Eigen::MatrixXd projected = s * (v.transpose() * piece);
      piece.noalias() -= v * projected;
    });
  }

  Eigen::MatrixXd reflectors_;  // column j, below the diagonal: the j-th reflector; its first entry is 1
  Eigen::VectorXd diagonal_, off_diagonal_;
  Eigen::VectorXd tau_;  // (size - 1,) H_j = I - tau_j v_j v_j^T
};

}  // namespace transferscore

// Features of several sources for the same samples: what their concatenation is made of. The scatter of two sources
// side by side is that of each and one product, the Gram matrix of the samples is the sum of both.
#pragma once

#include <map>

#include "moments.hpp"
#include "row_gram.hpp"

namespace transferscore {

/// Which sources stand side by side, in order.
using Combination = std::vector<Index>;

template <class T>
class Source {
 public:
  Source(MatrixView<T> features /* (n, d) */, Scaling scaling)
      : features_(features), frame_(sampled_frame(features, scaling)) {}

  /// Mean and scatter; the frame moves to the mean.
  void sum_features(const Execution& execution) {
    const LabelSets none{nullptr, n(), {}};
    Moments m = moments_about_mean<double>(features_, frame_, none, false, execution);
    mean_ = std::move(m.mean);
    scatter_ = std::move(m.scatter);
    norms_.resize(n());
    for_each_wave<double>(features_, frame_, GramSum<double>::block_rows, execution,
                          [&](Index first, const auto& wave) {
                            parallel_for_pieces(wave.rows(), 64, execution, [&](Index row, Index count) {
                              norms_.segment(first + row, count) =
                                  (wave.middleRows(row, count).rowwise() - mean_.transpose()).rowwise().squaredNorm();
                            });
                          });
  }

  void sum_samples(const Execution& execution) { row_gram_ = centred_row_gram<double>(features_, frame_, execution); }

  MatrixView<T> features() const { return features_; }
  const Frame<T>& frame() const { return frame_; }
  const Eigen::VectorXd& mean() const { return mean_; }          // (d,)
  const Eigen::MatrixXd& scatter() const { return scatter_; }    // (d, d) lower triangle
  const Eigen::VectorXd& norms() const { return norms_; }        // (n,) ||z - mean||^2
  const Eigen::MatrixXd& row_gram() const { return row_gram_; }  // (n, n) lower triangle
  double scale() const { return static_cast<double>(frame_.scale.minCoeff()); }
  Index n() const { return features_.rows(); }
  Index d() const { return features_.cols(); }

 private:
  MatrixView<T> features_;
  Frame<T> frame_;
  Eigen::VectorXd mean_;
  Eigen::MatrixXd scatter_;
  Eigen::VectorXd norms_;
  Eigen::MatrixXd row_gram_;
};

namespace detail {

/// sum (z_a - mean_a)(z_b - mean_b)^T: (d_a, d_b).
template <class T>
Eigen::MatrixXd cross_scatter(const Source<T>& a, const Source<T>& b, const Execution& execution) {
  constexpr Index tile = 384, wave = GramSum<double>::block_rows;
  const Index n = a.n(), across = (b.d() + tile - 1) / tile, tiles = (a.d() + tile - 1) / tile * across;
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(a.d(), b.d());
  RowMatrix<double> of_a = padded_matrix<double>(std::min(wave, n), a.d());
  for_each_wave<double>(b.features(), b.frame(), wave, execution, [&](Index first_row, const auto& of_b) {
    auto rows = of_a.topLeftCorner(of_b.rows(), a.d());
    parallel_for_pieces(rows.rows(), 64, execution, [&](Index first, Index count) {
      write_framed<double>(a.features(), a.frame(), first_row + first, 0, rows.middleRows(first, count));
    });
    parallel_for(tiles, execution, [&](Index t) {
      const Index i = t / across * tile, j = t % across * tile;
      const Index height = std::min(tile, a.d() - i), width = std::min(tile, b.d() - j);
      sum.block(i, j, height, width).noalias() += rows.middleCols(i, height).transpose() * of_b.middleCols(j, width);
    });
  });
  sum -= static_cast<double>(n) * a.mean() * b.mean().transpose();
  return sum;
}

}  // namespace detail

template <class T>
class SideBySide {
 public:
  SideBySide(const std::vector<MatrixView<T>>& features /* (n, d_s) each */, Scaling scaling) : scaling_(scaling) {
    for (const auto& view : features) sources_.emplace_back(view, scaling);
  }

  /// Sums of its sources what a combination needs and no other needed before.
  void prepare(const Combination& of, const Execution& execution) {
    for (const Index s : of) {
      if (more_samples(of)) {
        if (sources_[s].scatter().size() == 0) sources_[s].sum_features(execution);
      } else if (sources_[s].row_gram().size() == 0) {
        sources_[s].sum_samples(execution);
      }
    }
  }

  const Source<T>& source(Index s) const { return sources_[s]; }
  Index n() const { return sources_.front().n(); }
  Index d(const Combination& of) const {
    Index sum = 0;
    for (const Index s : of) sum += sources_[s].d();
    return sum;
  }

  /// Enough samples for the scatter of features; else the Gram matrix of the samples is smaller.
  bool more_samples(const Combination& of) const { return n() > d(of) + 1; }

  /// What a source's frame is multiplied with, so that all of a combination have one unit.
  double factor(const Combination& of, Index s) const {
    if (scaling_ == Scaling::per_feature) return 1;
    double least = sources_[s].scale();
    for (const Index other : of) least = std::min(least, sources_[other].scale());
    return least / sources_[s].scale();
  }

  /// The scatter (d, d) of a combination, lower triangle. Products of two sources are kept for the next one.
  Eigen::MatrixXd scatter(const Combination& of, const Execution& execution) {
    Eigen::MatrixXd sum(d(of), d(of));
    Index row = 0;
    for (std::size_t i = 0; i < of.size(); ++i) {
      const Source<T>& below = sources_[of[i]];
      const double factor_below = factor(of, of[i]);
      Index column = 0;
      for (std::size_t j = 0; j < i; ++j) {
        const double both = factor_below * factor(of, of[j]);
        const Eigen::MatrixXd& product = cross(of[j], of[i], execution);
        sum.block(row, column, below.d(), product.rows()) = both * product.transpose();
        column += product.rows();
      }
      sum.block(row, row, below.d(), below.d()).template triangularView<Eigen::Lower>() =
          factor_below * factor_below * below.scatter();
      row += below.d();
    }
    return sum;
  }

  /// sum ||z - mean||^4 of a combination.
  double fourth_moment(const Combination& of) const {
    Eigen::VectorXd norms = Eigen::VectorXd::Zero(n());
    for (const Index s : of) norms += factor(of, s) * factor(of, s) * sources_[s].norms();
    return norms.squaredNorm();
  }

  /// The Gram matrix (n, n) of the samples, lower triangle.
  Eigen::MatrixXd row_gram(const Combination& of) const {
    Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(n(), n());
    for (const Index s : of)
      sum.template triangularView<Eigen::Lower>() += factor(of, s) * factor(of, s) * sources_[s].row_gram();
    return sum;
  }

  void forget_products() { products_.clear(); }

 private:
  const Eigen::MatrixXd& cross(Index a, Index b, const Execution& execution) {
    const auto [place, is_new] = products_.try_emplace({a, b});
    if (is_new) place->second = detail::cross_scatter(sources_[a], sources_[b], execution);
    return place->second;
  }

  Scaling scaling_;
  std::vector<Source<T>> sources_;
  std::map<std::pair<Index, Index>, Eigen::MatrixXd> products_;
};

}  // namespace transferscore

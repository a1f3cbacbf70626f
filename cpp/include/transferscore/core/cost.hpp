// Costs between source and target points, by tiles: stored, or computed anew each time they are asked for.
//
// A plan does not change when a number is added to a row or a column of the costs. So each cloud is seen from a
// centre of its own, which keeps products small and single precision good; `cost.source_part()` and
// `cost.target_part()` hold what that leaves out.
#pragma once

#include <memory>
#include <utility>

#include "frame.hpp"
#include "lanes.hpp"
#include "large_matrix.hpp"
#include "prefetch.hpp"

namespace transferscore {

/// Something to read costs from, tile by tile.
template <class C>
struct CostSource {
  using Tile = Eigen::Ref<RowMatrix<C>, 0, Eigen::OuterStride<>>;

  virtual ~CostSource() = default;
  /// The costs from (first_row, first_column) on.
  virtual void write(Index first_row, Index first_column, Tile costs /* (rows, columns) */) const = 0;
  /// The costs of some rows and columns.
  virtual LargeMatrix<C> gather(const std::vector<Index>& rows, const std::vector<Index>& columns,
                                const Execution& execution) const = 0;

  Index n = 0, m = 0;
  const C* in_memory = nullptr;  // (n, m) where they are there already
  double unit = 1;               // true cost = unit * (cost + source_part + target_part)
  Index width = 1;               // multiplications that an entry takes
  bool is_quick = false;         // computed as quickly as it would be read from memory?
  double largest = 0;            // no cost is larger than this, seen from the centres
  Eigen::VectorXd source_part;   // (n,)
  Eigen::VectorXd target_part;   // (m,)
};

/// A matrix of costs that somebody else owns, of type T, read as C.
template <class C, class T>
class MatrixCost final : public CostSource<C> {
 public:
  MatrixCost(MatrixView<T> costs /* (n, m) */, const Execution& execution) : costs_(costs) {
    this->n = costs.rows();
    this->m = costs.cols();
    if constexpr (std::is_same_v<C, T>) this->in_memory = costs.data();
    this->largest = largest_size(execution);
    this->source_part.setZero(this->n);
    this->target_part.setZero(this->m);
  }

  void write(Index first_row, Index first_column, typename CostSource<C>::Tile costs) const override {
    costs = costs_.block(first_row, first_column, costs.rows(), costs.cols()).template cast<C>();
  }

  LargeMatrix<C> gather(const std::vector<Index>& rows, const std::vector<Index>& columns,
                        const Execution&) const override {
    LargeMatrix<C> costs(static_cast<Index>(rows.size()), static_cast<Index>(columns.size()));
    costs.view() = costs_(rows, columns).template cast<C>();
    return costs;
  }

 private:
  double largest_size(const Execution& execution) const {
    constexpr Index piece = 64;
    Eigen::VectorXd most((costs_.rows() + piece - 1) / piece);
    const Execution step = execution.for_step(static_cast<double>(costs_.size()));
    parallel_for_pieces(costs_.rows(), piece, step, [&](Index first, Index count) {
      most[first / piece] = static_cast<double>(costs_.middleRows(first, count).cwiseAbs().maxCoeff());
    });
    return most.maxCoeff();
  }

  MatrixView<T> costs_;
};

/// Distances between classes, which JC-OTCE adds to those between features.
struct LabelCost {
  LabelCost() = default;
  LabelCost(MatrixView<double> distances_between_classes /* (C_s, C_t) */, double gamma)
      : distances(distances_between_classes), feature_share(gamma) {}
  LabelCost(const LabelCost&) = default;
  LabelCost& operator=(const LabelCost& other) { return *new (this) LabelCost(other); }  // views can't be assigned

  MatrixView<double> distances{nullptr, 0, 0};  // (C_s, C_t)
  double feature_share = 1;                     // gamma
  const std::int32_t* source_ids = nullptr;     // (n,)
  const std::int32_t* target_ids = nullptr;     // (m,)

  bool is_used() const { return distances.size() > 0; }
};

/// gamma ||x_i - z_j||^2 + (1 - gamma) V[y_i, y'_j]
template <class C>
class PointCost final : public CostSource<C> {
 public:
  template <class T>
  PointCost(MatrixView<T> source /* (N, d) */, MatrixView<T> target /* (M, d) */,
            const std::vector<Index>& rows /* (n,) source points that are taken, in order; empty: all */,
            const std::vector<Index>& columns /* (m,) likewise of the target */, const LabelCost& labels,
            const Execution& execution)
      : labels_(labels) {
    Frame<T> source_frame = sampled_frame(source, Scaling::common);
    Frame<T> target_frame = sampled_frame(target, Scaling::common);
    const T scale = std::min(source_frame.scale[0], target_frame.scale[0]);
    source_frame.scale.setConstant(scale);
    target_frame.scale.setConstant(scale);
    // ||x - z||^2 with x = x' + p, z = z' + q:  ||x' - z'||^2 + 2 x'(p - q) + ||p - q||^2 - 2 z'(p - q)
    const auto centre = [](const Frame<T>& frame) { return frame.shift.template cast<double>().matrix(); };
    apart_ = (centre(source_frame) - centre(target_frame)) * static_cast<double>(scale);
    x_ = seen_from(source, source_frame, rows, apart_, x_norms_, this->source_part, execution);
    z_ = seen_from(target, target_frame, columns, apart_, z_norms_, this->target_part, execution);
    this->n = x_.rows();
    this->m = z_.rows();
    this->width = x_.cols();
    constexpr Index quick_bytes = 128;  // of a point
    this->is_quick = !labels.is_used() && this->width * static_cast<Index>(sizeof(C)) <= quick_bytes;

    const double gamma = labels.feature_share;
    this->unit = 1 / (static_cast<double>(scale) * static_cast<double>(scale));
    this->largest = gamma * std::pow(std::sqrt(x_norms_.maxCoeff()) + std::sqrt(z_norms_.maxCoeff()), 2);
    if (labels.is_used()) {
      label_part_ = ((1 - gamma) / this->unit * labels.distances).template cast<C>();
      this->largest += static_cast<double>(label_part_.maxCoeff());
    }
    this->source_part = gamma * (2 * this->source_part.array() + apart_.squaredNorm());
    this->target_part *= -2 * gamma;
    feature_share_ = static_cast<C>(gamma);
  }

  /// Points as they are multiplied: each cloud from its centre, in units of 1 / sqrt(unit).
  MatrixView<C> source_points() const { return x_.view(); }          // (n, d)
  MatrixView<C> target_points() const { return z_.view(); }          // (m, d)
  const Eigen::VectorXd& between_centres() const { return apart_; }  // (d,) source minus target
  const LabelCost& labels() const { return labels_; }

  void write(Index first_row, Index first_column, typename CostSource<C>::Tile costs) const override {
    const Index columns = costs.cols();
    costs.noalias() =
        x_.view().middleRows(first_row, costs.rows()) * z_.view().middleRows(first_column, columns).transpose();
    const auto z_norms = z_norms_.segment(first_column, columns).transpose().array().template cast<C>().eval();
    for (Index i = 0; i < costs.rows(); ++i) {
      auto row = costs.row(i).array();
      const auto norms = static_cast<C>(x_norms_[first_row + i]) + z_norms;
      row = norms - 2 * row;
      row = (row > rounding * norms).select(row * feature_share_, C{0});  // equal points: exactly none
      if (labels_.is_used()) add_label_part(labels_.source_ids[first_row + i], labels_.target_ids + first_column, row);
    }
  }

  LargeMatrix<C> gather(const std::vector<Index>& rows, const std::vector<Index>& columns,
                        const Execution& execution) const override {
    PointCost part;
    part.x_ = some_of(x_, rows);
    part.z_ = some_of(z_, columns);
    part.x_norms_ = x_norms_(rows);
    part.z_norms_ = z_norms_(columns);
    part.feature_share_ = feature_share_;
    LargeMatrix<C> gathered(static_cast<Index>(rows.size()), static_cast<Index>(columns.size()));
    Eigen::Map<RowMatrix<C>> costs = gathered.view();
    const Execution step = execution.for_step(8 * static_cast<double>(costs.size() + part.x_.view().size()));
    parallel_for_pieces(costs.rows(), 64, step, [&](Index first, Index count) {
      part.write(first, 0, costs.middleRows(first, count));
      if (!labels_.is_used()) return;
      for (Index i = first; i < first + count; ++i)
        for (Index j = 0; j < costs.cols(); ++j)
          costs(i, j) += label_part_(labels_.source_ids[rows[i]], labels_.target_ids[columns[j]]);
    });
    return gathered;
  }

 private:
  PointCost() = default;

  static LargeMatrix<C> some_of(const LargeMatrix<C>& points, const std::vector<Index>& taken) {
    LargeMatrix<C> some(static_cast<Index>(taken.size()), points.cols());
    some.view() = points.view()(taken, Eigen::all);
    return some;
  }

  /// Points that are taken, from their centre, with their squared norms and products with a direction.
  template <class T>
  static LargeMatrix<C> seen_from(MatrixView<T> points, const Frame<T>& frame, const std::vector<Index>& taken,
                                  const Eigen::VectorXd& direction /* (d,) */, Eigen::VectorXd& norms /* (n,) */,
                                  Eigen::VectorXd& products /* (n,) */, const Execution& execution) {
    LargeMatrix<C> points_seen(taken.empty() ? points.rows() : static_cast<Index>(taken.size()), points.cols());
    Eigen::Map<RowMatrix<C>> seen = points_seen.view();
    norms.resize(seen.rows());
    products.resize(seen.rows());
    const Execution step = execution.for_step(4 * static_cast<double>(seen.size()));
    parallel_for_pieces(seen.rows(), 64, step, [&](Index first, Index count) {
      if (taken.empty()) write_framed<C>(points, frame, first, 0, seen.middleRows(first, count));
      for (Index i = first; i < first + count; ++i) {
        if (!taken.empty()) write_framed<C>(points, frame, taken[i], 0, seen.middleRows(i, 1));
        const C* point = seen.data() + i * seen.cols();
        const auto of_point = [point](Index j) { return static_cast<double>(point[j]); };
        norms[i] = sum_in_lanes(seen.cols(), [&](Index j) { return of_point(j) * of_point(j); });
        products[i] = sum_in_lanes(seen.cols(), [&](Index j) { return of_point(j) * direction[j]; });
      }
    });
    return points_seen;
  }

  template <class Row>
  void add_label_part(std::int32_t source_id, const std::int32_t* target_ids, Row& row) const {
    const auto distances = label_part_.row(source_id);
    for (Index j = 0; j < row.size(); ++j) row[j] += distances[target_ids[j]];
  }

  static constexpr C rounding = 16 * std::numeric_limits<C>::epsilon();
  LabelCost labels_;
  C feature_share_ = 1;
  Eigen::VectorXd apart_;              // (d,) between the centres
  LargeMatrix<C> x_, z_;               // (n, d), (m, d) from their centres
  Eigen::VectorXd x_norms_, z_norms_;  // (n,), (m,) squared
  RowMatrix<C> label_part_;            // (C_s, C_t)
};

/// Some rows and columns of costs that are stored once for many problems.
template <class C>
class SubsetCost final : public CostSource<C> {
 public:
  SubsetCost(const CostSource<C>& whole, const C* stored /* (N, M) */, std::vector<Index> rows /* (n,) */,
             std::vector<Index> columns /* (m,) */)
      : stored_(stored), stride_(whole.m), rows_(std::move(rows)), columns_(std::move(columns)) {
    this->n = static_cast<Index>(rows_.size());
    this->m = static_cast<Index>(columns_.size());
    this->unit = whole.unit;
    this->largest = whole.largest;
    this->source_part = whole.source_part(rows_);
    this->target_part = whole.target_part(columns_);
  }

  void write(Index first_row, Index first_column, typename CostSource<C>::Tile costs) const override {
    for (Index i = 0; i < costs.rows(); ++i) {
      const C* row = stored_ + rows_[first_row + i] * stride_;
      for (Index j = 0; j < costs.cols(); ++j) costs(i, j) = row[columns_[first_column + j]];
    }
  }

  LargeMatrix<C> gather(const std::vector<Index>& rows, const std::vector<Index>& columns,
                        const Execution&) const override {
    LargeMatrix<C> gathered(static_cast<Index>(rows.size()), static_cast<Index>(columns.size()));
    Eigen::Map<RowMatrix<C>> costs = gathered.view();
    for (Index i = 0; i < costs.rows(); ++i)
      for (Index j = 0; j < costs.cols(); ++j) costs(i, j) = stored_[rows_[rows[i]] * stride_ + columns_[columns[j]]];
    return gathered;
  }

 private:
  const C* stored_;
  Index stride_;
  std::vector<Index> rows_, columns_;
};

/// The costs of one problem as sweeps read them.
template <class C>
class Cost {
 public:
  using Tile = Eigen::Map<const RowMatrix<C>, 0, Eigen::OuterStride<>>;
  static constexpr Index tile_columns = 1024;
  /// Rows in memory are read whole where they fit into the cache: what is foreseen of a row ends with a tile.
  Index row_piece() const { return is_in_memory() && m() <= 8 * tile_columns ? m() : std::min(m(), tile_columns); }

  explicit Cost(const CostSource<C>& source) : source_(source), memory_(source.in_memory) {}

  const CostSource<C>& source() const { return source_; }
  Index n() const { return source_.n; }
  Index m() const { return source_.m; }
  double entries() const { return static_cast<double>(n()) * static_cast<double>(m()); }
  bool is_in_memory() const { return memory_ != nullptr; }
  const C* memory() const { return memory_; }  // (n, m)

  /// From now on tiles are read from memory: n * m * sizeof(C) bytes.
  void store(const Execution& execution) {
    stored_ = LargeMatrix<C>(n(), m());
    // Tiles that are multiplied well, but for wide points small enough to be asked in time whether to go on.
    const double most = 640.0 * 640.0 * 2048.0, wide = static_cast<double>(std::max<Index>(2048, source_.width));
    const Index edge = std::max<Index>(32, static_cast<Index>(std::sqrt(most / wide)));
    const Index columns = (m() + edge - 1) / edge, rows = (n() + edge - 1) / edge;
    parallel_for(rows * columns,
                 execution.for_step(entries() * static_cast<double>(source_.width) / multiplications_at_once),
                 [&](Index task) {
                   const Index i = task / columns * edge, j = task % columns * edge;
                   source_.write(i, j, stored_.view().block(i, j, std::min(edge, n() - i), std::min(edge, m() - j)));
                 });
    memory_ = stored_.data();
  }

  /// The stored costs, or an empty matrix; from then on nothing is stored.
  LargeMatrix<C> release() {
    LargeMatrix<C> costs = std::exchange(stored_, {});
    memory_ = source_.in_memory;
    return costs;
  }

  /// Rows first_row .. + rows, columns first_column .. + columns; in the buffer where nothing is stored.
  Tile tile(Index first_row, Index rows, Index first_column, Index columns, RowMatrix<C>& buffer) const {
    if (is_in_memory()) return {memory_ + first_row * m() + first_column, rows, columns, Eigen::OuterStride<>(m())};
    if (buffer.rows() < rows || buffer.cols() < columns) buffer.resize(rows, std::max(columns, tile_columns));
    source_.write(first_row, first_column, buffer.topLeftCorner(rows, columns));
    return {buffer.data(), rows, columns, Eigen::OuterStride<>(buffer.cols())};
  }

 private:
  static constexpr double multiplications_at_once = 16;  // in the time of one other operation
  const CostSource<C>& source_;
  LargeMatrix<C> stored_;  // (n, m) or empty
  const C* memory_;
};

}  // namespace transferscore

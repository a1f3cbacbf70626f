// Transport problems from arrays.
#pragma once

#include "arrays.hpp"
#include "transferscore/otce.hpp"

namespace transferscore {

using Weights = std::vector<Array<double>>;  // {a (n,), b (m,)}

inline Marginals marginals(const Weights& weights) { return {to_vector(weights.at(0)), to_vector(weights.at(1))}; }

/// {source (N, d), target (M, d)} or {costs (n, m)}
template <class T>
TransportProblem<T> transport_problem(const std::vector<Array<T>>& data) {
  TransportProblem<T> problem;
  new (&problem.source) MatrixView<T>(matrix_view(data.at(0)));
  if (data.size() == 2) new (&problem.target) MatrixView<T>(matrix_view(data.at(1)));
  if (problem.has_points() && problem.source.cols() != problem.target.cols())
    throw std::invalid_argument("expected points of one dimension");
  return problem;
}

/// {source ids (n,), target ids (m,)}
inline LabelPair label_pair(const std::vector<Array<std::int32_t>>& ids, const std::vector<Index>& n_classes) {
  return {ids.at(0).data(), ids.at(1).data(), n_classes.at(0), n_classes.at(1)};
}

/// Points (N, d) and (M, d), those that are taken, their classes and weights; distances between classes, or none.
template <class T>
OTCEProblem<T> otce_problem(const std::vector<Array<T>>& data, const std::vector<Array<std::int64_t>>& taken,
                            const std::vector<Array<std::int32_t>>& ids, const std::vector<Index>& n_classes,
                            const Weights& weights, const Array<double>& label_distances, double feature_share) {
  OTCEProblem<T> problem{transport_problem(data), label_pair(ids, n_classes), marginals(weights), {}};
  problem.transport.rows = to_indices(taken.at(0));
  problem.transport.columns = to_indices(taken.at(1));
  if (problem.marginals.a.size() != problem.transport.n() || problem.marginals.b.size() != problem.transport.m())
    throw std::invalid_argument("expected a weight for each point");
  if (label_distances.size() > 0) problem.transport.label_cost = LabelCost(matrix_view(label_distances), feature_share);
  return problem;
}

/// In the order in which Python reads them.
inline py::tuple to_tuple(const SinkhornSolution& s) {
  return py::make_tuple(to_array(s.f), to_array(s.g), s.transport_cost, s.dual_value, s.marginal_error, s.n_iter,
                        s.epsilon, s.scale, to_array(s.joint));
}

}  // namespace transferscore

// Optimal transport and what is read from plans.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"
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

inline py::tuple to_tuple(const SinkhornSolution& s) {
  return py::make_tuple(to_array(s.f), to_array(s.g), s.transport_cost, s.dual_value, s.marginal_error, s.n_iter,
                        s.epsilon, s.scale, to_array(s.joint));
}

inline py::list to_list(const std::vector<SinkhornSolution>& solutions) {
  py::list list;
  for (const SinkhornSolution& solution : solutions) list.append(to_tuple(solution));
  return list;
}

template <class T>
void register_transport_of(py::module_& module) {
  module.def(
      "sinkhorn",
      [](const std::vector<std::vector<Array<T>>>& problems, const std::vector<Weights>& weights,
         const Weights& initial, double epsilon, double relative_epsilon, double tol, Index max_iter,
         double memory_budget, int n_threads) {
        std::vector<SinkhornProblem<T>> all;
        for (std::size_t i = 0; i < problems.size(); ++i)
          all.push_back({transport_problem(problems[i]), marginals(weights.at(i)), to_vector(initial.at(i))});
        const SinkhornOptions options{epsilon, relative_epsilon, tol, max_iter, memory_budget};
        return to_list(
            run(n_threads, [&](const Execution& execution) { return sinkhorn_many(all, options, execution); }));
      },
      py::arg("problems").noconvert(), py::arg("weights").noconvert(), py::arg("initial").noconvert(), py::kw_only(),
      py::arg("epsilon"), py::arg("relative_epsilon"), py::arg("tol"), py::arg("max_iter"), py::arg("memory_budget"),
      py::arg("n_threads"));
  module.def(
      "otce",
      [](const std::vector<std::vector<Array<T>>>& problems, const std::vector<std::vector<Array<std::int64_t>>>& taken,
         const std::vector<std::vector<Array<std::int32_t>>>& ids, const std::vector<std::vector<Index>>& n_classes,
         const std::vector<Array<double>>& label_distances, double feature_share, double epsilon,
         double relative_epsilon, double tol, Index max_iter, double memory_budget, int n_threads) {
        std::vector<OTCEProblem<T>> all;
        for (std::size_t i = 0; i < problems.size(); ++i) {
          OTCEProblem<T> problem{transport_problem(problems[i]), label_pair(ids.at(i), n_classes.at(i))};
          problem.transport.rows = to_indices(taken.at(i).at(0));
          problem.transport.columns = to_indices(taken.at(i).at(1));
          if (label_distances.at(i).size() > 0)
            problem.transport.label_cost = LabelCost(matrix_view(label_distances[i]), feature_share);
          all.push_back(std::move(problem));
        }
        const SinkhornOptions options{epsilon, relative_epsilon, tol, max_iter, memory_budget};
        return to_list(run(n_threads, [&](const Execution& execution) { return otce_many(all, options, execution); }));
      },
      py::arg("problems").noconvert(), py::arg("taken").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"),
      py::arg("label_distances").noconvert(), py::kw_only(), py::arg("feature_share"), py::arg("epsilon"),
      py::arg("relative_epsilon"), py::arg("tol"), py::arg("max_iter"), py::arg("memory_budget"), py::arg("n_threads"));
  module.def(
      "coupling",
      [](const std::vector<Array<T>>& problem, const Weights& weights, const Array<double>& f, const Array<double>& g,
         double epsilon, bool exact_marginals, int n_threads) {
        const TransportProblem<T> transport = transport_problem(problem);
        const Marginals sides = marginals(weights);
        const Eigen::VectorXd source_potentials = to_vector(f), target_potentials = to_vector(g);
        py::array_t<double> plan({transport.n(), transport.m()});
        double* const values = plan.mutable_data();
        run(n_threads, [&](const Execution& execution) {
          with_team(execution, transport.work(), [&](const Execution& team) {
            write_coupling(transport, sides, source_potentials, target_potentials, epsilon, exact_marginals, values,
                           team);
          });
        });
        return plan;
      },
      py::arg("problem").noconvert(), py::arg("weights").noconvert(), py::arg("f").noconvert(),
      py::arg("g").noconvert(), py::kw_only(), py::arg("epsilon"), py::arg("exact_marginals"), py::arg("n_threads"));
  module.def(
      "joint_label_distribution",
      [](const std::vector<Array<T>>& problem, const Weights& weights, const Array<double>& f, const Array<double>& g,
         double epsilon, const std::vector<Array<std::int32_t>>& ids, const std::vector<Index>& n_classes,
         int n_threads) {
        const TransportProblem<T> transport = transport_problem(problem);
        const Marginals sides = marginals(weights);
        const Eigen::VectorXd source_potentials = to_vector(f), target_potentials = to_vector(g);
        const LabelPair labels = label_pair(ids, n_classes);
        return to_array(run(n_threads, [&](const Execution& execution) {
          return joint_label_distribution(transport, sides, source_potentials, target_potentials, epsilon, labels,
                                          execution);
        }));
      },
      py::arg("problem").noconvert(), py::arg("weights").noconvert(), py::arg("f").noconvert(),
      py::arg("g").noconvert(), py::kw_only(), py::arg("epsilon"), py::arg("ids").noconvert(), py::arg("n_classes"),
      py::arg("n_threads"));
  module.def(
      "transport_costs",
      [](const std::vector<Array<T>>& problem, const std::vector<Array<std::int32_t>>& ids,
         const Array<double>& label_distances, double feature_share, int n_threads) {
        TransportProblem<T> transport = transport_problem(problem);
        if (label_distances.size() > 0) {
          transport.label_cost = LabelCost(matrix_view(label_distances), feature_share);
          transport.label_cost.source_ids = ids.at(0).data();
          transport.label_cost.target_ids = ids.at(1).data();
        }
        py::array_t<double> costs({transport.n(), transport.m()});
        double* const values = costs.mutable_data();
        run(n_threads, [&](const Execution& execution) { write_costs(transport, values, execution); });
        return costs;
      },
      py::arg("problem").noconvert(), py::arg("ids").noconvert(), py::arg("label_distances").noconvert(), py::kw_only(),
      py::arg("feature_share"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(transport) {
  using namespace transferscore;
  register_transport_of<float>(module);
  register_transport_of<double>(module);
  module.def(
      "conditional_entropy", [](const Array<double>& joint) { return conditional_entropy(matrix_view(joint)); },
      py::arg("joint").noconvert());
}

// Optimal transport and what is read from plans.
#include <pybind11/stl.h>

#include "call.hpp"
#include "registration.hpp"
#include "transport.hpp"

namespace transferscore {

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
         const std::vector<Weights>& weights, const Weights& initial, const std::vector<Array<double>>& label_distances,
         double feature_share, double epsilon, double relative_epsilon, double tol, Index max_iter,
         double memory_budget, int n_threads) {
        std::vector<OTCEProblem<T>> all;
        for (std::size_t i = 0; i < problems.size(); ++i) {
          all.push_back(otce_problem(problems[i], taken.at(i), ids.at(i), n_classes.at(i), weights.at(i),
                                     label_distances.at(i), feature_share));
          all.back().initial = to_vector(initial.at(i));
        }
        const SinkhornOptions options{epsilon, relative_epsilon, tol, max_iter, memory_budget};
        return to_list(run(n_threads, [&](const Execution& execution) { return otce_many(all, options, execution); }));
      },
      py::arg("problems").noconvert(), py::arg("taken").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"),
      py::arg("weights").noconvert(), py::arg("initial").noconvert(), py::arg("label_distances").noconvert(),
      py::kw_only(), py::arg("feature_share"), py::arg("epsilon"), py::arg("relative_epsilon"), py::arg("tol"),
      py::arg("max_iter"), py::arg("memory_budget"), py::arg("n_threads"));
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

// LEEP of a Gaussian mixture.
#include "transferscore/nleep.hpp"

#include "arrays.hpp"
#include "call.hpp"
#include "registration.hpp"

namespace transferscore {

inline Covariance to_covariance(const std::string& word) {
  if (word == "full") return Covariance::full;
  if (word == "diagonal") return Covariance::diagonal;
  if (word == "spherical") return Covariance::spherical;
  throw std::invalid_argument("expected full, diagonal or spherical");
}

template <class T>
void register_nleep_of(py::module_& module) {
  module.def(
      "nleep",
      [](const Array<T>& features, const Array<std::int32_t>& ids, Index n_classes, Index n_components,
         const std::string& covariance, Index pca_components, double pca_share, bool log, double ridge, double tol,
         Index max_iter, std::uint64_t seed, int n_threads) {
        const auto view = matrix_view(features);
        if (view.rows() != ids.size()) throw std::invalid_argument("expected a row of features for each label");
        const NleepOptions options{
            {pca_components, pca_share}, n_components, {to_covariance(covariance), ridge, tol, max_iter}, log, seed};
        const std::int32_t* labels = ids.data();
        const Nleep result = run(n_threads, [&](const Execution& execution) {
          return nleep<T>(view, labels, n_classes, options, execution);
        });
        const py::array_t<std::int32_t> start(static_cast<Index>(result.start.size()), result.start.data());
        return py::make_tuple(result.value, result.log_likelihood, result.n_dimensions, result.n_iter, result.converged,
                              start);
      },
      py::arg("features").noconvert(), py::arg("ids").noconvert(), py::arg("n_classes"), py::kw_only(),
      py::arg("n_components"), py::arg("covariance"), py::arg("pca_components"), py::arg("pca_share"), py::arg("log"),
      py::arg("ridge"), py::arg("tol"), py::arg("max_iter"), py::arg("seed"), py::arg("n_threads"));
}

}  // namespace transferscore

TRANSFERSCORE_BINDINGS(nleep) {
  using namespace transferscore;
  register_nleep_of<float>(module);
  register_nleep_of<double>(module);
  module.def(
      "gaussian_mixture",
      [](const Array<double>& samples, const Array<std::int32_t>& start, Index n_components,
         const std::string& covariance, double ridge, double tol, Index max_iter, int n_threads) {
        const auto view = matrix_view(samples);
        if (view.rows() != start.size()) throw std::invalid_argument("expected a component for each sample");
        const MixtureOptions options{to_covariance(covariance), ridge, tol, max_iter};
        const RowMatrix<double> z = view;
        const std::vector<std::int32_t> components(start.data(), start.data() + start.size());
        const MixtureFit fit = run(n_threads, [&](const Execution& execution) {
          MixtureFit result;
          const double work = 10 * static_cast<double>(z.size()) * static_cast<double>(n_components);
          with_team(execution, work,
                    [&](const Execution& team) { result = fit_mixture(z, components, n_components, options, team); });
          return result;
        });
        return py::make_tuple(to_array(RowMatrix<double>(fit.posterior)), fit.log_likelihood, fit.n_iter,
                              fit.converged);
      },
      py::arg("samples").noconvert(), py::arg("start").noconvert(), py::arg("n_components"), py::kw_only(),
      py::arg("covariance"), py::arg("ridge"), py::arg("tol"), py::arg("max_iter"), py::arg("n_threads"));
  module.def(
      "k_means",
      [](const Array<double>& samples, Index n_clusters, std::uint64_t seed, int n_threads) {
        const RowMatrix<double> z = matrix_view(samples);
        const std::vector<std::int32_t> ids = run(n_threads, [&](const Execution& execution) {
          std::vector<std::int32_t> result;
          const double work = 10 * static_cast<double>(z.size()) * static_cast<double>(n_clusters);
          with_team(execution, work, [&](const Execution& team) { result = k_means(z, n_clusters, seed, team); });
          return result;
        });
        return py::array_t<std::int32_t>(static_cast<Index>(ids.size()), ids.data());
      },
      py::arg("samples").noconvert(), py::arg("n_clusters"), py::kw_only(), py::arg("seed"), py::arg("n_threads"));
}

"""The one table of tolerances. Relative unless said; docs/numerics.md says where they come from."""

# Kernel against reference, float64 input, covariance of moderate condition.
FLOAT64 = 1e-10
# float32 input against the float64 reference of the same values.
FLOAT32 = 1e-5
# The same number computed in another order of classes, or by another formula of a few sums.
RELABELLED = 1e-13
REORDERED = 1e-12
# The same number from samples in another order or features in another unit.
REARRANGED = 1e-9
# The same number from other features: mixed by an invertible map, rotated, repeated, offset by 1e4.
MAPPED = 1e-7
# Of an inequality, absolute: merged classes score no more than apart.
MERGED = 1e-8
# Statistics of parts merged, against those of all samples at once.
MERGED_STATISTICS = 1e-10
# ... where the condition of the covariance, 1e12, leaves a few of sixteen digits.
ILL_CONDITIONED = 1e-3
# Level against level of the instruction set.
LEVELS = {"float64": 1e-10, "float32": 1e-6}
# Single-precision products after a correction of at most 1e-3: the square of that.
CORRECTED = 1e-6
# Cancellation: a score near zero is compared with this share of the most it can be.
OF_THE_MOST = 1e-10
# What published tables print.
TWO_DECIMALS = 5e-3
# Golden values of other libraries, given to ten decimals.
GOLDEN = 1e-9
# transformer-ranker's values: roots of class sizes, and log 2 pi, are float32 there.
FLOAT32_CONSTANTS = 1e-6
# Absolute: rows of probabilities stored as float16 sum to 1.
FLOAT16_SUM = 2**-11 + 1e-5
# Optimal transport: kernel against reference. Costs and potentials in units of the mean cost, plans
# in shares of the mass.
TRANSPORT = {"float64": 1e-8, "float32": 1e-4}
# The marginal error to which both are solved for that, per type of the input. A contraction of 1%
# per update leaves a hundred times as much in the potentials.
SOLVED = {"float64": 1e-11, "float32": 1e-6}
# Absolute: what a result says of its marginal error against a recomputation from its potentials,
# where that is more than a tenth of `tol`. Of float32: sums of single-precision products.
RECOMPUTED = {"float64": 1e-11, "float32": 1e-6}
# Slack of "converged": the recomputed error against `tol`.
CONVERGED = 1.01
# Of an inequality, in units of the mean cost: cost against epsilon, a divergence against zero.
INEQUALITY = 1e-9
# Absolute: sums of all of a plan or a table, and their blocks.
MASS = 1e-12
# Absolute: marginals of a rounded plan.
ROUNDED = 1e-14
# What a warning prints with two digits.
PRINTED = 0.06
# What published tables print.
THREE_DECIMALS = 5e-4
FOUR_DECIMALS = 5e-5
# Relative: how near a plan of relative epsilon 0.005 comes to the exact one.
NEAR_EXACT = 0.03
# An epsilon from the median of a sample of costs: single entries, of the type of the input.
EPSILON = {"float64": 1e-10, "float32": 1e-5}
# What an optimal plan may cost beyond what duals prove, as a share of the largest cost.
OPTIMAL = 1e-9
# A linear program by a solver of general ones, whose own tolerances are 1e-7.
LINEAR_PROGRAM = 1e-6
# Level against level of the instruction set for transports solved to a marginal error of 1e-10 and
# 1e-5: iterations that end at different places within it. In units of the mean cost, nats, mass.
LEVELS_OF_SOLUTIONS = {"float64": 2e-9, "float32": 2e-4}
# Evidence of targets that the features fit exactly, which rounding ends: a share of n log(1 / eps).
EXACT_FIT = 2e-2
# Gram matrices that are not centred, features offset by 1e4: 1e8 of the 1e16 of float64 are gone.
UNCENTRED = 1e-5
# PARC against public code, which ranks the rounding errors of equal label distances.
PUBLIC_PARC = 0.012
# Scores along principal axes against those by an SVD: eigenvectors move by the rounding of a
# covariance over the gaps between its eigenvalues.
PRINCIPAL = 1e-8
# Absolute: posteriors, and log-likelihoods for each sample, after rounds of a fit that multiply
# rounding.
MIXTURE = 1e-8
# Absolute: a mean probability by mixtures of clear clusters that were fitted from other starts.
ANOTHER_START = 5e-3
# Colours of more than 2,048 different values: the sum of squares against the least there is.
NEAR_BEST_COLOURS = 1e-3
# Gradients through a plan that is solved to 1e-12, as shares of their largest entry.
GRADIENT = 1e-7
# Derivatives of a function that is the same after a shift, added up, as a share of their sizes.
GRADIENT_SUM = 1e-11
# What a score may lie beyond its bounds, as a share of the larger of bound and 1.
BOUND = 1e-9
# A change that is meant to be seen, and two numbers that are meant to be near.
SMALL_CHANGE = 0.05
# Relative: differences of OTCE from two starts, both solved to the default marginal error.
TWO_STARTS = 1e-3
# What networks reach of the SVD's maximal H-score on discrete data.
LEARNED = 0.02

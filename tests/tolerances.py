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
# Absolute: rows of probabilities stored as float16 sum to 1.
FLOAT16_SUM = 2**-11 + 1e-5

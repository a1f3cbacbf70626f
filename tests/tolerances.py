"""The one table of tolerances. All are relative; docs/numerics.md says where they come from."""

# Kernel against reference, float64 input, covariance of moderate condition.
FLOAT64 = 1e-10
# float32 input against the float64 reference of the same values.
FLOAT32 = 1e-5
# The same number computed in another order: other level, other batch.
REORDERED = 1e-12
# Single-precision products after a correction of at most 1e-3: the square of that.
CORRECTED = 1e-6
# Cancellation: a score near zero is compared with this share of the most it can be.
OF_THE_MOST = 1e-10
# What published tables print.
FOUR_DECIMALS = 5e-5
TWO_DECIMALS = 5e-3
# Golden values of other libraries, given to ten decimals.
GOLDEN = 1e-9

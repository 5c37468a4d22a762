// Order statistics of times.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace harness {

// Of values that are not empty.
double median(std::vector<double> values);

// The median's 95 % interval lies between the order statistics of this rank from either end,
// counted from 0; none where `count` values are too few for any. That of the sign test; from 1000
// on by its normal approximation.
std::optional<std::size_t> interval_rank(std::size_t count);

}  // namespace harness

#include "session/median.h"

#include <algorithm>
#include <cmath>

namespace harness {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::optional<std::size_t> interval_rank(std::size_t count) {
  const auto n = static_cast<double>(count);
  if (count >= 1000) return static_cast<std::size_t>(n / 2 - 0.98 * std::sqrt(n));
  std::optional<std::size_t> rank;
  double of_this_rank = std::ldexp(1.0, -static_cast<int>(count)), below = 0;
  for (std::size_t k = 0; k < count / 2; ++k) {
    below += of_this_rank;
    if (below > 0.025) break;
    rank = k;
    of_this_rank *= (n - static_cast<double>(k)) / static_cast<double>(k + 1);
  }
  return rank;
}

}  // namespace harness

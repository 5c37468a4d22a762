// The CPU quota of this process's control groups, of both versions, and how long it held the
// process back: so many milliseconds of processor time in each period, on all cores together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "job/result.h"

namespace harness {

// Every quota of this process's control groups and of those above them, nothing counted yet.
std::vector<CpuQuota> quotas(const std::string& root);
// Cores of the smallest; none without one.
std::optional<double> cpu_quota_cores(const std::string& root);

// What the quotas did between begin and end, added up over turns.
class QuotaWatch {
 public:
  explicit QuotaWatch(const std::string& root = "/") : quotas_(quotas(root)) {}
  void begin();
  void end();
  // That which stopped the process most, else the smallest; none without a quota.
  std::optional<CpuQuota> found() const;

 private:
  std::vector<CpuQuota> quotas_;
  std::vector<std::pair<std::int64_t, std::int64_t>> before_;  // periods, nanoseconds
};

}  // namespace harness

#include "machine/cpu_quota.h"

#include <algorithm>
#include <sstream>

#include "machine/descriptor.h"
#include "machine/system_files.h"

namespace harness {

namespace {

using Times = std::pair<std::int64_t, std::int64_t>;

std::vector<std::string> split(const std::string& text, char mark) {
  std::vector<std::string> parts;
  std::istringstream all(text);
  for (std::string part; std::getline(all, part, mark);) parts.push_back(part);
  return parts;
}

// `base` and the folders on the way from it to `path` that are there, the deepest first. In a
// container the mounted folder is its own group, whatever path the system tells.
void add_folders_above(const std::string& base, const std::string& path,
                       std::vector<std::string>& found) {
  std::vector<std::string> folders = {base};
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == "." || part == "..") continue;
    folders.push_back(joined(folders.back(), part));
  }
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    if (!is_folder(*folder)) continue;
    if (std::find(found.begin(), found.end(), *folder) == found.end()) found.push_back(*folder);
  }
}

// From the process's own up.
std::vector<std::string> group_folders(const std::string& root) {
  const std::string groups = joined(root, "sys/fs/cgroup");
  std::vector<std::string> found;
  for (const std::string& line :
       split(read_text(joined(root, "proc/self/cgroup")).value_or(""), '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const std::vector<std::string> names = split(controllers, ',');
    if (line.substr(0, first) == "0" && controllers.empty()) {
      add_folders_above(groups, path, found);
      add_folders_above(joined(groups, "unified"), path, found);
    } else if (std::find(names.begin(), names.end(), "cpu") != names.end()) {
      add_folders_above(joined(groups, controllers), path, found);
      add_folders_above(joined(groups, "cpu"), path, found);
    }
  }
  return found;
}

std::optional<double> ratio(const std::string& quota_us, const std::string& period_us) {
  const auto numbers = numbers_of({quota_us, period_us});
  if (numbers.size() != 2 || numbers[0] == 0 || numbers[1] == 0) return {};
  return static_cast<double>(numbers[0]) / static_cast<double>(numbers[1]);
}

// Version 2, as "150000 100000" or "max 100000".
std::optional<double> read_max(const std::string& path) {
  std::istringstream words(read_text(path).value_or(""));
  std::string quota, period, more;
  if (!(words >> quota >> period) || words >> more) return {};
  return ratio(quota, period);
}

// Version 1, where the period has a file of its own, and -1 is no quota.
std::optional<double> read_cfs(const std::string& folder) {
  return ratio(read_text(folder + "/cpu.cfs_quota_us").value_or(""),
               read_text(folder + "/cpu.cfs_period_us").value_or(""));
}

// How often and how long all threads of the group were stopped so far.
Times throttled(const std::string& file) {
  std::int64_t periods = 0, microseconds = 0, nanoseconds = 0;
  const std::string folder = file.substr(0, file.find_last_of('/'));
  for (const std::string& line : split(read_text(folder + "/cpu.stat").value_or(""), '\n')) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    const auto value = numbers_of({line.substr(space + 1)});
    if (value.empty()) continue;
    const std::string name = line.substr(0, space);
    if (name == "nr_throttled") periods = value[0];
    if (name == "throttled_usec") microseconds = value[0];
    if (name == "throttled_time") nanoseconds = value[0];
  }
  return {periods, microseconds > 0 ? microseconds * 1000 : nanoseconds};
}

}  // namespace

std::vector<CpuQuota> quotas(const std::string& root) {
  std::vector<CpuQuota> found;
  for (const std::string& folder : group_folders(root)) {
    if (const auto cores = read_max(folder + "/cpu.max")) {
      found.push_back({*cores, folder + "/cpu.max", 0, 0});
    }
    if (const auto cores = read_cfs(folder)) {
      found.push_back({*cores, folder + "/cpu.cfs_quota_us", 0, 0});
    }
  }
  return found;
}

std::optional<double> cpu_quota_cores(const std::string& root) {
  std::optional<double> least;
  for (const CpuQuota& quota : quotas(root)) {
    least = std::min(least.value_or(quota.cores), quota.cores);
  }
  return least;
}

void QuotaWatch::begin() {
  before_.clear();
  for (const CpuQuota& quota : quotas_) before_.push_back(throttled(quota.file));
}

void QuotaWatch::end() {
  for (std::size_t n = 0; n < before_.size(); ++n) {
    const Times now = throttled(quotas_[n].file);
    quotas_[n].throttled_periods += std::max<std::int64_t>(0, now.first - before_[n].first);
    quotas_[n].throttled_ns += std::max<std::int64_t>(0, now.second - before_[n].second);
  }
}

std::optional<CpuQuota> QuotaWatch::found() const {
  const auto most = std::max_element(
      quotas_.begin(), quotas_.end(), [](const CpuQuota& a, const CpuQuota& b) {
        if (a.throttled_ns != b.throttled_ns) return a.throttled_ns < b.throttled_ns;
        if (a.throttled_periods != b.throttled_periods) {
          return a.throttled_periods < b.throttled_periods;
        }
        return a.cores > b.cores;
      });
  return most == quotas_.end() ? std::nullopt : std::optional(*most);
}

}  // namespace harness

// The cores that are switched on, by their numbers, and what each of them tells: a core that is off
// leaves a gap, and the position in a list of files would be the number of another core.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace harness {

// As /sys under `root` tells; none where it does not.
std::optional<std::set<int>> online_cores(const std::string& root = "/sys");
// Of a list of the kernel's, as "0,2-3"; none where it is no such list.
std::optional<std::set<int>> parse_cores(const std::string& text);

// The folders of those that are on, by their numbers.
std::map<int, std::string> core_folders(const std::string& root);
// The text of that file of each, where it can be read.
std::map<int, std::string> told_by_cores(const std::string& root, const std::string& file);
// The figure of core n at place n; 0: it is off or does not tell.
std::vector<std::int64_t> figures_by_core(const std::map<int, std::string>& told);

}  // namespace harness

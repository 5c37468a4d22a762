#include "machine/online_cores.h"

#include <sstream>

#include "machine/system_files.h"

namespace harness {

namespace {

constexpr int kMostCores = 4096;
constexpr std::size_t kMostDigits = 4;

std::optional<int> number_of(const std::string& text) {
  if (!is_number(text) || text.size() > kMostDigits) return {};
  return std::stoi(text);
}

}  // namespace

std::optional<std::set<int>> parse_cores(const std::string& text) {
  std::set<int> cores;
  std::istringstream parts(text + ",");  // the end of the last is an end, too
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t dash = part.find('-');
    const auto first = number_of(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : number_of(part.substr(dash + 1));
    if (!first || !last) return {};
    for (int core = *first; core <= *last; ++core) cores.insert(core);
  }
  return cores;
}

std::optional<std::set<int>> online_cores(const std::string& root) {
  const auto text = read_text(root + "/devices/system/cpu/online");
  return text ? parse_cores(*text) : std::nullopt;
}

std::map<int, std::string> core_folders(const std::string& root) {
  const auto online = online_cores(root);
  std::map<int, std::string> found;
  const std::string cores = root + "/devices/system/cpu";
  for (const std::string& folder : list_folders(cores, "cpu")) {
    const auto core = number_of(folder.substr(cores.size() + 4));
    if (core && *core < kMostCores && (!online || online->count(*core) > 0)) found[*core] = folder;
  }
  return found;
}

std::map<int, std::string> told_by_cores(const std::string& root, const std::string& file) {
  std::map<int, std::string> found;
  for (const auto& [core, folder] : core_folders(root)) {
    if (auto text = read_text(folder + "/" + file)) found[core] = *text;
  }
  return found;
}

std::vector<std::int64_t> figures_by_core(const std::map<int, std::string>& told) {
  std::vector<std::int64_t> figures;
  for (const auto& [core, text] : told) {
    const auto figure = numbers_of({text});
    if (figure.empty()) continue;
    figures.resize(static_cast<std::size_t>(core) + 1);
    figures.back() = figure[0];
  }
  return figures;
}

}  // namespace harness

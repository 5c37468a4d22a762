#include "machine/processor.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "machine/system_files.h"
#include "tables.h"

namespace harness {

namespace {

// /proc/cpuinfo: the first value of each key, and how often each ARM core is there, in that order.
struct CpuInfo {
  std::map<std::string, std::string> first;
  std::vector<std::pair<std::string, int>> cores;
};

// The name of an ARM core, or the numbers that /proc/cpuinfo has for it.
std::string core_name(std::uint32_t implementer, std::uint32_t part) {
  for (const CoreName& known : kCoreNames) {
    if (known.implementer == implementer && known.part == part) return known.name;
  }
  char text[64];
  std::snprintf(text, sizeof text, "ARM core 0x%x/0x%x", implementer, part);
  return text;
}

std::uint32_t hexadecimal(const std::string& text) {
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 16));
}

void count_core(CpuInfo& info, const std::string& name) {
  for (auto& [known, count] : info.cores) {
    if (known == name) {
      ++count;
      return;
    }
  }
  info.cores.emplace_back(name, 1);
}

CpuInfo read_cpuinfo(const std::string& root) {
  CpuInfo info;
  std::istringstream lines(read_text(root + "/proc/cpuinfo").value_or(""));
  std::uint32_t implementer = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    const std::string key = stripped(line.substr(0, colon));
    const std::string value = colon == std::string::npos ? "" : stripped(line.substr(colon + 1));
    info.first.emplace(key, value);
    if (key == "CPU implementer") implementer = hexadecimal(value);
    if (key == "CPU part") count_core(info, core_name(implementer, hexadecimal(value)));
  }
  return info;
}

// From the most to the least special; the last is the chip, after its maker's name.
std::string chip(const std::string& root) {
  std::string compatible = read_text(root + "/proc/device-tree/compatible").value_or("");
  compatible.erase(compatible.find_last_not_of('\0') + 1);
  const std::string last = compatible.substr(compatible.rfind('\0') + 1);
  const auto comma = last.find(',');
  return comma == std::string::npos ? "" : last.substr(comma + 1);
}

}  // namespace

std::string processor_name(const std::string& root) {
  const CpuInfo info = read_cpuinfo(root);
  std::string names;
  for (const auto& [name, count] : info.cores) {
    if (!names.empty()) names += " + ";
    names += info.cores.size() == 1 ? name : std::to_string(count) + "x " + name;
  }
  if (!names.empty()) {
    const std::string on = chip(root);
    return on.empty() ? names : names + " (" + on + ")";
  }
  for (const char* key : {"model name", "Model"}) {
    const auto found = info.first.find(key);
    if (found != info.first.end() && !found->second.empty()) return found->second;
  }
  return "unknown";
}

bool lacks_vnni(const std::string& root) {
  std::istringstream flags(read_cpuinfo(root).first["flags"]);
  for (std::string flag; flags >> flag;) {
    if (flag == "avx512_vnni" || flag == "avx_vnni") return false;
  }
  return true;
}

std::string program_architecture(const std::string& kernel, std::size_t pointer_bytes) {
  if (pointer_bytes != 4) return kernel;
  if (kernel == "aarch64" || kernel == "armv8l") return "armv7l";
  return kernel == "x86_64" ? "i686" : kernel;
}

}  // namespace harness

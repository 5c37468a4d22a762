// The machine's state now, and that of this process.
#include "machine/machine.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "machine/program.h"
#include "machine/system_files.h"

namespace harness {

namespace {

constexpr double kAskingLimit_s = 5.0;  // for a program that tells of the machine
constexpr int kUnderVoltage = 0b1;  // of the Raspberry Pi's flags
constexpr double kSettle_s = 0.01, kSettled_s = 0.001, kSettleLimit_s = 1.0;

double seconds_of(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::optional<double> load_average() {
  const auto text = read_text("/proc/loadavg");
  if (!text || text->empty()) return {};
  return std::strtod(text->c_str(), nullptr);
}

// The hottest; a zone without a sensor reads as 0 or far below it.
std::optional<double> temperature_c(const std::string& root) {
  std::optional<double> hottest;
  for (const std::int64_t milli :
       numbers_of(read_all(root + "/class/thermal", "thermal_zone", "temp"))) {
    const double celsius = static_cast<double>(milli) / 1000;
    if (celsius > 0 && celsius < 200) hottest = std::max(hottest.value_or(celsius), celsius);
  }
  return hottest;
}

// Under-voltage within the last two seconds, which the kernel tells everybody.
std::optional<int> read_voltage(const std::string& root) {
  for (const std::string& folder : list_folders(root + "/class/hwmon", "hwmon")) {
    if (read_text(folder + "/name") != "rpi_volt") continue;
    if (const auto alarm = read_text(folder + "/in0_lcrit_alarm")) {
      return *alarm == "1" ? kUnderVoltage : 0;
    }
  }
  return {};
}

// The flags in "throttled=0x50000".
std::optional<int> flags_of(const std::string& said) {
  const auto equals = said.find('=');
  if (equals == std::string::npos) return {};
  const std::string digits = stripped(said.substr(equals + 1));
  char* end = nullptr;
  const long flags = std::strtol(digits.c_str(), &end, 16);
  if (digits.empty() || *end != '\0') return {};
  return static_cast<int>(flags);
}

// Flags of the Raspberry Pi's firmware; where the user may not ask it, the kernel.
std::optional<int> read_throttled(const std::string& root) {
  if (const auto program = find_program("vcgencmd")) {
    if (const auto said = ask({*program, "get_throttled"}, kAskingLimit_s)) {
      if (const auto flags = flags_of(*said)) return flags;
    }
  }
  return read_voltage(root);
}

}  // namespace

double monotonic_s() { return seconds_of(CLOCK_MONOTONIC); }

State read_state(double begun_s, const std::string& root) {
  const std::string cores = root + "/devices/system/cpu";
  const auto governors = read_all(cores, "cpu", "cpufreq/scaling_governor");
  const std::set<std::string> kinds(governors.begin(), governors.end());
  return {
      monotonic_s() - begun_s,      load_average(),
      {kinds.begin(), kinds.end()}, numbers_of(read_all(cores, "cpu", "cpufreq/scaling_cur_freq")),
      temperature_c(root),          read_throttled(root)};
}

std::optional<int> count_threads() {
  DIR* folder = opendir("/proc/self/task");
  if (!folder) return {};
  int count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

std::optional<std::int64_t> peak_rss_bytes() {
  // VmHWM starts at exec; getrusage would still show the size of the process that forked us.
  const std::string status = read_text("/proc/self/status").value_or("");
  const auto at = status.find("VmHWM:");
  if (at == std::string::npos) return {};
  return std::strtoll(status.c_str() + at + 6, nullptr, 10) * 1024;
}

// ONNX Runtime's threads spin for some 40 ms after an inference, waiting for another.
void settle() {
  const double end_s = monotonic_s() + kSettleLimit_s;
  while (monotonic_s() < end_s) {
    const double before_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    usleep(static_cast<useconds_t>(kSettle_s * 1e6));
    if (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - before_s < kSettled_s) return;
  }
}

}  // namespace harness

// The state of this process.
#include "machine/machine.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "machine/system_files.h"

namespace harness {

namespace {

constexpr double kSettle_s = 0.01, kSettled_s = 0.001, kSettleLimit_s = 1.0;

double seconds_of(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

double monotonic_s() { return seconds_of(CLOCK_MONOTONIC); }

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

// The processors' users: this process, others, other virtual machines.
#include <sys/times.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string>

#include "machine/machine.h"

namespace harness {

std::optional<Shares::Times> Shares::read() {
  std::ifstream file("/proc/stat");
  std::string line, name;
  if (!std::getline(file, line)) return {};
  std::istringstream words(line);
  words >> name;
  // In the order of proc(5): user, nice, system, idle, iowait, irq, softirq, steal.
  std::array<double, 8> ticks;
  for (double& count : ticks) {
    if (!(words >> count)) return {};
  }
  tms own;
  const double per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (per_second <= 0 || times(&own) == static_cast<clock_t>(-1)) return {};
  const double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6];
  return Times{(busy + ticks[3] + ticks[4] + ticks[7]) / per_second, busy / per_second,
               ticks[7] / per_second,
               static_cast<double>(own.tms_utime + own.tms_stime) / per_second};
}

void Shares::begin() { before_ = read(); }

void Shares::end() {
  const std::optional<Times> now = read();
  if (!now || !before_) return;
  sum_.total += now->total - before_->total;
  sum_.busy += now->busy - before_->busy;
  sum_.steal += now->steal - before_->steal;
  sum_.own += now->own - before_->own;
}

std::optional<double> Shares::others() const {
  if (sum_.total == 0) return {};
  return std::min(1.0, std::max(0.0, sum_.busy - sum_.own) / sum_.total);
}

std::optional<double> Shares::stolen() const {
  if (sum_.total == 0) return {};
  return std::min(1.0, sum_.steal / sum_.total);
}

}  // namespace harness

// The cores that this process may use.
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "job/failure.h"
#include "machine/machine.h"
#include "machine/online_cores.h"

namespace harness {

namespace {

constexpr int kMostCores = 4096;

struct FreeCores {
  void operator()(cpu_set_t* cores) const { CPU_FREE(cores); }
};

using Cores = std::unique_ptr<cpu_set_t, FreeCores>;

const std::size_t kBytes = CPU_ALLOC_SIZE(kMostCores);

Cores no_cores() {
  Cores cores(CPU_ALLOC(kMostCores));
  if (!cores) throw std::bad_alloc();
  CPU_ZERO_S(kBytes, cores.get());
  return cores;
}

std::string listed(const std::vector<int>& cores) {
  std::string text;
  for (int core : cores) text += (text.empty() ? "" : ", ") + std::to_string(core);
  return "[" + text + "]";
}

}  // namespace

std::optional<std::vector<int>> affinity() {
  const Cores allowed = no_cores();
  if (sched_getaffinity(0, kBytes, allowed.get()) != 0) return {};
  std::vector<int> cores;
  for (int core = 0; core < kMostCores; ++core) {
    if (CPU_ISSET_S(static_cast<std::size_t>(core), kBytes, allowed.get())) cores.push_back(core);
  }
  return cores;
}

void pin(const std::vector<int>& cores) {
  const Cores wanted = no_cores();
  for (int core : cores) {
    if (core >= 0 && core < kMostCores) {
      CPU_SET_S(static_cast<std::size_t>(core), kBytes, wanted.get());
    }
  }
  if (sched_setaffinity(0, kBytes, wanted.get()) != 0) {
    const std::string reason = std::strerror(errno);
    const auto online = online_cores();
    throw Failure("bad_job", "cores " + listed(cores) + " cannot be had: " + reason +
                                 (online ? "; those that are on: " +
                                               listed({online->begin(), online->end()})
                                         : ""));
  }
}

}  // namespace harness

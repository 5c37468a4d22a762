// CACHE/lock: locked (flock) by the lease agent that runs, with the owner of the lease.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "machine/descriptor.h"

namespace harness {

// What a holder wrote: one JSON object, the same for each kind of lease agent.
struct LockRecord {
  std::string owner;
  std::string since_utc;
  double boottime_s;
  std::string boot;
  pid_t pid;
};

struct Holder {
  std::optional<LockRecord> record;  // none where it cannot be known
};

// Every function throws std::system_error.
class LeaseLock {
 public:
  explicit LeaseLock(const std::string& cache);

  // Nothing where it is ours now; otherwise who has it.
  std::optional<Holder> take();
  // What is written there; none where that is nothing of ours.
  std::optional<LockRecord> read() const;
  // Say whose it is; why that cannot be said, if it cannot: the lock holds all the same.
  std::optional<std::string> write(const std::string& owner);
  // Nobody's any more.
  void clear();

 private:
  std::string path_;
  Descriptor file_;
};

// Seconds since the boot, asleep or awake: a clock that nobody can set.
double boottime_s();

}  // namespace harness

// CACHE/running: the sessions of processes that were started.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace harness {

struct Ended {
  int processes;  // how many were ended
  int left;  // how many could not be
};

using EndedByName = std::map<std::string, Ended>;

// Every function throws std::system_error.
class RunningJobs {
 public:
  explicit RunningJobs(const std::string& cache);

  // Let programs start; whatever an earlier agent left running is ended first.
  EndedByName open();
  // Let nothing start any more, and end everything.
  EndedByName close();
  // Kill the session of what runs under this name.
  Ended end(const std::string& name);

 private:
  EndedByName end(const std::vector<std::string>& names, const std::string& folder) const;
  // The id of the session, if it is still ours; none where there is none of that name.
  std::optional<pid_t> session(const std::string& folder, const std::string& name) const;
  bool is_ours(pid_t session, const std::string& name) const;

  std::string folder_;
  std::string closed_;  // what the folder is called while nobody has the lock
  std::string files_;
};

}  // namespace harness

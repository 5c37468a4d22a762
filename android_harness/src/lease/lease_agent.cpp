#include "lease/lease_agent.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <stdexcept>

#include "job/json.h"
#include "lease/lease_connection.h"
#include "lease/lease_lock.h"
#include "lease/running_jobs.h"
#include "machine/descriptor.h"

namespace harness {
namespace {

constexpr int kReleased = 0, kFailed = 3, kBusy = 4, kConnectionLost = 5;
constexpr double kLeaseTimeoutS = 30.0;

// What was asked for cannot be done; the message goes to the other end.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An answer, to whoever still listens: whether the connection is lost is seen where it is read.
void tell(const OrderedJson& event) {
  const std::string text = in_one_line(event) + "\n";
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
    if (count < 0 && errno == EPIPE) return;
    if (count < 0 && errno != EINTR) throw_errno("standard output");
    if (count > 0) written += static_cast<std::size_t>(count);
  }
}

OrderedJson json_of(const std::optional<std::string>& text) {
  return text ? OrderedJson(*text) : OrderedJson();
}

OrderedJson json_of(const EndedByName& ended) {
  OrderedJson all = OrderedJson::object();
  for (const auto& [name, found] : ended) {
    all[name] = {{"processes", found.processes}, {"left", found.left}};
  }
  return all;
}

// The owner that the first line names.
std::string owner_in(const std::optional<std::string>& line) {
  const Json said = json_or_none(line.value_or(""));
  if (said.is_object() && said.contains("owner") && said["owner"].is_string()) {
    const std::string owner = said["owner"];
    if (!owner.empty()) return owner;
  }
  const std::string found = line ? "'" + *line + "'" : "missing";
  throw Refused("the first line is " + found + R"(; expected {"owner": "..."})");
}

// Say who has it, and for how long by a clock that nobody can set.
int busy(const std::optional<LockRecord>& holder) {
  OrderedJson said = {
      {"event", "busy"}, {"owner", nullptr}, {"age_s", nullptr}, {"since_utc", nullptr}};
  if (holder) {
    said["owner"] = holder->owner;
    said["age_s"] = std::round(10 * (boottime_s() - holder->boottime_s)) / 10;
    said["since_utc"] = holder->since_utc;
  }
  tell(said);
  return kBusy;
}

// Do what the lines say; whether the last one was a goodbye.
bool serve(LeaseConnection& connection, RunningJobs& running) {
  while (const std::optional<std::string> said = connection.next()) {
    if (*said == "bye") return true;
    if (*said == "beat") continue;
    const std::string name = said->compare(0, 4, "end ") == 0 ? said->substr(4) : "";
    if (name.empty() || name.find('/') != std::string::npos) {
      throw Refused("'" + *said + "' is nothing to ask; expected beat, end NAME or bye");
    }
    const Ended ended = running.end(name);
    tell(
        {{"event", "ended"}, {"name", name}, {"processes", ended.processes}, {"left", ended.left}});
  }
  return false;
}

// From "locked" to the last line; `running` is open, and closed after it whatever happens.
bool serve_locked(LeaseConnection& connection, LeaseLock& lock, RunningJobs& running,
                  const OrderedJson& locked, const std::string& owner) {
  try {
    OrderedJson said = locked;
    said["unwritten"] = json_of(lock.write(owner));
    tell(said);
    return serve(connection, running);
  } catch (...) {
    running.close();
    throw;
  }
}

// Hold the lock while the connection lasts; the exit code.
int hold(const std::string& cache, LeaseConnection& connection) {
  const std::string owner = owner_in(connection.next());
  LeaseLock lock(cache);
  RunningJobs running(cache);
  if (const std::optional<Holder> holder = lock.take()) return busy(holder->record);
  OrderedJson left_behind;
  const std::optional<LockRecord> before = lock.read();
  if (before && before->owner != owner) {
    left_behind = {{"owner", before->owner}, {"since_utc", before->since_utc}};
  }
  OrderedJson locked = {{"event", "locked"}, {"left_behind", left_behind}};
  locked["ended"] = json_of(running.open());
  const bool is_released = serve_locked(connection, lock, running, locked, owner);
  const EndedByName ended = running.close();
  if (!is_released) return kConnectionLost;
  lock.clear();
  tell({{"event", "released"}, {"ended", json_of(ended)}});
  return kReleased;
}

double timeout_s_in(const std::string& word) {
  char* end = nullptr;
  const double timeout_s = std::strtod(word.c_str(), &end);
  if (word.empty() || *end != '\0' || !std::isfinite(timeout_s) || timeout_s < 0) {
    throw Refused("'" + word + "' is no number of seconds; expected --lease CACHE [TIMEOUT_S]");
  }
  return timeout_s;
}

int run_agent(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.size() > 2) {
    throw Refused("expected --lease CACHE [TIMEOUT_S]");
  }
  LeaseConnection connection(arguments.size() > 1 ? timeout_s_in(arguments[1]) : kLeaseTimeoutS);
  return hold(arguments[0], connection);
}

}  // namespace

int lease_agent(const std::vector<std::string>& arguments) {
  // A connection that is lost shows where it is read, and must not end us ahead of what runs.
  ::signal(SIGPIPE, SIG_IGN);
  try {
    try {
      return run_agent(arguments);
    } catch (const std::runtime_error& error) {
      tell({{"event", "failed"}, {"message", error.what()}});
    }
  } catch (const std::system_error&) {
    return kFailed;  // nor can that be told: standard output is closed
  }
  return kFailed;
}

}  // namespace harness

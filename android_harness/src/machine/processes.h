// The processes of this machine by session, from /proc.
#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace harness {

// Of each process its session.
using Members = std::map<pid_t, pid_t>;

// The living processes of `sessions`, without this one. What other users run may be invisible; what
// our own user runs never is. std::system_error.
Members members(const std::set<pid_t>& sessions);

struct Killed {
  Members found;  // all that were there
  Members left;  // those of them that are there still
};

// SIGKILL to all processes of `sessions`, and to what they fork meanwhile, until none is left or
// waiting is no use.
//
// Never to this process's own session, where a server gives it and what it watches only one, nor to
// 0, which is the kernel's: they would take the line, or the machine, with them.
Killed kill_sessions(const std::set<pid_t>& sessions);

// The words that the process was started with; none once it has ended.
std::vector<std::string> command_line(pid_t process);

// What is another after each boot.
std::string boot_id();

// A moment to wait between two looks.
void pause_shortly();

}  // namespace harness

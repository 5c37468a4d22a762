#include "lease/running_jobs.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <set>

#include "machine/descriptor.h"
#include "machine/processes.h"

namespace harness {
namespace {

// More than a session and a boot take.
constexpr std::size_t kMaxEntryBytes = 256;

std::vector<std::string> names_in(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) throw_errno(path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

int count_of(const Members& members, pid_t session) {
  return static_cast<int>(std::count_if(members.begin(), members.end(), [session](auto& member) {
    return member.second == session;
  }));
}

}  // namespace

RunningJobs::RunningJobs(const std::string& cache)
    : folder_(joined(cache, "running")),
      closed_(joined(cache, "ended")),
      files_(joined(cache, "files/")) {}

EndedByName RunningJobs::open() {
  if (!is_folder(folder_)) make_folders(closed_);
  EndedByName ended = close();
  if (std::rename(closed_.c_str(), folder_.c_str()) != 0) throw_errno(closed_);
  return ended;
}

EndedByName RunningJobs::close() {
  if (std::rename(folder_.c_str(), closed_.c_str()) != 0 && errno != ENOENT) throw_errno(folder_);
  return is_folder(closed_) ? end(names_in(closed_), closed_) : EndedByName{};
}

Ended RunningJobs::end(const std::string& name) { return end({name}, folder_).at(name); }

EndedByName RunningJobs::end(const std::vector<std::string>& names,
                             const std::string& folder) const {
  std::map<std::string, std::optional<pid_t>> sessions;
  std::set<pid_t> doomed;
  for (const std::string& name : names) {
    sessions[name] = session(folder, name);
    if (sessions[name]) doomed.insert(*sessions[name]);
  }
  const Killed killed = kill_sessions(doomed);
  EndedByName ended;
  for (const auto& [name, session] : sessions) {
    const int left = session ? count_of(killed.left, *session) : 0;
    ended[name] = {(session ? count_of(killed.found, *session) : 0) - left, left};
    const std::string path = joined(folder, name);
    if (left == 0 && ::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno(path);
  }
  return ended;
}

std::optional<pid_t> RunningJobs::session(const std::string& folder,
                                          const std::string& name) const {
  std::array<char, kMaxEntryBytes> entry;
  const ssize_t count = ::readlink(joined(folder, name).c_str(), entry.data(), entry.size());
  if (count < 0) return {};
  const char* end = entry.data() + count;
  const char* space = std::find(static_cast<const char*>(entry.data()), end, ' ');
  pid_t found = 0;
  const auto [rest, error] = std::from_chars(entry.data(), space, found);
  if (error != std::errc() || rest != space || space == end) return {};
  // An id of another boot is somebody else's by now.
  if (std::string(space + 1, end) != boot_id() || !is_ours(found, name)) return {};
  return found;
}

bool RunningJobs::is_ours(pid_t session, const std::string& name) const {
  const std::string entry = joined(folder_, name);  // as it was started
  for (const auto& member : members({session})) {
    for (const std::string& word : command_line(member.first)) {
      if (word == entry || word.compare(0, files_.size(), files_) == 0) return true;
    }
  }
  return false;
}

}  // namespace harness

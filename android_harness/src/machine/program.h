// Another program that tells of the machine, asked within a time limit and never through a shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace harness {

// The path of that program on PATH; none where there is no such program.
std::optional<std::string> find_program(const std::string& name);

// For whatever is asked about the machine.
constexpr double kAskingLimit_s = 5.0;

struct Asked {
  std::optional<std::string> said;  // its standard output; none unless it ended with code 0
  bool in_time;
};

// The answer of a program, its standard input and error empty. One that takes longer than `limit_s`
// is killed with what it started, and not waited for: one that a driver holds cannot be killed.
Asked ask(const std::vector<std::string>& command, double limit_s = kAskingLimit_s);

}  // namespace harness

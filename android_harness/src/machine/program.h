// Another program that tells of the machine, asked within a time limit and never through a shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace harness {

// The path of that program on PATH; none where there is no such program.
std::optional<std::string> find_program(const std::string& name);

// Its standard output, its standard input and error empty; none where it cannot be
// started, takes longer than `limit_s` (it is killed then), or ends with another code than 0.
std::optional<std::string> ask(const std::vector<std::string>& command, double limit_s);

}  // namespace harness

// Holds a device for one bench, and ends there whatever that bench leaves running.
#pragma once

#include <string>
#include <vector>

namespace harness {

// CACHE [TIMEOUT_S]; speaks the lines of bench/on_device/lease_agent.py, which documents them. The
// exit code.
int lease_agent(const std::vector<std::string>& arguments);

}  // namespace harness

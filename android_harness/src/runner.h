// One job: read, run, answered.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "job/lines.h"
#include "job/result.h"
#include "session/session.h"

namespace harness {

// Whoever waits for a line of JSON.
using Tell = std::function<void(const std::string& line)>;

// The result of the job, which is in the file that `arguments` name or the first line of `input`;
// whatever fails is in its error. Further lines of `input` ask for turns.
Result run_job(const std::vector<std::string>& arguments, Lines& input, const Libraries& libraries,
               const Tell& tell);

}  // namespace harness

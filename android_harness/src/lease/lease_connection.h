// The lines of standard input, until they end, stay away too long, or a signal comes.
#pragma once

#include <optional>
#include <string>

#include "machine/descriptor.h"

namespace harness {

class LeaseConnection {
 public:
  // From here on SIGTERM, SIGHUP and SIGINT end the lines instead of the process.
  explicit LeaseConnection(double timeout_s);

  // The next line without spaces around it; none where there will be no more. std::system_error.
  std::optional<std::string> next();

 private:
  // Whether there is something to read; false where the lines have ended instead.
  bool wait(double deadline_s);

  double timeout_s_;
  std::string unread_;
  // Readable after a signal, so that it ends a wait and never the middle of a kill.
  Descriptor signals_;
};

}  // namespace harness

// States of the machine before, between and after turns; what does not answer is given up.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "job/result.h"

namespace harness {

// A source that does not answer within five seconds is not asked again, nor is what is `unasked`,
// which kept another run waiting. Files are read in threads: a driver that hangs holds whoever reads
// its file, for as long as it likes.
class MachineWatch {
 public:
  explicit MachineWatch(const std::vector<std::string>& unasked, std::string root = "/sys");
  ~MachineWatch();
  MachineWatch(const MachineWatch&) = delete;
  MachineWatch& operator=(const MachineWatch&) = delete;

  // Adds a state with everything; to be called when no turns are being taken.
  void look();
  // Adds a state between turns, about once a second, of what answers at once. No program is started
  // then: it would take a turn's cores, and a slow one its time.
  void glance();

  const std::vector<State>& states() const { return states_; }
  // Names of what did not answer, in their order.
  std::vector<std::string> unanswered() const { return {unanswered_.begin(), unanswered_.end()}; }

 private:
  class Reading;

  State state(double at_s, double limit_s);
  std::optional<std::int64_t> firmware();

  std::string root_;
  double begun_s_;
  std::vector<State> states_;
  std::set<std::string> unanswered_;
  std::map<std::string, std::unique_ptr<Reading>> readings_;
};

}  // namespace harness

// Does the work in a process of its own, so that a runtime that crashes still leaves an answer.
#pragma once

#include <functional>

namespace harness {

// The exit code of `work`, which is done in a child and tells through its argument that its answer
// is written. Where the child dies of a signal before that, the answer is a result with the error
// "crashed". SIGTERM, SIGINT and SIGHUP end the child and then us; the child does not outlive us.
// Must be called before anything has started threads. Failure "runtime_failed".
int guarded(const std::function<int(const std::function<void()>& answered)>& work);

}  // namespace harness

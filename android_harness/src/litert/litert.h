// The options of LiteRT that a job asks for.
#pragma once

#include "job/job.h"
#include "litert/litert_model.h"

namespace harness {

// Failure "runtime_failed" where LiteRT would not do as the job says.
LiteRtOptions litert_options(const Job& job);

}  // namespace harness

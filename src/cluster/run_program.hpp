#pragma once

#include "cluster/process.hpp"

#include <string>

namespace minga::cluster {

/// What a program left when it ended: the status that waitpid() gave, and all that it wrote.
struct ProgramResult {
  int status = 0;
  std::string output;
};

/// Runs a program to its end. Past the deadline, or when the caller is cancelled, it is killed with
/// all that it started, and the caller continues once it is gone. Throws deadline_error().
Async<ProgramResult> run_program(Processes& processes, Program program, Deadline deadline);

}  // namespace minga::cluster

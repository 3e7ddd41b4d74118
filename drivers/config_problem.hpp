// What is wrong in a configuration file (reader.conf, a bundle's Info.plist): where it stands,
// what it costs and what to do. Values; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace cardea {

/// Something the administrator should know.
struct ConfigProblem {
  std::string file;
  unsigned line = 0;  ///< from 1; 0 if it concerns the file as a whole
  std::string text;   ///< the fault, its consequence and, unless obvious, the remedy; one line
};

/// "FILE:LINE: TEXT", as compilers write it; without a line "FILE: TEXT".
inline std::string to_string(const ConfigProblem& problem) {
  const std::string line = problem.line != 0 ? ":" + std::to_string(problem.line) : "";
  return problem.file + line + ": " + problem.text;
}

/// Adds a problem unless there are `problems_max` already; the last one then says that more follow.
inline void add_problem(std::vector<ConfigProblem>& problems, std::size_t problems_max,
                        ConfigProblem problem) {
  if (problems.size() >= problems_max) return;
  if (problems.size() + 1 == problems_max) problem.text += "; further problems are not listed";
  problems.push_back(std::move(problem));
}

}  // namespace cardea

#pragma once

#include <minga/app.hpp>

#include <vector>

namespace apps {

void hits(minga::App& app);
void tasks(minga::App& app);
void items(minga::App& app);

/// The applications that the program ships with, in the order of the start page.
inline std::vector<minga::Application> all() {
  return {{"hits", hits}, {"tasks", tasks}, {"items", items}};
}

}  // namespace apps

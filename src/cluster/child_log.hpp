#pragma once

#include "base/logging.hpp"

#include <string>
#include <string_view>

namespace minga::cluster {

/// A line of a child's log, as it stands in ours.
struct ChildLine {
  log::Level level = log::Level::info;
  std::string text;
};

/// etcd writes JSON; Patroni "patroni LEVEL text", and PostgreSQL, whose output comes with
/// Patroni's, "postgres[PID] LEVEL:  text". Any other line is kept as it is.
ChildLine read_etcd_line(std::string_view line);
ChildLine read_patroni_line(std::string_view line);

void write(ChildLine const& line);

}  // namespace minga::cluster

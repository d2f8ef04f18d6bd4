#pragma once

#include <string>

namespace minga::sql::sqlite {

/// A VFS over another one ("" for the default) that hands what a connection writes to the
/// write-ahead log on in one piece. SQLite writes each page to the log by two calls, its header and
/// itself; what follows on what came before waits here until the log is synced, read, cut, measured
/// or closed, so that a group's pages are one write. An error of that write is the error of the
/// call that caused it. Only for a connection that syncs the log at each commit (synchronous=FULL):
/// nothing that waits here is part of a commit that anybody sees. Returns the VFS's registered
/// name. Throws Error when there is no such VFS. See https://www.sqlite.org/vfs.html.
std::string joining_vfs(std::string const& base);

}  // namespace minga::sql::sqlite

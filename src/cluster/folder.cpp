#include "cluster/folder.hpp"

#include "base/ids.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"

#include <boost/json/value_to.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace minga::cluster {
namespace {

constexpr std::size_t kPasswordLength = 32;  // of 36 characters: 165 bits

std::string text_at(JsonObject const& object, char const* name) {
  return boost::json::value_to<std::string>(object.at(name));
}

[[noreturn]] void fail(std::string_view what, std::filesystem::path const& file) {
  throw std::runtime_error(
      fmt::format("{} {}: {}.", what, file.string(), std::generic_category().message(errno)));
}

/// A file that is being written, under another name; gone unless it was put in place.
class Draft {
 public:
  Draft(std::filesystem::path file, mode_t mode)
      : file_(std::move(file)), draft_(file_.string() + ".new") {
    descriptor_ = ::open(draft_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (descriptor_ < 0) fail("Cannot write", draft_);
    if (::fchmod(descriptor_, mode) != 0) fail("Cannot protect", draft_);
  }
  ~Draft() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!in_place_) ::unlink(draft_.c_str());
  }
  Draft(Draft const&) = delete;
  Draft& operator=(Draft const&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      auto const written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("Cannot write", draft_);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void put_in_place() {
    if (::fsync(descriptor_) != 0) fail("Cannot write", draft_);
    if (::rename(draft_.c_str(), file_.c_str()) != 0) fail("Cannot put in place", file_);
    in_place_ = true;
  }

 private:
  std::filesystem::path file_;
  std::filesystem::path draft_;
  int descriptor_ = -1;
  bool in_place_ = false;
};

void write_with_mode(std::filesystem::path const& file, std::string_view text, mode_t mode) {
  Draft draft(file, mode);
  draft.write(text);
  draft.put_in_place();
}

bool holds(std::filesystem::path const& file, std::string_view text) {
  std::error_code unreadable;
  return std::filesystem::exists(file, unreadable) && read_text(file) == text;
}

}  // namespace

MemberAddress SetIdentity::find(HostPort const& member) const {
  auto const same = [&](MemberAddress const& each) {
    return each.host == member.host && each.port == member.port;
  };
  auto const found = std::find_if(members.begin(), members.end(), same);
  return found != members.end() ? *found : usual_address(member);
}

SetIdentity make_set(std::string const& name) {
  SetIdentity identity;
  identity.set = name;
  identity.id = fmt::format("{}-{}", name, random_text(16));
  identity.authority = make_authority(name);
  identity.superuser_password = random_text(kPasswordLength);
  identity.replication_password = random_text(kPasswordLength);
  identity.rewind_password = random_text(kPasswordLength);
  identity.application_password = random_text(kPasswordLength);
  return identity;
}

std::string to_text(SetIdentity const& identity) {
  JsonArray members;
  for (auto const& member : identity.members) members.push_back(to_json(member));
  JsonObject const token{
      {"minga", "join token: whoever holds it is trusted as a member"},
      {"set", identity.set},
      {"id", identity.id},
      {"authority",
       {{"certificate", identity.authority.certificate}, {"key", identity.authority.key}}},
      {"passwords",
       {{"superuser", identity.superuser_password},
        {"replication", identity.replication_password},
        {"rewind", identity.rewind_password},
        {"application", identity.application_password}}},
      {"members", members}};
  return pretty(token) + "\n";
}

SetIdentity parse_join_token(std::string_view text) {
  try {
    auto const token = read_json(text);
    auto const& object = token.as_object();
    auto const& authority = object.at("authority").as_object();
    auto const& passwords = object.at("passwords").as_object();
    SetIdentity identity;
    identity.set = text_at(object, "set");
    identity.id = text_at(object, "id");
    identity.authority = {text_at(authority, "certificate"), text_at(authority, "key")};
    identity.superuser_password = text_at(passwords, "superuser");
    identity.replication_password = text_at(passwords, "replication");
    identity.rewind_password = text_at(passwords, "rewind");
    identity.application_password = text_at(passwords, "application");
    for (auto const& member : object.at("members").as_array()) {
      identity.members.push_back(address_from(member));
    }
    return identity;
  } catch (std::exception const& error) {
    throw std::invalid_argument(
        fmt::format("this is no join token, which is the file join-token in a member's data "
                    "folder ({})",
                    error.what()));
  }
}

SetIdentity read_join_token(std::filesystem::path const& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    throw std::invalid_argument(fmt::format("The join token {} cannot be read: {}.", file.string(),
                                            std::generic_category().message(errno)));
  }
  if ((status.st_mode & 0077) != 0) {
    throw std::invalid_argument(
        fmt::format("The join token {} may be read by others than its owner, and holds every "
                    "secret of the set: chmod 600 {}",
                    file.string(), file.string()));
  }
  try {
    return parse_join_token(read_text(file));
  } catch (std::invalid_argument const& error) {
    throw std::invalid_argument(fmt::format("{}: {}.", file.string(), error.what()));
  }
}

void write_private(std::filesystem::path const& file, std::string_view text, bool is_program) {
  write_with_mode(file, text, is_program ? 0700 : 0600);
}

std::string read_text(std::filesystem::path const& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (!stream) fail("Cannot read", file);
  return text;
}

void make_private_folder(std::filesystem::path const& folder) {
  if (folder.empty() || std::filesystem::is_directory(folder)) return;
  make_private_folder(folder.parent_path());
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) fail("Cannot make the folder", folder);
}

std::optional<Member> read_member(Folder const& folder) {
  if (!std::filesystem::exists(folder.member())) return std::nullopt;
  auto const value = read_json(read_text(folder.member()));
  Member member;
  member.address = address_from(value);
  if (auto const* joins = value.as_object().if_contains("joins")) {
    member.joins = parse_host_port(joins->as_string());
  }
  return member;
}

void write_member(Folder const& folder, Member const& member) {
  auto value = to_json(member.address);
  if (member.joins) value.as_object()["joins"] = member.joins->text();
  write_private(folder.member(), pretty(value) + "\n");
}

void write_certificates(Folder const& folder, SetIdentity const& identity,
                        MemberAddress const& member) {
  make_private_folder(folder.authority().parent_path());
  write_private(folder.authority(), identity.authority.certificate);
  if (std::filesystem::exists(folder.certificate()) && std::filesystem::exists(folder.key()) &&
      is_good_certificate(read_text(folder.certificate()), identity.authority, member.host)) {
    return;
  }
  // Patroni asks its own PostgreSQL at the same host; tools on the machine may say localhost.
  auto const issued = issue_certificate(identity.authority, member.name(),
                                        {member.host, "localhost", "127.0.0.1", "::1"});
  write_private(folder.key(), issued.key);
  write_private(folder.certificate(), issued.certificate);
}

void write_client_files(Folder const& folder, SetIdentity const& identity) {
  make_private_folder(folder.client());
  auto const authority = folder.client() / "ca.crt";
  auto const passwords = folder.client() / "pgpass";
  auto const line = fmt::format("*:*:minga:minga:{}\n", identity.application_password);
  if (!holds(authority, identity.authority.certificate)) {
    write_private(authority, identity.authority.certificate);
  }
  if (!holds(passwords, line)) write_private(passwords, line);
}

std::string database_url(std::vector<MemberAddress> const& members,
                         std::filesystem::path const& client_folder) {
  std::string hosts;
  for (auto const& member : members) hosts += (hosts.empty() ? "" : ",") + member.name();
  auto const file = [&](char const* name) {
    std::string path;  // slashes stay, for people read it
    for (auto const& part : std::filesystem::absolute(client_folder) / name) {
      if (part != "/") path += "/" + percent_encode(part.string());
    }
    return path;
  };
  return fmt::format(
      "postgresql://minga@{}/minga?target_session_attrs=read-write&sslmode=verify-full"
      "&sslrootcert={}&passfile={}",
      hosts, file("ca.crt"), file("pgpass"));
}

}  // namespace minga::cluster

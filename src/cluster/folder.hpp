#pragma once

#include "cluster/address.hpp"
#include "cluster/certificates.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minga::cluster {

/// What all members of a set share, and a new one must be given: the content of the join token.
/// Whoever holds it is trusted as a member.
struct SetIdentity {
  std::string set;  // the name
  std::string id;   // random; etcd tells sets apart by it
  Certificate authority;
  std::string superuser_password;
  std::string replication_password;
  std::string rewind_password;
  std::string application_password;
  std::vector<MemberAddress> members;  // as last seen: where to ask for the others

  /// The member of that name; its ports are the usual ones when it is not known.
  MemberAddress find(HostPort const& member) const;
};

/// A new set: everything drawn from the system's random source.
SetIdentity make_set(std::string const& name);

std::string to_text(SetIdentity const& identity);
/// Throws std::invalid_argument when the text is no join token.
SetIdentity parse_join_token(std::string_view text);
/// Throws std::invalid_argument when the file cannot be read, is no join token, or may be read by
/// others than its owner.
SetIdentity read_join_token(std::filesystem::path const& file);

/// The files of one member, all below one folder that only its user may enter.
class Folder {
 public:
  explicit Folder(std::filesystem::path root) : root_(std::move(root)) {}

  std::filesystem::path const& root() const { return root_; }
  std::filesystem::path join_token() const { return root_ / "join-token"; }
  std::filesystem::path member() const { return root_ / "member.json"; }
  /// There once an operator has removed the member from its set.
  std::filesystem::path removed() const { return root_ / "removed"; }
  std::filesystem::path lock() const { return root_ / "lock"; }
  std::filesystem::path etcd_configuration() const { return root_ / "etcd.yml"; }
  std::filesystem::path patroni_configuration() const { return root_ / "patroni.yml"; }
  std::filesystem::path etcd_data() const { return root_ / "etcd"; }
  std::filesystem::path postgres_data() const { return root_ / "postgres"; }
  /// A database that was restored, before Patroni makes it the set's.
  std::filesystem::path restored() const { return root_ / "restored"; }
  std::filesystem::path postgres_programs() const { return root_ / "bin"; }
  std::filesystem::path bootstrap_sql() const { return root_ / "bootstrap.sql"; }
  std::filesystem::path passwords() const { return root_ / "pgpass"; }  // Patroni's own
  std::filesystem::path authority() const { return root_ / "tls" / "ca.crt"; }
  std::filesystem::path certificate() const { return root_ / "tls" / "member.crt"; }
  std::filesystem::path key() const { return root_ / "tls" / "member.key"; }
  /// What an application needs besides the URL; to be copied to its machine.
  std::filesystem::path client() const { return root_ / "client"; }

 private:
  std::filesystem::path root_;
};

/// Replaces the file at once: a reader, or a crash, sees the old text or the new. Mode 0600, or
/// 0700 when it is a program. Throws std::runtime_error.
void write_private(std::filesystem::path const& file, std::string_view text,
                   bool is_program = false);
/// Throws std::runtime_error.
std::string read_text(std::filesystem::path const& file);
/// Makes the folder, and those above it, with mode 0700 where they are made.
void make_private_folder(std::filesystem::path const& folder);

/// What a member knows of itself since its first start.
struct Member {
  MemberAddress address;
  /// Whom it asks to be let in; nothing for a set's first member.
  std::optional<HostPort> joins;
};

/// Nothing before the first start.
std::optional<Member> read_member(Folder const& folder);
void write_member(Folder const& folder, Member const& member);

/// The certificate of the member as files, made anew when it is missing or does not fit.
void write_certificates(Folder const& folder, SetIdentity const& identity,
                        MemberAddress const& member);

/// ca.crt and pgpass for applications.
void write_client_files(Folder const& folder, SetIdentity const& identity);

/// The URL that an application is given: every member, the writable one meant.
std::string database_url(std::vector<MemberAddress> const& members,
                         std::filesystem::path const& client_folder);

}  // namespace minga::cluster

#include "cluster/folder.hpp"

#include "cluster/refusal_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <unistd.h>

namespace minga::cluster {
namespace {

using testing::HasSubstr;

class FolderTest : public testing::Test {
 protected:
  FolderTest() : root_(testing::TempDir() + "minga-folder-" + std::to_string(::getpid())) {
    make_private_folder(root_);
  }
  ~FolderTest() override { std::filesystem::remove_all(root_); }

  static mode_t mode(std::filesystem::path const& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
  }

  std::filesystem::path root_;
};

TEST(Address, ReadsHostAndPort) {
  EXPECT_EQ(parse_host_port("10.0.0.1:5432"), (HostPort{"10.0.0.1", 5432}));
  EXPECT_EQ(parse_host_port("[fd00::1]:5432"), (HostPort{"fd00::1", 5432}));
  EXPECT_EQ(parse_host_port("db1.example:0"), (HostPort{"db1.example", 0}));
  EXPECT_EQ((HostPort{"fd00::1", 5432}.text()), "[fd00::1]:5432");
  for (auto const* text : {"", "5432", ":5432", "host:", "host:x", "host:70000", "fd00::1:5432",
                           "a b:1", "user@host:1", "host:1/x", "h'ost:1"}) {
    EXPECT_THAT(refusal([&] { parse_host_port(text); }), HasSubstr("10.0.0.1:5432")) << text;
  }
}

TEST(Address, TakesFourPortsInARow) {
  auto const address = usual_address({"10.0.0.1", 5432});
  EXPECT_EQ(address.name(), "10.0.0.1:5432");
  EXPECT_EQ(address.patroni_url(), "https://10.0.0.1:5433");
  EXPECT_EQ(address.etcd_url(), "https://10.0.0.1:5434");
  EXPECT_EQ(address.peer_url(), "https://10.0.0.1:5435");
  EXPECT_EQ(address_from(to_json(address)), address);
  EXPECT_THROW(usual_address({"10.0.0.1", 65'533}), std::invalid_argument);
  EXPECT_THROW(usual_address({"10.0.0.1", 0}), std::invalid_argument);
}

TEST(JoinToken, CarriesTheSet) {
  auto identity = make_set("main");
  identity.members = {usual_address({"10.0.0.1", 5432}), {"10.0.0.2", 1, 2, 3, 4}};
  auto const read = parse_join_token(to_text(identity));
  EXPECT_EQ(read.set, "main");
  EXPECT_EQ(read.id, identity.id);
  EXPECT_EQ(read.authority.certificate, identity.authority.certificate);
  EXPECT_EQ(read.authority.key, identity.authority.key);
  EXPECT_EQ(read.superuser_password, identity.superuser_password);
  EXPECT_EQ(read.replication_password, identity.replication_password);
  EXPECT_EQ(read.rewind_password, identity.rewind_password);
  EXPECT_EQ(read.application_password, identity.application_password);
  EXPECT_EQ(read.members, identity.members);
  EXPECT_EQ(read.find({"10.0.0.2", 1}).etcd, 3);
  EXPECT_EQ(read.find({"10.0.0.9", 5432}).etcd, 5434);
}

TEST(JoinToken, SetsShareNoSecret) {
  auto const one = make_set("main");
  auto const two = make_set("main");
  EXPECT_NE(one.id, two.id);
  EXPECT_NE(one.superuser_password, two.superuser_password);
  EXPECT_NE(one.superuser_password, one.replication_password);
  EXPECT_NE(one.application_password, two.application_password);
}

TEST_F(FolderTest, RefusesATokenThatOthersMayRead) {
  auto const file = root_ / "join-token";
  write_private(file, to_text(make_set("main")));
  EXPECT_EQ(read_join_token(file).set, "main");
  ::chmod(file.c_str(), 0640);
  EXPECT_THAT(refusal([&] { read_join_token(file); }), HasSubstr("chmod 600"));
}

TEST_F(FolderTest, RefusesWhatIsNoToken) {
  auto const file = root_ / "token";
  EXPECT_THAT(refusal([&] { read_join_token(file); }), HasSubstr("cannot be read"));
  for (auto const* text : {"", "{}", "[1]", R"({"set":1})", R"({"set":"x","id":"y"})"}) {
    write_private(file, text);
    EXPECT_THAT(refusal([&] { read_join_token(file); }), HasSubstr("no join token")) << text;
  }
}

TEST_F(FolderTest, WritesForItsOwnerAlone) {
  auto const file = root_ / "secret";
  write_private(file, "one");
  write_private(file, "two");
  EXPECT_EQ(read_text(file), "two");
  EXPECT_EQ(mode(file), 0600U);
  write_private(root_ / "program", "#!/bin/sh\n", true);
  EXPECT_EQ(mode(root_ / "program"), 0700U);
  make_private_folder(root_ / "a" / "b");
  EXPECT_EQ(mode(root_ / "a"), 0700U);
  EXPECT_FALSE(std::filesystem::exists(root_ / "secret.new"));
}

TEST_F(FolderTest, KeepsACertificateThatFits) {
  Folder const folder(root_);
  auto const identity = make_set("main");
  auto const member = usual_address({"127.0.0.1", 5432});
  write_certificates(folder, identity, member);
  auto const first = read_text(folder.certificate());
  write_certificates(folder, identity, member);
  EXPECT_EQ(read_text(folder.certificate()), first);
  write_certificates(folder, identity, usual_address({"10.0.0.1", 5432}));
  EXPECT_NE(read_text(folder.certificate()), first);
  EXPECT_EQ(mode(folder.key()), 0600U);
}

TEST_F(FolderTest, RemembersTheMember) {
  Folder const folder(root_);
  EXPECT_FALSE(read_member(folder));
  write_member(folder, {usual_address({"fd00::1", 5432}), HostPort{"fd00::2", 5432}});
  EXPECT_EQ(read_member(folder)->address, usual_address({"fd00::1", 5432}));
  EXPECT_EQ(read_member(folder)->joins, (HostPort{"fd00::2", 5432}));
  write_member(folder, {usual_address({"fd00::1", 5432}), std::nullopt});
  EXPECT_FALSE(read_member(folder)->joins);
}

TEST(DatabaseUrl, NamesEveryMember) {
  auto const url = database_url(
      {usual_address({"10.0.0.1", 5432}), usual_address({"fd00::2", 5432})}, "/var/lib/a b/client");
  EXPECT_EQ(url,
            "postgresql://minga@10.0.0.1:5432,[fd00::2]:5432/minga"
            "?target_session_attrs=read-write&sslmode=verify-full"
            "&sslrootcert=/var/lib/a%20b/client/ca.crt&passfile=/var/lib/a%20b/client/pgpass");
}

}  // namespace
}  // namespace minga::cluster

#include "cluster/backup_settings.hpp"

#include "cluster/refusal_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace minga::cluster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class OptionsFile : public testing::Test {
 protected:
  OptionsFile() : file_(testing::TempDir() + "minga-options-" + std::to_string(::getpid())) {}
  ~OptionsFile() override { std::filesystem::remove(file_); }

  BackupOptions read(std::string_view text) {
    write_private(file_, text);
    return read_backup_options(file_);
  }
  std::string refused(std::string_view text) {
    return refusal([&] { read(text); });
  }

  std::filesystem::path file_;
};

TEST(Repository, IsAnAbsoluteFolder) {
  EXPECT_EQ(parse_repository("/mnt/backups"), "/mnt/backups");
  EXPECT_EQ(parse_repository("/mnt//backups/x/../"), "/mnt/backups");
  for (auto const* wrong : {"", "backups", "/", "/mnt\nrepo1-type=s3"}) {
    EXPECT_THAT(refusal([&] { parse_repository(wrong); }), HasSubstr("/mnt/backups")) << wrong;
  }
}

TEST_F(OptionsFile, IsReadLineByLine) {
  EXPECT_THAT(read("# S3\nrepo1-type=s3\n\n repo1-s3-key = a=b \n"),
              ElementsAre(Pair("repo1-s3-key", "a=b"), Pair("repo1-type", "s3")));
}

TEST_F(OptionsFile, SaysWhichLineIsNone) {
  for (auto const* wrong : {"[global]", "compress-level", "=6", "Compress=6"}) {
    EXPECT_THAT(refused(wrong), HasSubstr(std::string("'") + wrong + "'")) << wrong;
  }
}

TEST_F(OptionsFile, MayNotMoveWhatMingaChooses) {
  for (auto const* wrong : {"stanza=x", "pg1-path=/x", "repo1-path=/x", "archive-async=y"}) {
    EXPECT_THAT(refused(wrong), HasSubstr("chosen by minga replica")) << wrong;
  }
}

TEST_F(OptionsFile, IsItsOwnersAlone) {
  read("compress-level=6\n");
  std::filesystem::permissions(file_, std::filesystem::perms(0640));
  EXPECT_THAT(refusal([&] { read_backup_options(file_); }), HasSubstr("chmod 600"));
}

TEST(Settings, AreReadBackAsWritten) {
  BackupSettings const settings{"/mnt/backups", "main-x", {{"repo1-type", "s3"}}};
  EXPECT_EQ(backup_settings_from(to_json(settings)), settings);
  EXPECT_THROW(backup_settings_from(Json(JsonObject{{"stanza", "main-x"}})), std::invalid_argument);
}

TEST(PgBackRestFile, NamesThePostgresAndWhatAnOperatorChose) {
  Folder const folder("/data");
  BackupSettings const settings{"/mnt/backups", "main-x", {{"compress-type", "lz4"}}};
  auto const text =
      pgbackrest_configuration(settings, BackupFolder(folder), folder.postgres_data(), 6001);
  EXPECT_THAT(text, HasSubstr("\nrepo1-path=/mnt/backups\n"));
  EXPECT_THAT(text, HasSubstr("\ncompress-type=lz4\n"));
  EXPECT_THAT(text, Not(HasSubstr("compress-type=zst")));
  EXPECT_THAT(text, HasSubstr("\narchive-push-queue-max=16GiB\n"));
  EXPECT_THAT(text, HasSubstr("\n[main-x]\npg1-path=/data/postgres\npg1-port=6001\n"));
}

TEST(ArchiveScript, QuotesPaths) {
  Folder const folder("/da ta");
  BackupSettings const settings{"/mnt/backups", "main-x", {}};
  EXPECT_THAT(archive_script("/usr/bin/pgbackrest", BackupFolder(folder), settings),
              HasSubstr("--config='/da ta/backup/pgbackrest.conf' --stanza=main-x archive-push"));
}

}  // namespace
}  // namespace minga::cluster

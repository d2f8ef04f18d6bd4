#include "records/storage_error.hpp"

#include <gtest/gtest.h>

namespace minga::records {
namespace {

Error told(sql::Error const& error) {
  try {
    throw_storage_error(error);
  } catch (Error const& answer) {
    return answer;
  }
}

TEST(StorageError, SaysThatTryingAgainMayHelp) {
  for (auto const code :
       {sql::ErrorCode::deadline, sql::ErrorCode::queue_full, sql::ErrorCode::busy,
        sql::ErrorCode::serialization_failure, sql::ErrorCode::cancelled, sql::ErrorCode::full,
        sql::ErrorCode::read_only, sql::ErrorCode::connection_lost, sql::ErrorCode::refused}) {
    auto const answer = told(sql::Error(code, "secret words of the engine"));
    EXPECT_EQ(answer.status(), 503) << sql::name(code);
    EXPECT_TRUE(answer.retry_after().has_value()) << sql::name(code);
    EXPECT_EQ(answer.message().find("secret"), std::string::npos) << sql::name(code);
  }
}

TEST(StorageError, InvitesNobodyToRepeatWhatMayBeDone) {
  sql::Error error(sql::ErrorCode::connection_lost, "lost");
  error.commit_in_doubt = true;
  auto const answer = told(error);
  EXPECT_EQ(answer.status(), 503);
  EXPECT_EQ(answer.code(), "in_doubt");
  EXPECT_FALSE(answer.retry_after().has_value());
}

TEST(StorageError, LeavesFaultsAsTheyAre) {
  EXPECT_THROW(throw_storage_error(sql::Error(sql::ErrorCode::syntax, "wrong")), sql::Error);
}

}  // namespace
}  // namespace minga::records

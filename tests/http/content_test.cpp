/// What an answer carries: ranges, conditions, compression, CORS.
#include "http/test_server.hpp"
#include "support/http_client.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace minga {
namespace {

using testing::Answer;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::TestServer;

/// A file of its own for each test.
class ContentTest : public ::testing::Test {
 protected:
  ContentTest() {
    std::string name = (std::filesystem::temp_directory_path() / "minga-XXXXXX").string();
    auto const descriptor = ::mkstemp(name.data());
    ::close(descriptor);
    file_ = name;
    std::ofstream(file_) << "abcdefghijklmnopqrstuvwxyz";
    server.serve_file(file_);
  }
  ~ContentTest() override { std::filesystem::remove(file_); }

  Answer ask(std::string const& path, std::string const& headers = {},
             std::string const& method = "GET") {
    RawClient client(server.port());
    client.send(method + " " + path + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n");
    return client.read_answer(method == "HEAD").value();
  }

  TestServer server;
  std::filesystem::path file_;
};

TEST_F(ContentTest, SendsFilesInParts) {
  struct Case {
    char const* range;
    int status;
    char const* body;
    char const* content_range;
  };
  for (auto const& [range, status, body, content_range] : {
           Case{"bytes=0-2", 206, "abc", "bytes 0-2/26"},
           Case{"bytes=23-", 206, "xyz", "bytes 23-25/26"},
           Case{"bytes=-1", 206, "z", "bytes 25-25/26"},
           Case{"bytes=0-99", 206, "abcdefghijklmnopqrstuvwxyz", "bytes 0-25/26"},
           Case{"bytes=26-", 416, "", "bytes */26"},
           Case{"bytes=0-1,3-4", 200, "abcdefghijklmnopqrstuvwxyz", ""},
           Case{"lines=0-1", 200, "abcdefghijklmnopqrstuvwxyz", ""},
       }) {
    auto const answer = ask("/file", std::string("Range: ") + range + "\r\n");
    EXPECT_EQ(answer.status, status) << range;
    EXPECT_EQ(answer.body, body) << range;
    EXPECT_EQ(answer.header("content-range"), content_range) << range;
    EXPECT_EQ(answer.header("accept-ranges"), "bytes") << range;
  }
}

TEST_F(ContentTest, SendsBytesInParts) {
  EXPECT_EQ(ask("/static", "Range: bytes=2-4\r\n").body, "234");
  EXPECT_EQ(ask("/static", "Range: bytes=10-\r\n").status, 416);
  EXPECT_EQ(ask("/static").body, "0123456789");
}

TEST_F(ContentTest, SendsAPartOnlyOfWhatTheClientHas) {
  auto const whole = ask("/file");
  auto const tag = whole.header("etag");
  auto const date = whole.header("last-modified");
  auto const part = std::string("Range: bytes=0-2\r\n");
  EXPECT_EQ(ask("/file", part + "If-Range: " + tag + "\r\n").status, 206);
  EXPECT_EQ(ask("/file", part + "If-Range: " + date + "\r\n").status, 206);
  EXPECT_EQ(ask("/file", part + "If-Range: W/" + tag + "\r\n").status, 200);
  EXPECT_EQ(ask("/file", part + "If-Range: \"other\"\r\n").status, 200);
  EXPECT_EQ(ask("/file", part + "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status, 200);
}

TEST_F(ContentTest, SaysThatTheClientHasIt) {
  auto const tag = ask("/file").header("etag");
  auto const date = ask("/file").header("last-modified");
  for (auto const& condition :
       {"If-None-Match: " + tag, "If-None-Match: W/" + tag, "If-None-Match: \"x\", " + tag,
        std::string("If-None-Match: *"), "If-Modified-Since: " + date}) {
    for (auto const* method : {"GET", "HEAD"}) {
      auto const answer = ask("/file", condition + "\r\n", method);
      EXPECT_EQ(answer.status, 304) << condition;
      EXPECT_EQ(answer.header("etag"), tag) << condition;
      EXPECT_EQ(answer.header("content-length"), "") << condition;
    }
  }
  EXPECT_EQ(ask("/file", "If-None-Match: \"x\"\r\nIf-Modified-Since: " + date + "\r\n").status,
            200);
  EXPECT_EQ(ask("/file", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n").status, 200);
  EXPECT_EQ(ask("/file", "If-None-Match: " + tag + "\r\nRange: bytes=0-2\r\n").status, 304);
}

TEST_F(ContentTest, KnowsThatALaterDateIsFreshToo) {
  EXPECT_EQ(ask("/file", "If-Modified-Since: Fri, 01 Jan 2094 00:00:00 GMT\r\n").status, 304);
  for (auto const* date : {"tomorrow", "Fri, 01 Jan 2094", "2094-01-01 00:00:00", ""})
    EXPECT_EQ(ask("/file", std::string("If-Modified-Since: ") + date + "\r\n").status, 200) << date;
}

TEST_F(ContentTest, DescribesToHeadWhatGetWouldSend) {
  auto const answer = ask("/file", "", "HEAD");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-length"), "26");
  EXPECT_EQ(answer.body, "");
}

TEST_F(ContentTest, SaysThatAFileIsMissing) {
  server.serve_file("/nowhere/at/all");
  EXPECT_EQ(ask("/file").status, 404);
  server.serve_file(std::filesystem::temp_directory_path());
  EXPECT_EQ(ask("/file").status, 404);
}

TEST_F(ContentTest, CompressesWhatGains) {
  auto const packed = ask("/big", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(packed.header("content-encoding"), "gzip");
  EXPECT_EQ(packed.header("vary"), "Accept-Encoding");
  EXPECT_LT(packed.body.size(), 100'000U);
  EXPECT_EQ(packed.header("content-length"), std::to_string(packed.body.size()));
  EXPECT_EQ(ask("/big", "Accept-Encoding: br\r\n").header("content-encoding"), "br");
  EXPECT_EQ(ask("/big", "").header("content-encoding"), "");
  EXPECT_EQ(ask("/big", "").header("vary"), "Accept-Encoding");
  EXPECT_EQ(ask("/stream", "Accept-Encoding: gzip\r\n").header("content-encoding"), "gzip");
  for (auto const* path : {"/", "/static", "/endless"})
    EXPECT_EQ(ask(path == std::string("/endless") ? "/file" : path, "Accept-Encoding: br\r\n")
                  .header("content-encoding"),
              "")
        << path;
}

TEST_F(ContentTest, AnswersPreflights) {
  auto const answer = ask("/anything", "Origin: https://a.example\r\n", "OPTIONS");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("access-control-allow-origin"), "*");
  EXPECT_THAT(answer.header("access-control-allow-methods"), HasSubstr("PATCH"));
  EXPECT_EQ(ask("*", "", "OPTIONS").status, 204);
}

}  // namespace
}  // namespace minga

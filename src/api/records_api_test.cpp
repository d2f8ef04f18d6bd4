#include "api/records_api.hpp"

#include "http/request_impl.hpp"
#include "http/router.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace minga::api {
namespace {

class RecordsApiTest : public testing::Test {
 protected:
  RecordsApiTest() {
    opened_.declare(records::open_to_all("notes", {text("title"), json("meta")}));
    mount_records(router_, *opened_.store);
  }

  /// What `meta` holds after a create with that body.
  Json stored_meta(std::string type, std::string body) {
    std::string const path = "/api/collections/notes/records";
    auto request =
        make_request(Method::post, path, {{"Content-Type", std::move(type)}}, std::move(body));
    auto match = router_.find(Method::post, path);
    request.impl().params = std::move(match.params);
    auto const response = opened_.run((*match.handler)(request));
    auto const record = boost::json::parse(std::get<std::string>(response.body()));
    return opened_.view("notes", record.at("id").as_string()).at("meta");
  }

  Json stored_meta_of_form(std::string const& text) {
    return stored_meta("application/x-www-form-urlencoded", "meta=" + text);
  }

  records::TestStore opened_;
  http::Router router_;
};

TEST_F(RecordsApiTest, ReadsTheJsonInAForm) {
  EXPECT_EQ(stored_meta_of_form("{\"a\":[1,null]}"), boost::json::parse("{\"a\":[1,null]}"));
  EXPECT_EQ(stored_meta_of_form("[true]"), boost::json::parse("[true]"));
  EXPECT_EQ(stored_meta_of_form("\"quoted\""), "quoted");
  EXPECT_EQ(stored_meta_of_form("1.50"), 1.5);
  EXPECT_EQ(stored_meta_of_form("null"), nullptr);
}

TEST_F(RecordsApiTest, KeepsAFormsOtherTexts) {
  EXPECT_EQ(stored_meta_of_form("plain"), "plain");
  EXPECT_EQ(stored_meta_of_form("{\"a\":"), "{\"a\":");
  EXPECT_EQ(stored_meta_of_form("007"), "007");
}

TEST_F(RecordsApiTest, ReadsTheJsonInAPartOfAForm) {
  EXPECT_EQ(stored_meta("multipart/form-data; boundary=limit",
                        "--limit\r\nContent-Disposition: form-data; name=\"meta\"\r\n\r\n[1]\r\n"
                        "--limit--\r\n"),
            boost::json::parse("[1]"));
}

TEST_F(RecordsApiTest, TakesTheTextOfAJsonBodyAsIs) {
  EXPECT_EQ(stored_meta("application/json", R"({"meta":"[1]"})"), "[1]");
}

}  // namespace
}  // namespace minga::api

#include "http/multipart.hpp"

#include <minga/error.hpp>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace minga::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

struct Piece {
  PartHead head;
  std::string bytes;
};

/// Parses the body handed over in the given steps (0: as a whole).
std::vector<Piece> parse(std::string_view body, std::size_t step, std::string const& boundary = "b",
                         std::size_t max_parts = 1'000) {
  MultipartParser parser(boundary, max_parts);
  std::vector<Piece> pieces;
  for (;;) {
    switch (parser.next()) {
      case MultipartParser::Event::need_more: {
        if (body.empty()) parser.finish();
        auto const size = step == 0 ? body.size() : std::min(step, body.size());
        parser.push(body.substr(0, size));
        body.remove_prefix(size);
        break;
      }
      case MultipartParser::Event::part_begin:
        pieces.push_back({parser.head(), {}});
        break;
      case MultipartParser::Event::data:
        pieces.back().bytes.append(parser.data());
        break;
      case MultipartParser::Event::part_end:
        break;
      case MultipartParser::Event::end:
        return pieces;
    }
  }
}

std::vector<std::string> summary(std::vector<Piece> const& pieces) {
  std::vector<std::string> lines;
  for (auto const& [head, bytes] : pieces) {
    auto line = head.name;
    if (head.filename) line.append("(").append(*head.filename).append(")");
    lines.push_back(line.append(" ").append(head.content_type).append(": ").append(bytes));
  }
  return lines;
}

std::string refusal(std::string_view body, std::string const& boundary = "b",
                    std::size_t max_parts = 1'000) {
  try {
    parse(body, 0, boundary, max_parts);
  } catch (Error const& error) {
    EXPECT_EQ(error.status(), 400) << body;
    return error.message();
  }
  return {};
}

constexpr std::string_view kBody =
    "preamble\r\n--b\r\n"
    "Content-Disposition: form-data; name=\"title\"\r\n\r\nHola\r\n--b  \r\n"
    "content-disposition: FORM-DATA; filename=\"a \\\"b\\\".txt\"; name=file\r\n"
    "Content-Type: text/csv\r\nX-Other: 1\r\n\r\n1\r\n--\r\n--a\r\n\r\n--b\r\n"
    "Content-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b--\r\nepilogue";

TEST(MultipartParser, SplitsABodyCutAnywhere) {
  for (std::size_t step = 0; step <= kBody.size(); ++step) {
    EXPECT_THAT(summary(parse(kBody, step)),
                ElementsAre("title text/plain: Hola",
                            "file(a \"b\".txt) text/csv: 1\r\n--\r\n--a\r\n", "empty text/plain: "))
        << "in steps of " << step;
  }
}

TEST(MultipartParser, RefusesABodyThatIsCutShort) {
  auto const end = kBody.find("--b--") + 5;
  for (std::size_t size = 0; size < end; ++size)
    EXPECT_NE(refusal(kBody.substr(0, size)), "") << size << " bytes";
}

TEST(MultipartParser, TakesAFormWithoutParts) {
  EXPECT_THAT(parse("--b--\r\n", 0), IsEmpty());
  EXPECT_THAT(parse("--b--", 1), IsEmpty());
}

TEST(MultipartParser, TakesAPartThatIsCutOffByTheBoundaryAtOnce) {
  auto const pieces = parse("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b--", 1);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].bytes, "");
}

TEST(MultipartParser, RefusesMalformedParts) {
  EXPECT_THAT(refusal("--b\r\n\r\nno head\r\n--b--"),
              StartsWith("The multipart body is malformed"));
  EXPECT_NE(refusal("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--b\r\n: x\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--bx\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--bx--"), "");
  EXPECT_NE(refusal("--b\nContent-Disposition: form-data; name=a\n\nx\n--b--"), "");
}

TEST(MultipartParser, BoundsWhatItKeeps) {
  EXPECT_NE(refusal(std::string(20'000, 'x')), "");
  EXPECT_NE(refusal("--b\r\nX: " + std::string(20'000, 'x')), "");
  EXPECT_NE(refusal("--b" + std::string(300, ' ')), "");
  std::string many;
  for (int i = 0; i < 4; ++i) many += "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n";
  EXPECT_EQ(refusal(many + "--b--", "b", 4), "");
  EXPECT_EQ(refusal(many + "--b--", "b", 3), "The multipart body has more than 3 parts.");
}

TEST(MultipartParser, GivesDataBeforeThePartEnds) {
  MultipartParser parser("b", 10);
  parser.push("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + std::string(1'000, 'x'));
  EXPECT_EQ(parser.next(), MultipartParser::Event::part_begin);
  EXPECT_EQ(parser.next(), MultipartParser::Event::data);
  EXPECT_GE(parser.data().size(), 990U);
}

RC_GTEST_PROP(MultipartParser, GivesBackWhatWasWritten,
              (std::vector<std::string> const& values, std::uint8_t step)) {
  std::string body;
  for (auto const& value : values) {
    RC_PRE(value.find("\r\n--b") == std::string::npos);
    body += "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n" + value + "\r\n";
  }
  auto const pieces = parse(body + "--b--\r\n", step);
  RC_ASSERT(pieces.size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) RC_ASSERT(pieces[i].bytes == values[i]);
}

TEST(MultipartBoundary, IsReadFromTheContentType) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), "a b");
  EXPECT_EQ(multipart_boundary("multipart/form-data;boundary=----WebKit123"), "----WebKit123");
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=" + std::string(70, 'x')),
            std::string(70, 'x'));
  for (std::string const type :
       {"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"",
        "multipart/mixed; boundary=a", "text/plain; boundary=a",
        "multipart/form-database; boundary=a", ""})
    EXPECT_EQ(multipart_boundary(type), std::nullopt) << type;
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'x')),
            std::nullopt);
}

}  // namespace
}  // namespace minga::http

#include "base/merge_patch.hpp"

#include "base/json_text.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace minga {
namespace {

struct Merge {
  char const* target;
  char const* patch;
  char const* merged;
};

void PrintTo(Merge const& merge, std::ostream* out) {
  *out << merge.target << " with " << merge.patch;
}

class MergePatch : public testing::TestWithParam<Merge> {};

TEST_P(MergePatch, IsThatOfTheStandard) {
  auto target = read_json(GetParam().target);
  merge_patch(target, read_json(GetParam().patch));
  EXPECT_EQ(target, read_json(GetParam().merged));
}

// The cases of RFC 7396, appendix A, and one key more.
INSTANTIATE_TEST_SUITE_P(
    Rfc7396, MergePatch,
    testing::Values(Merge{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
                    Merge{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
                    Merge{R"({"a":"b"})", R"({"a":null})", R"({})"},
                    Merge{R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
                    Merge{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
                    Merge{R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
                    Merge{R"({"a":{"b":"c","e":1}})", R"({"a":{"b":"d","c":null}})",
                          R"({"a":{"b":"d","e":1}})"},
                    Merge{R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
                    Merge{R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
                    Merge{R"({"a":"b"})", R"(["c"])", R"(["c"])"},
                    Merge{R"({"a":"foo"})", "null", "null"},
                    Merge{R"({"a":"foo"})", R"("bar")", R"("bar")"},
                    Merge{R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
                    Merge{R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
                    Merge{R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}));

}  // namespace
}  // namespace minga

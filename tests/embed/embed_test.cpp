#include "embedded/nothing.hpp"
#include "embedded/samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace minga {
namespace {

TEST(Embed, HoldsEveryFileButTheHidden) {
  std::vector<std::string_view> paths;
  for (auto const& file : embedded::samples().files) paths.push_back(file.path);
  EXPECT_THAT(paths, testing::UnorderedElementsAre("bytes.bin", "empty.txt", "given/name.txt",
                                                   "nested/text.txt"));
  EXPECT_TRUE(embedded::nothing().files.empty());
}

TEST(Embed, KeepsTheBytes) {
  auto const& files = embedded::samples();
  EXPECT_EQ(files.find("bytes.bin")->bytes, std::string_view("a\0b\"\\", 5));
  EXPECT_EQ(files.find("empty.txt")->bytes, "");
  EXPECT_EQ(files.find("nested/text.txt")->bytes, "two\nlines\n");
  EXPECT_EQ(files.find("given/name.txt")->bytes, "two\nlines\n");
  EXPECT_EQ(files.find("missing.txt"), nullptr);
}

}  // namespace
}  // namespace minga

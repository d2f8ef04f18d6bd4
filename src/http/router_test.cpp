#include "http/router.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <stdexcept>

namespace minga::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

Async<Response> nothing(Request&) {
  co_return Response::empty();
}

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    router.add(Method::get, "/", nothing, "The start.");
    router.add(Method::get, "/a", nothing);
    router.add(Method::post, "/a", nothing);
    router.add(Method::get, "/a/<id>", nothing);
    router.add(Method::delete_, "/a/<key>", nothing);
    router.add(Method::get, "/a/new", nothing);
    router.add(Method::get, "/a/<id>/parts/<part>", nothing);
    router.add(Method::get, "/a/new/special", nothing);
    router.add(Method::get, "/files/<name...>", nothing);
    router.add(Method::get, "/files/known", nothing);
  }

  bool finds(std::string_view path) const {
    return router.find(Method::get, path).handler != nullptr;
  }

  Router router;
};

TEST_F(RouterTest, FindsLiteralsParametersAndTheRest) {
  EXPECT_THAT(router.find(Method::get, "/a").params, IsEmpty());
  EXPECT_THAT(router.find(Method::get, "/a/7").params, ElementsAre(Pair("id", "7")));
  EXPECT_THAT(router.find(Method::get, "/a/7/parts/x").params,
              ElementsAre(Pair("id", "7"), Pair("part", "x")));
  EXPECT_THAT(router.find(Method::get, "/files/b/c.txt").params,
              ElementsAre(Pair("name", "b/c.txt")));
  EXPECT_TRUE(finds("/"));
  EXPECT_FALSE(finds("/b"));
  EXPECT_FALSE(finds("/a/7/parts"));
  EXPECT_FALSE(finds("/a/7/parts/x/y"));
  EXPECT_FALSE(finds("/files"));
  EXPECT_THAT(router.find(Method::get, "/b").allowed, IsEmpty());
}

TEST_F(RouterTest, PrefersALiteralAndGoesBackWhereItLeadsNowhere) {
  EXPECT_THAT(router.find(Method::get, "/a/new").params, IsEmpty());
  EXPECT_THAT(router.find(Method::get, "/a/new/special").params, IsEmpty());
  EXPECT_THAT(router.find(Method::get, "/a/new/parts/x").params,
              ElementsAre(Pair("id", "new"), Pair("part", "x")));
  EXPECT_THAT(router.find(Method::get, "/files/known").params, IsEmpty());
  EXPECT_THAT(router.find(Method::get, "/files/known/more").params,
              ElementsAre(Pair("name", "known/more")));
}

TEST_F(RouterTest, NamesEachMethodsParametersItsOwnWay) {
  EXPECT_THAT(router.find(Method::delete_, "/a/7").params, ElementsAre(Pair("key", "7")));
}

TEST_F(RouterTest, TellsWhichMethodsAPathHas) {
  auto const match = router.find(Method::put, "/a");
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_THAT(match.allowed, UnorderedElementsAre(Method::get, Method::post));
  EXPECT_THAT(router.find(Method::post, "/a/7").allowed,
              UnorderedElementsAre(Method::get, Method::delete_));
}

TEST_F(RouterTest, MakesNoDifferenceOfAFinalSlash) {
  EXPECT_TRUE(finds("/a/"));
  EXPECT_THAT(router.find(Method::get, "/a/7/").params, ElementsAre(Pair("id", "7")));
}

TEST_F(RouterTest, ComparesDecodedSegments) {
  EXPECT_TRUE(finds("/%61"));
  EXPECT_THAT(router.find(Method::get, "/a/b%2Fc").params, ElementsAre(Pair("id", "b/c")));
  EXPECT_THAT(router.find(Method::get, "/a/%C3%B1").params, ElementsAre(Pair("id", "\xC3\xB1")));
  EXPECT_THAT(router.find(Method::get, "/%61/%62/parts/%63%64").params,
              ElementsAre(Pair("id", "b"), Pair("part", "cd")));
  EXPECT_FALSE(finds("/a/%zz"));
  EXPECT_FALSE(finds("/A"));
}

TEST_F(RouterTest, TakesNoEmptySegmentForAParameter) {
  EXPECT_FALSE(finds("/a//parts/x"));
  EXPECT_FALSE(finds("//a"));
}

TEST_F(RouterTest, RefusesMalformedAndRepeatedRoutes) {
  EXPECT_THROW(router.add(Method::get, "a", nothing), std::invalid_argument);
  EXPECT_THROW(router.add(Method::get, "/b/<rest...>/c", nothing), std::invalid_argument);
  EXPECT_THROW(router.add(Method::get, "/a", nothing), std::invalid_argument);
  EXPECT_THROW(router.add(Method::get, "/a/<other>", nothing), std::invalid_argument);
}

TEST_F(RouterTest, ListsItsRoutes) {
  auto const routes = router.routes();
  EXPECT_EQ(routes.size(), 10U);
  auto const start = std::find_if(routes.begin(), routes.end(),
                                  [](RouteInfo const& info) { return info.path == "/"; });
  ASSERT_NE(start, routes.end());
  EXPECT_EQ(start->summary, "The start.");
}

}  // namespace
}  // namespace minga::http

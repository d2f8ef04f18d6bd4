// Relations: what must exist, what a deletion does to those that refer to it, expanding.
#include "base/json_text.hpp"
#include "records/store_testing.hpp"

#include <gtest/gtest.h>

#include <string>

namespace minga::records {
namespace {

/// Fifteen characters of it.
std::string id_of(char c) {
  return std::string(15, c);
}

class References : public testing::Test {
 protected:
  References() {
    store.declare(open_to_all("people", {text("name"), relation("boss", "people")}));
    store.declare(open_to_all("posts", {text("name"), relation("author", "people").required(),
                                        relation("value", "people").many(5),
                                        relation("type", "people").many(5).required(),
                                        relation("key", "people").many(3).cascade_delete(),
                                        relation("parent", "posts").cascade_delete()}));
    for (char const c : {'a', 'b', 'c', 'd'})
      store.create("people", JsonObject{{"id", id_of(c)}, {"name", std::string(1, c)}});
  }
  void post(char id, JsonObject rest) {
    rest["id"] = id_of(id);
    rest["name"] = std::string(1, id);
    if (!rest.contains("author")) rest["author"] = id_of('d');
    if (!rest.contains("type")) rest["type"] = id_of('d');
    store.create("posts", std::move(rest));
  }
  std::string posts() {
    std::string names;
    for (auto const& item : store.list("posts", "", "name").items)
      names += text_of(item.as_object(), "name");
    return names;
  }

  TestStore store;
};

TEST_F(References, MustExist) {
  auto const error = error_of([&] {
    store.create("posts", object(R"({"author":"nobody","type":["aaaaaaaaaaaaaaa","nobody"]})"));
  });
  EXPECT_EQ(error.status(), 400);
  EXPECT_EQ(codes_of(error),
            "author: validation_missing_rel_records, type: validation_missing_rel_records");
  post('p', {});
  EXPECT_EQ(codes_of(error_of([&] { store.update("posts", id_of('p'), R"({"value+":"x"})"); })),
            "value: validation_missing_rel_records");
  std::vector<JsonObject> inputs{object(R"({"author":"nobody","type":"aaaaaaaaaaaaaaa"})")};
  auto const bulk = store.run(store.store->create_many(store.context, "posts", inputs));
  EXPECT_EQ(bulk.refused.size(), 1U);
}

TEST_F(References, AreRemovedFromLists) {
  post('p', {{"value", JsonArray{id_of('a'), id_of('b')}}});
  post('q', {{"value", id_of('a')}});
  auto const before = store.changes().back().place;
  store.remove("people", id_of('a'));
  EXPECT_EQ(json_text(store.view("posts", id_of('p')).at("value")), "[\"bbbbbbbbbbbbbbb\"]");
  EXPECT_EQ(json_text(store.view("posts", id_of('q')).at("value")), "[]");
  auto const changes = store.changes(before);
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes[0].action, Action::update);
  EXPECT_EQ(changes[1].action, Action::update);
  EXPECT_EQ(changes[2].action, Action::delete_);
  EXPECT_EQ(changes[2].record_id, id_of('a'));
}

TEST_F(References, ThatAreRequiredRefuseTheDeletion) {
  post('p', {{"author", id_of('a')}});
  post('q', {{"type", JsonArray{id_of('b')}}});
  post('r', {{"type", JsonArray{id_of('c'), id_of('d')}}, {"value", id_of('a')}});
  auto const before = store.changes().size();
  for (char const c : {'a', 'b'}) {
    auto const error = error_of([&] { store.remove("people", id_of(c)); });
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.message(),
              "Failed to delete record. Make sure that the record is not part of a required "
              "relation reference.");
  }
  EXPECT_EQ(store.changes().size(), before) << "nothing is half done";
  EXPECT_EQ(json_text(store.view("posts", id_of('r')).at("value")), "[\"aaaaaaaaaaaaaaa\"]");
  store.remove("people", id_of('c'));
  EXPECT_EQ(json_text(store.view("posts", id_of('r')).at("type")), "[\"ddddddddddddddd\"]");
}

TEST_F(References, CascadeThroughAllThatFollows) {
  post('p', {{"key", id_of('a')}});
  post('q', {{"parent", id_of('p')}});
  post('r', {{"parent", id_of('q')}});
  post('s', {{"key", JsonArray{id_of('a'), id_of('b')}}});
  post('t', {});
  auto const before = store.changes().back().place;
  store.remove("people", id_of('a'));
  EXPECT_EQ(posts(), "st");
  EXPECT_EQ(json_text(store.view("posts", id_of('s')).at("key")), "[\"bbbbbbbbbbbbbbb\"]");
  EXPECT_EQ(store.changes(before).size(), 5U);
}

TEST_F(References, CascadeAlongCyclesOnce) {
  post('p', {});
  post('q', {{"parent", id_of('p')}});
  store.update("posts", id_of('p'), R"({"parent":"qqqqqqqqqqqqqqq"})");
  post('r', {});
  store.update("posts", id_of('r'), R"({"parent":"rrrrrrrrrrrrrrr"})");
  auto const before = store.changes().back().place;
  store.remove("posts", id_of('p'));
  EXPECT_EQ(posts(), "r");
  EXPECT_EQ(store.changes(before).size(), 2U);
  store.remove("posts", id_of('r'));
  EXPECT_EQ(posts(), "");
}

TEST_F(References, ACascadeDoesNotBringBackWhatItReleased) {
  // Deleting b deletes l and n, whose deletion takes them out of m; then b goes out of m, too.
  store.declare(open_to_all("nodes", {text("name"), relation("links", "nodes").many(5),
                                      relation("owners", "people").many(5).cascade_delete()}));
  for (char const c : {'l', 'n'})
    store.create("nodes", JsonObject{{"id", id_of(c)}, {"owners", id_of('b')}});
  store.create("nodes", JsonObject{{"id", id_of('m')}});
  store.update("nodes", id_of('m'),
               R"({"links":["lllllllllllllll","nnnnnnnnnnnnnnn"],)"
               R"("owners":["aaaaaaaaaaaaaaa","bbbbbbbbbbbbbbb"]})");
  store.remove("people", id_of('b'));
  auto const kept = store.view("nodes", id_of('m'));
  EXPECT_EQ(json_text(kept.at("links")), "[]");
  EXPECT_EQ(json_text(kept.at("owners")), "[\"aaaaaaaaaaaaaaa\"]");
}

TEST_F(References, TotalsFollowACascade) {
  post('p', {{"key", id_of('a')}});
  EXPECT_EQ(store.list("posts", "").total_items, 1);
  store.remove("people", id_of('a'));
  EXPECT_EQ(store.list("posts", "").total_items, 0);
}

// Expanding.

class Expanding : public References {
 protected:
  Expanding() {
    store.update("people", id_of('b'), R"({"boss":"aaaaaaaaaaaaaaa"})");
    post('p', {{"author", id_of('b')}, {"value", JsonArray{id_of('c'), id_of('a')}}});
    post('q', {{"author", id_of('b')}, {"parent", id_of('p')}});
    auto badges = open_to_all("badges", {text("name"), relation("person", "people").unique()});
    store.declare(std::move(badges));
    store.create("badges", JsonObject{{"name", "gold"}, {"person", id_of('b')}});
    Definition locked;
    locked.name = "locked";
    locked.fields = {relation("person", "people")};
    store.declare(std::move(locked));
  }
  /// The names in what is expanded: {author:b{boss:a}}.
  static std::string names(JsonObject const& record) {
    auto const* expand = record.if_contains("expand");
    if (expand == nullptr) return "";
    std::string text = "{";
    for (auto const& pair : expand->get_object()) {
      text += std::string(pair.key()) + ":";
      auto const one = [&](Json const& each) {
        text += text_of(each.as_object(), "name") + names(each.as_object());
      };
      if (auto const* list = pair.value().if_array()) {
        text += "[";
        for (auto const& each : *list) one(each);
        text += "]";
      } else {
        one(pair.value());
      }
      text += ";";
    }
    return text + "}";
  }
  std::string expanded(std::string_view collection, char id, std::string_view expand) {
    return names(store.view(collection, id_of(id), expand));
  }
};

TEST_F(Expanding, FollowsRelationsBothWays) {
  EXPECT_EQ(expanded("posts", 'p', "author"), "{author:b;}");
  EXPECT_EQ(expanded("posts", 'p', "value"), "{value:[ca];}") << "in the field's order";
  EXPECT_EQ(expanded("posts", 'p', "author.boss,type"), "{author:b{boss:a;};type:[d];}");
  EXPECT_EQ(expanded("posts", 'q', "parent.author.boss"), "{parent:p{author:b{boss:a;};};}");
  EXPECT_EQ(expanded("people", 'b', "posts_via_author"), "{posts_via_author:[pq];}");
  EXPECT_EQ(expanded("people", 'a', "posts_via_value.posts_via_parent"),
            "{posts_via_value:[p{posts_via_parent:[q];}];}");
  EXPECT_EQ(expanded("people", 'b', "badges_via_person"), "{badges_via_person:gold;}");
}

TEST_F(Expanding, LeavesOutInSilence) {
  EXPECT_EQ(expanded("posts", 'p', "nothing,name,author.name,parent,posts_via_author"),
            "{author:b;}");
  EXPECT_EQ(expanded("people", 'c', "boss,posts_via_author,locked_via_person"), "");
  EXPECT_FALSE(store.view("people", id_of('c'), "boss").contains("expand"));
  EXPECT_EQ(expanded("posts", 'p', " author , ,"), "{author:b;}");
  EXPECT_EQ(expanded("posts", 'p', "author..boss"), "{author:b;}");
}

TEST_F(Expanding, ShowsNoHiddenFields) {
  store.declare(
      open_to_all("notes", {text("name"), text("secret").hidden(), relation("to", "people"),
                            relation("by", "people").hidden()}));
  store.context.bypasses_rules = true;
  store.create("notes", JsonObject{{"id", id_of('n')},
                                   {"name", "n"},
                                   {"secret", "s"},
                                   {"to", id_of('a')},
                                   {"by", id_of('b')}});
  store.declare(open_to_all("uses", {text("name"), relation("note", "notes")}));
  store.create("uses", JsonObject{{"id", id_of('u')}, {"name", "u"}, {"note", id_of('n')}});
  EXPECT_EQ(expanded("uses", 'u', "note.by"), "{note:n{by:b;};}");
  EXPECT_EQ(expanded("people", 'b', "notes_via_by"), "{notes_via_by:[n];}");
  EXPECT_EQ(store.list("people", "notes_via_by.name ?= 'n'").total_items, 1);
  store.context.bypasses_rules = false;
  EXPECT_EQ(expanded("uses", 'u', "note.by,note.to"), "{note:n{to:a;};}");
  EXPECT_EQ(expanded("people", 'b', "notes_via_by"), "");
  EXPECT_EQ(error_of([&] { store.list("people", "notes_via_by.name ?= 'n'"); }).status(), 400);
  for (auto const* expand : {"note", "note.uses_via_note.note"}) {
    auto const text = json_text(store.view("uses", id_of('u'), expand));
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  }
  auto const text = json_text(store.view("people", id_of('a'), "notes_via_to"));
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
}

TEST_F(Expanding, EndsAfterSixHops) {
  store.update("people", id_of('a'), R"({"boss":"bbbbbbbbbbbbbbb"})");
  EXPECT_EQ(expanded("posts", 'p', "author.boss.boss.boss.boss.boss.boss.boss"),
            "{author:b{boss:a{boss:b{boss:a{boss:b{boss:a;};};};};};}");
}

TEST_F(Expanding, ServesLists) {
  ListQuery query;
  query.expand = "author";
  query.sort = "name";
  auto const page = store.run(store.store->list(store.context, "posts", query));
  ASSERT_EQ(page.items.size(), 2U);
  EXPECT_EQ(names(page.items[0].as_object()), "{author:b;}");
  EXPECT_EQ(names(page.items[1].as_object()), "{author:b;}");
}

}  // namespace
}  // namespace minga::records

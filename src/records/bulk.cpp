// Many records in one transaction: what is valid is added, the rest reported.
#include "records/draft.hpp"
#include "records/write.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace minga::records {
namespace {

struct Bulk {
  std::vector<JsonObject> inputs;
  std::vector<std::pair<std::size_t, JsonObject>> records;  // with their position in the input
  Store::BulkResult result;
};

struct Refusal {
  std::string reason;              // empty: none
  std::vector<std::string> taken;  // the fields whose values another record has
};

/// One record of a bulk: what it breaks is reported, and the statement alone undone.
Async<Refusal> try_insert(sql::Transaction& transaction, Write& write, JsonObject const& record) {
  Refusal refusal;
  try {
    co_await check_relations(transaction, write.store.database.dialect(), *write.catalog,
                             write.layout, record, kCreateFailed);
    write.place = co_await insert_record(transaction, write.store.changes, write.layout, record);
  } catch (sql::Error const& error) {
    if (error.code() != sql::ErrorCode::unique_violation) throw;
    refusal.taken = write.store.named(error).columns;
    refusal.reason = fmt::format("{}: Value must be unique.", fmt::join(refusal.taken, ", "));
  } catch (Error const& error) {
    refusal.reason = describe(error);
  }
  co_return refusal;
}

bool shares(std::vector<std::string> const& some, std::vector<std::string> const& others) {
  return std::find_first_of(some.begin(), some.end(), others.begin(), others.end()) != some.end();
}

/// With another draft where what was generated is taken. Its reason, empty where it was inserted.
Async<std::string> insert_drafts(sql::Transaction& transaction, Write& write,
                                 JsonObject const& input, JsonObject& record) {
  for (int drafts = 1;; ++drafts) {
    auto refusal = co_await try_insert(transaction, write, record);
    auto const again = drafts < kDrafts && !refusal.taken.empty() &&
                       shares(refusal.taken, made_up_fields(write.layout, input, write.context));
    if (!again) co_return std::move(refusal.reason);
    record = draft_create(write.layout, input, write.context).record;
  }
}

JsonObject outcome_of(Store::BulkResult const& result) {
  JsonArray refused;
  for (auto const& [position, reason] : result.refused) {
    JsonObject refusal;
    refusal["position"] = position;
    refusal["reason"] = reason;
    refused.push_back(std::move(refusal));
  }
  JsonObject outcome;
  outcome["added"] = result.added;
  outcome["refused"] = std::move(refused);
  return outcome;
}

Store::BulkResult result_of(JsonObject const& outcome) {
  Store::BulkResult result;
  result.added = outcome.at("added").to_number<std::int64_t>();
  for (auto const& refusal : outcome.at("refused").as_array()) {
    auto const position = refusal.at("position").to_number<std::size_t>();
    result.refused.emplace_back(position, std::string(refusal.at("reason").as_string()));
  }
  return result;
}

Async<void> create_all(sql::Transaction& transaction, Write& write, Bulk& bulk,
                       Store::BulkResult const& refused_before) {
  auto const done = co_await replay(transaction, write);
  if (done) {
    bulk.result = result_of(write.record);
    co_return;
  }
  bulk.result = refused_before;
  for (auto& [position, record] : bulk.records) {
    auto refusal = co_await insert_drafts(transaction, write, bulk.inputs[position], record);
    if (refusal.empty()) {
      ++bulk.result.added;
    } else {
      bulk.result.refused.emplace_back(position, std::move(refusal));
    }
  }
  auto const outcome = outcome_of(bulk.result);
  co_await keep_outcome(transaction, write.context, outcome);
}

}  // namespace

std::string describe(Error const& error) {
  std::string text;
  for (auto const& pair : error.data()) {
    auto const* object = pair.value().if_object();
    auto const* message = object == nullptr ? nullptr : object->if_contains("message");
    if (message == nullptr || !message->is_string()) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : " ", std::string_view(pair.key()),
                        std::string_view(message->get_string()));
  }
  return text.empty() ? error.message() : text;
}

Async<Store::BulkResult> Store::create_many(Context& context, std::string_view collection,
                                            std::vector<JsonObject> inputs) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  check_rule(layout.definition().create_rule, context);
  Bulk bulk;
  bulk.inputs = std::move(inputs);
  BulkResult refused;
  for (std::size_t i = 0; i < bulk.inputs.size(); ++i) {
    auto draft = draft_create(layout, bulk.inputs[i], context);
    if (draft.errors.empty()) {
      bulk.records.emplace_back(i, std::move(draft.record));
    } else {
      refused.refused.emplace_back(i, describe(draft.errors.error(kCreateFailed)));
    }
  }
  Write write{*impl_, catalog, layout, context, {}};
  sql::TransactionBody body = [&write, &bulk, &refused](sql::Transaction& transaction) {
    return create_all(transaction, write, bulk, refused);
  };
  co_await impl_->write(context, std::move(body), layout.definition().id, kCreateFailed);
  note_outcome(write);
  co_return std::move(bulk.result);
}

}  // namespace minga::records

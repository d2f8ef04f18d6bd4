// What a request with an Idempotency-Key did before, kept in its writes' own transactions.
#include "base/json_text.hpp"
#include "base/time_text.hpp"
#include "records/store_impl.hpp"

namespace minga::records {
namespace {

constexpr char const* kFind =
    "SELECT request_hash, result FROM _idempotency WHERE scope = $1 AND key = $2 AND ordinal = $3";
/// Waits for a transaction that has claimed the key.
constexpr char const* kClaim =
    "INSERT INTO _idempotency (scope, key, ordinal, request_hash, result, created) VALUES ($1, $2, "
    "$3, $4, '', $5) ON CONFLICT (scope, key, ordinal) DO NOTHING";
constexpr char const* kKeep =
    "UPDATE _idempotency SET result = $4 WHERE scope = $1 AND key = $2 AND ordinal = $3";
/// Changes nothing, but has its transaction wait until the row is as durable as a write. A primary
/// that was cut off has rows in itself alone, which nobody was to hear of.
constexpr char const* kConfirm =
    "UPDATE _idempotency SET created = created WHERE scope = $1 AND key = $2 AND ordinal = $3";
constexpr char const* kPrune = "DELETE FROM _idempotency WHERE created < $1";
constexpr std::chrono::hours kKeepFor{24};

sql::Params key_of(Idempotency const& idempotency) {
  sql::Params values;
  values.emplace_back(idempotency.scope);
  values.emplace_back(idempotency.key);
  values.emplace_back(std::int64_t{idempotency.writes});
  return values;
}

}  // namespace

Async<std::optional<JsonObject>> find_outcome(sql::Transaction& transaction,
                                              Context const& context) {
  if (context.idempotency == nullptr) co_return std::nullopt;
  auto claim_values = key_of(*context.idempotency);
  claim_values.emplace_back(context.idempotency->request_hash);
  claim_values.emplace_back(format_time(now_millis()));
  sql::Statement claim(kClaim, std::move(claim_values));
  auto const claimed = co_await transaction.execute(std::move(claim));
  if (claimed.affected() > 0) co_return std::nullopt;
  sql::Statement find(kFind, key_of(*context.idempotency));
  auto const rows = co_await transaction.execute(std::move(find));
  if (rows.empty()) {
    throw Error::unavailable(
        "The request's first answer was forgotten meanwhile. Please try again.");
  }
  if (rows.text(0, 0) != context.idempotency->request_hash) {
    throw Error(422, "idempotency_key_reused", "Idempotency-Key was used for another request.");
  }
  sql::Statement confirm(kConfirm, key_of(*context.idempotency));
  co_await transaction.execute(std::move(confirm));
  co_return read_json(rows.text(0, 1)).as_object();
}

Async<void> keep_outcome(sql::Transaction& transaction, Context const& context,
                         JsonObject const& outcome) {
  if (context.idempotency == nullptr) co_return;
  auto values = key_of(*context.idempotency);
  values.emplace_back(json_text(outcome));
  sql::Statement statement(kKeep, std::move(values));
  co_await transaction.execute(std::move(statement));
}

Async<std::int64_t> Store::prune_idempotency(Deadline deadline) {
  sql::Params values{format_time(now_millis() - kKeepFor)};
  sql::Statement statement(kPrune, std::move(values), deadline);
  auto const rows = co_await database().write(std::move(statement));
  co_return rows.affected();
}

}  // namespace minga::records

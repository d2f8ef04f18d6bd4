#pragma once

#include "records/store_impl.hpp"

#include <optional>

namespace minga::records {

/// What one write of a request needs and leaves; it lives in the frame of the call that awaits the
/// transaction.
struct Write {
  Store::Impl& store;
  std::shared_ptr<Catalog const> catalog;
  Layout const& layout;
  Context& context;
  JsonObject record;                          // in: what to store; out: what is stored
  std::optional<Place> place = std::nullopt;  // of the change, when there is one
  bool replayed = false;
};

/// True when the outcome was there already.
Async<bool> replay(sql::Transaction& transaction, Write& write);

/// Tells the context what has become of the write.
void note_outcome(Write const& write);

/// Adds to the refusal of a record, Error 400 with errors of its fields, what is wrong with the
/// others, so that all errors come together: relations that hold ids which are not there, values
/// that must be unique and that another record has. `stored_id` is the id of the record that was to
/// be changed, "" where it was to be created; `made_up` are fields not to look at.
Async<void> complete_refusal(Write& write, JsonObject const& record, std::string const& stored_id,
                             std::vector<std::string> const& made_up, Error& refusal);

}  // namespace minga::records

// How records are read: one, a page of many, all in the order of their ids.
#include "base/json_text.hpp"
#include "base/time_text.hpp"
#include "records/cursor.hpp"
#include "records/filter/filter.hpp"
#include "records/storage_error.hpp"
#include "records/store_impl.hpp"

#include <fmt/format.h>

namespace minga::records {
namespace {

constexpr std::int64_t kDefaultPage = 30;
constexpr std::int64_t kLargestPage = 1'000;

/// The parts of a list's statement; placeholders are numbered in the order in which parts are
/// added.
struct Selection {
  std::string where;  // " WHERE ..." or empty
  sql::Params values;
  std::vector<filter::SortKey> keys;
};

filter::Scope scope_of(Catalog const& catalog, Layout const& layout, Context const& context) {
  filter::Scope scope;
  scope.schema = &catalog.schema;
  scope.collection = &layout.definition();
  scope.privileged = context.bypasses_rules;
  scope.now = format_time(now_millis());
  return scope;
}

void add_condition(Selection& selection, std::string const& condition) {
  selection.where +=
      (selection.where.empty() ? " WHERE " : " AND ") + fmt::format("({})", condition);
}

void add_filter(Selection& selection, std::string_view text, filter::Scope const& scope,
                sql::Dialect const& dialect) {
  if (text.empty()) return;
  auto const expression = filter::parse(text);
  auto condition = filter::compile(*expression, scope, dialect, selection.values.size() + 1);
  add_condition(selection, condition.sql);
  std::move(condition.values.begin(), condition.values.end(), std::back_inserter(selection.values));
}

Selection select(Catalog const& catalog, Layout const& layout, Context const& context,
                 ListQuery const& query, sql::Dialect const& dialect) {
  auto const scope = scope_of(catalog, layout, context);
  Selection selection;
  add_filter(selection, query.filter, scope, dialect);
  selection.keys = filter::compile_sort(query.sort, scope, dialect);
  return selection;
}

std::string order_by(std::vector<filter::SortKey> const& keys, sql::Dialect const& dialect) {
  std::string text;
  for (auto const& key : keys) {
    text += text.empty() ? " ORDER BY " : ", ";
    text += dialect.ordered(key.sql, key.descending, key.may_be_null);
  }
  return text;
}

std::int64_t page_size(std::int64_t asked) {
  return asked < 1 ? kDefaultPage : std::min(asked, kLargestPage);
}

JsonArray records_of(Layout const& layout, sql::Rows const& rows, std::size_t count,
                     std::size_t first_column = 0) {
  JsonArray items;
  items.reserve(count);
  for (std::size_t i = 0; i < count; ++i) items.emplace_back(layout.record(rows, i, first_column));
  return items;
}

/// What tells two counts apart: the condition and its values. Conditions on the current time are
/// never the same twice.
std::string count_key(Selection const& selection) {
  auto key = selection.where;
  for (auto const& value : selection.values) {
    key += '\0';
    if (auto const* text = std::get_if<std::string>(&value)) key += "t" + *text;
    if (auto const* integer = std::get_if<std::int64_t>(&value))
      key += fmt::format("i{}", *integer);
    if (auto const* real = std::get_if<double>(&value)) key += fmt::format("r{}", *real);
    if (auto const* truth = std::get_if<bool>(&value)) key += *truth ? "b1" : "b0";
  }
  return key;
}

bool crosses_collections(Selection const& selection) {
  return selection.where.find("SELECT") != std::string::npos;
}

/// How many records a list has in all, where that is remembered between lists.
class Total {
 public:
  Total(Store::Impl& store, Layout const& layout, Selection const& selection)
      : counts_(store.counts),
        collection_(layout.definition().id),
        is_kept_(store.database.is_exclusive() && !crosses_collections(selection)) {
    if (!is_kept_) return;
    key_ = count_key(selection);
    known_ = counts_.find(collection_, key_);
    version_ = counts_.version(collection_);
  }

  std::optional<std::int64_t> known() const { return known_; }
  /// Counted now, after this was made.
  void learn(std::int64_t count) {
    if (is_kept_) counts_.keep(collection_, key_, version_, count);
    known_ = count;
  }

 private:
  CountCache& counts_;
  std::string const& collection_;
  bool is_kept_;
  std::string key_;
  std::optional<std::int64_t> known_;
  std::int64_t version_ = 0;
};

std::string count_sql(Layout const& layout, Selection const& selection) {
  return fmt::format("SELECT COUNT(*) FROM {}{}", layout.table(), selection.where);
}

Async<std::int64_t> count(Store::Impl& store, Context& context, Layout const& layout,
                          Selection const& selection) {
  sql::Statement statement(count_sql(layout, selection), selection.values, context.deadline);
  auto const rows = co_await store.read(context, layout.definition(), std::move(statement));
  co_return rows.integer(0, 0);
}

/// strftime is the one function that looks at the clock; @now and its like are values.
bool is_volatile(ListQuery const& query) {
  return query.sort.find("@random") != std::string::npos ||
         query.filter.find("strftime") != std::string::npos;
}

/// A page's size stands in the text: for a number that it does not know PostgreSQL would plan each
/// time anew, as for a tenth of the table. There are few sizes in practice.
sql::Statement page_statement(Layout const& layout, Selection const& selection,
                              sql::Dialect const& dialect, Page const& page, bool counts) {
  auto values = selection.values;
  auto const total = counts ? fmt::format(", ({})", count_sql(layout, selection)) : "";
  auto sql =
      fmt::format("SELECT {}{} FROM {}{}{} LIMIT {}", layout.columns(), total, layout.table(),
                  selection.where, order_by(selection.keys, dialect), page.per_page);
  if (page.page > 1) {
    std::int64_t offset = 0;
    if (__builtin_mul_overflow(page.page - 1, page.per_page, &offset))
      offset = std::numeric_limits<std::int64_t>::max();
    values.emplace_back(offset);
    sql += fmt::format(" OFFSET ${}", values.size());
  }
  return sql::Statement(std::move(sql), std::move(values));
}

}  // namespace

/// What was read before may be newer than any standby: then the primary answers the rest.
Async<sql::Rows> Store::Impl::read(Context& context, Definition const& definition,
                                   sql::Statement statement) {
  if (auto* reads = context.reads) {
    auto const& after = context.after;
    auto const is_known = !after || after->epoch == changes.epoch();
    auto const may = context.prefers_replica.value_or(definition.replica_reads);
    reads->is_on_primary |= !may || !is_known || !context.position.empty();
    auto const asks = after && is_known;
    if (asks) reads->after = {after->place.transaction, after->place.own, after->place.timeline};
    if (!reads->is_on_primary || asks) statement.replica = reads;
  }
  try {
    co_return co_await database.read(std::move(statement));
  } catch (sql::Error const& error) {
    throw_storage_error(error);
  }
}

namespace {

/// A page without its items, which are in the rows.
struct FoundPage {
  std::shared_ptr<Catalog const> catalog;
  Layout const* layout = nullptr;
  Page page;
  sql::Rows rows;
};

Async<FoundPage> find_page(Store::Impl& store, Context& context, std::string_view collection,
                           ListQuery const& query) {
  FoundPage found;
  found.catalog = store.catalog();
  auto const& layout = Store::Impl::layout(*found.catalog, collection);
  found.layout = &layout;
  check_rule(layout.definition().list_rule, context);
  auto const& dialect = store.database.dialect();
  auto const selection = select(*found.catalog, layout, context, query, dialect);
  auto& page = found.page;
  page.page = std::max<std::int64_t>(query.page, 1);
  page.per_page = page_size(query.per_page);
  Total total(store, layout, selection);
  auto const counts = !query.skip_total && !total.known();
  auto statement = page_statement(layout, selection, dialect, page, counts);
  statement.deadline = context.deadline;
  statement.is_volatile = is_volatile(query);
  found.rows = co_await store.read(context, layout.definition(), std::move(statement));
  auto const& rows = found.rows;
  if (counts && !rows.empty()) {
    total.learn(rows.integer(0, rows.columns().size() - 1));
  } else if (counts && page.page == 1) {
    total.learn(0);
  } else if (counts) {  // a page past the end says nothing
    total.learn(co_await count(store, context, layout, selection));
  }
  if (!query.skip_total) {
    page.total_items = *total.known();
    page.total_pages = (page.total_items + page.per_page - 1) / page.per_page;
  }
  co_return found;
}

/// Kept with its rows, which equal reads share.
struct PageText : sql::Rows::Made {
  std::shared_ptr<Catalog const> catalog;
  Layout::Hidden hidden = Layout::Hidden::shown;
  std::string text;
};

std::string text_of(FoundPage const& found, Layout::Hidden hidden) {
  auto const& page = found.page;
  auto out = fmt::format(R"({{"page":{},"perPage":{},"totalItems":{},"totalPages":{},"items":[)",
                         page.page, page.per_page, page.total_items, page.total_pages);
  auto const made = std::dynamic_pointer_cast<PageText const>(found.rows.made());
  auto const is_same = made && made->catalog == found.catalog && made->hidden == hidden &&
                       made->text.starts_with(out);
  if (is_same) return made->text;
  out.reserve(out.size() + found.rows.size() * kUsualText);
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    if (i > 0) out += ',';
    found.layout->append_record(out, found.rows, i, hidden);
  }
  out += "]}";
  if (found.rows.is_shared()) {
    auto kept = std::make_shared<PageText>();
    kept->catalog = found.catalog;
    kept->hidden = hidden;
    kept->text = out;
    found.rows.keep(std::move(kept));
  }
  return out;
}

}  // namespace

Async<Page> Store::list(Context& context, std::string_view collection, ListQuery query) {
  auto found = co_await find_page(*impl_, context, collection, query);
  auto page = std::move(found.page);
  page.items = records_of(*found.layout, found.rows, found.rows.size());
  if (!query.expand.empty())
    co_await expand_all(context, found.layout->definition().name, page.items, query.expand);
  co_return page;
}

Async<std::string> Store::list_text(Context& context, std::string_view collection,
                                    ListQuery query) {
  auto const hidden = context.bypasses_rules ? Layout::Hidden::shown : Layout::Hidden::left_out;
  auto found = co_await find_page(*impl_, context, collection, query);
  if (query.expand.empty()) co_return text_of(found, hidden);
  auto const& definition = found.layout->definition();
  auto page = std::move(found.page);
  page.items = records_of(*found.layout, found.rows, found.rows.size());
  co_await expand_all(context, definition.name, page.items, query.expand);
  if (hidden == Layout::Hidden::left_out) {
    for (auto& record : page.items) hide_fields(definition, record.get_object());
  }
  co_return json_text(std::move(page).envelope());
}

Async<CursorPage> Store::list_by_cursor(Context& context, std::string_view collection,
                                        ListQuery query) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  check_rule(layout.definition().list_rule, context);
  auto const& dialect = impl_->database.dialect();
  auto selection = select(*catalog, layout, context, query, dialect);
  if (query.sort.find("@random") != std::string::npos)
    throw Error::bad_request("A random order has no cursor.");
  Cursor const cursor(impl_->secret,
                      fmt::format("{}\n{}\n{}", layout.definition().id, query.filter, query.sort));
  if (query.cursor && !query.cursor->empty()) {
    auto condition = cursor.condition(*query.cursor, selection.keys, selection.values.size() + 1);
    add_condition(selection, condition.sql);
    std::move(condition.values.begin(), condition.values.end(),
              std::back_inserter(selection.values));
  }
  auto const limit = page_size(query.limit.value_or(query.per_page));
  std::string keys;
  for (auto const& key : selection.keys) keys += key.sql + ", ";
  auto sql = fmt::format("SELECT {}{} FROM {}{}{} LIMIT {}", keys, layout.columns(), layout.table(),
                         selection.where, order_by(selection.keys, dialect), limit + 1);
  sql::Statement statement(std::move(sql), std::move(selection.values), context.deadline);
  auto rows = co_await impl_->read(context, layout.definition(), std::move(statement));
  CursorPage page;
  auto const count = std::min(rows.size(), static_cast<std::size_t>(limit));
  if (rows.size() > count) page.cursor = cursor.after(rows, count - 1, selection.keys.size());
  page.items = records_of(layout, rows, count, selection.keys.size());
  if (!query.expand.empty())
    co_await expand_all(context, layout.definition().name, page.items, query.expand);
  co_return page;
}

namespace {

/// The record's row, in a layout of the catalog. Throws Error 403, 404.
Async<sql::Rows> find_row(Store::Impl& store, Context& context, Layout const& layout,
                          std::string_view id) {
  check_rule(layout.definition().view_rule, context);
  sql::Params values{std::string(id)};
  sql::Statement statement(layout.select_by_id(), std::move(values), context.deadline);
  auto rows = co_await store.read(context, layout.definition(), std::move(statement));
  if (rows.empty()) throw record_not_found();
  co_return rows;
}

}  // namespace

Async<JsonObject> Store::view(Context& context, std::string_view collection, std::string_view id,
                              std::string_view expand) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  auto const rows = co_await find_row(*impl_, context, layout, id);
  auto record = layout.record(rows, 0);
  if (expand.empty()) co_return record;
  co_return co_await expand_record(context, layout.definition().name, std::move(record), expand);
}

Async<Store::RecordText> Store::view_text(Context& context, std::string_view collection,
                                          std::string_view id) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  auto const rows = co_await find_row(*impl_, context, layout, id);
  RecordText record;
  record.text.reserve(kUsualText);
  layout.append_record(record.text, rows, 0, Layout::Hidden::shown);
  record.tag = etag_of(record.text);
  if (layout.definition().hides_fields() && !context.bypasses_rules) {
    record.text.clear();
    layout.append_record(record.text, rows, 0, Layout::Hidden::left_out);
  }
  co_return record;
}

Async<std::vector<JsonObject>> Store::scan(Context& context, std::string_view collection,
                                           std::string_view filter, std::string_view after_id,
                                           std::int64_t limit) {
  auto const catalog = impl_->catalog();
  auto const& layout = Impl::layout(*catalog, collection);
  check_rule(layout.definition().list_rule, context);
  Selection selection;
  selection.values.emplace_back(std::string(after_id));
  add_condition(selection, fmt::format("{}.\"id\" > $1", layout.table()));
  add_filter(selection, filter, scope_of(*catalog, layout, context), impl_->database.dialect());
  auto sql =
      fmt::format("SELECT {} FROM {}{} ORDER BY {}.\"id\" LIMIT ${}", layout.columns(),
                  layout.table(), selection.where, layout.table(), selection.values.size() + 1);
  selection.values.emplace_back(limit);
  sql::Statement statement(std::move(sql), std::move(selection.values), context.deadline);
  auto rows = co_await impl_->read(context, layout.definition(), std::move(statement));
  std::vector<JsonObject> records;
  records.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) records.push_back(layout.record(rows, i));
  co_return records;
}

}  // namespace minga::records

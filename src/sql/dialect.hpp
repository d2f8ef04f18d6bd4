#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minga::sql {

/// What differs between the engines' SQL, and nothing else.
class Dialect {
 public:
  struct Step {
    std::string name;
    std::vector<std::string> statements;
  };

  virtual ~Dialect() = default;
  virtual std::string_view name() const = 0;  // "sqlite", "postgres"

  // Column types. Text compares by code point on both (COLLATE "C").
  virtual std::string_view text_type() const = 0;
  virtual std::string_view real_type() const = 0;
  virtual std::string_view integer_type() const = 0;  // 64 bits
  virtual std::string_view boolean_type() const = 0;
  virtual std::string_view json_type() const = 0;  // JSON text, functions of json work on it
  virtual std::string_view blob_type() const = 0;
  /// Column definition of a 64-bit primary key that grows by one from the largest there is: for a
  /// table whose last row is never deleted.
  virtual std::string_view growing_key() const = 0;
  /// Appended to an INSERT into such a table, so that Rows::inserted_key() tells the row's: nothing
  /// where the engine knows it without the cost of RETURNING.
  virtual std::string returning_key(std::string_view column) const = 0;

  /// Appended to a SELECT that leases rows: "" or " FOR UPDATE SKIP LOCKED".
  virtual std::string_view skip_locked() const = 0;
  /// Appended to a SELECT inside a transaction that will change the row, or that decides by what it
  /// reads: "" or " FOR UPDATE". Until the transaction's end no other may change or lock the row.
  virtual std::string_view for_update() const = 0;
  /// Appended to a SELECT inside a transaction that needs the row to stay, as a reference does: ""
  /// or " FOR KEY SHARE". Others may change it, but not delete it.
  virtual std::string_view for_share() const = 0;
  virtual std::string_view random() const = 0;

  /// For what a transaction logs, where several write at once and the keys that grow do so in
  /// another order than the commits. It is no less than the transaction's own number, nor than that
  /// of any that had ended when the statement began, so that (this, key) is the order of changes
  /// that waited for one another. "" where one writes after the other.
  virtual std::string_view transaction_number() const = 0;
  /// The transaction's own number, for who will read after it: ReplicaReads. "" as above.
  virtual std::string_view own_transaction() const = 0;
  /// Of the server that writes: how often one was promoted before it, from 1. Transactions of
  /// different timelines may have one number. "" as above.
  virtual std::string_view timeline() const = 0;
  /// Nothing that is logged with a lower number can be committed any more.
  virtual std::string_view oldest_transaction() const = 0;
  /// Where commits wait for standbys, the server process that answers, by a name that no other has;
  /// else "". What a read there has seen may still be lost with the server: a wait that is broken
  /// off leaves its commit visible, and a primary that was replaced does not know it at once.
  virtual std::string_view server() const = 0;
  /// True where the standbys that commits wait for have all that the statement can have seen. It
  /// may be false for a moment though they have.
  virtual std::string_view is_replicated() const = 0;
  /// SELECT of server() in a transaction that changes nothing and whose commit waits as a write's
  /// does: then that server was the primary, and standbys have all that was read there before.
  virtual std::string_view confirm() const = 0;
  /// Run in a transaction that changes tables: one node at a time does, until its end.
  virtual std::vector<std::string> schema_lock() const = 0;
  /// SELECT of the names of all tables there are.
  virtual std::string_view tables() const = 0;
  /// From then on each row that is written to the table is refused: Error moved. Done twice it is
  /// as done once.
  virtual std::vector<std::string> refuse_writes(std::string_view table) const = 0;
  /// Takes refuse_writes() back.
  virtual std::vector<std::string> allow_writes(std::string_view table) const = 0;
  /// Names that differ in their case alone are different tables.
  virtual bool tells_case() const = 0;

  /// A key of ORDER BY or of an index: nulls are first in ascending order, last in descending.
  virtual std::string ordered(std::string_view key, bool descending, bool may_be_null) const = 0;
  /// A text column as the key of an index that tells no ASCII capital from its small letter.
  virtual std::string ignoring_case(std::string_view column) const = 0;
  /// A boolean as a number, 1 or 0.
  virtual std::string truth_number(std::string_view boolean) const = 0;
  /// What the function minga_lower makes of a value, compared as the text columns are.
  virtual std::string lower(std::string_view value) const = 0;

  /// Whether a JSON list of texts holds a text.
  virtual std::string list_contains(std::string_view list, std::string_view text) const = 0;

  /// A JSON list of texts as rows with a column `value`, for FROM.
  virtual std::string list_rows(std::string_view list, std::string_view alias) const = 0;
  virtual std::string list_length(std::string_view list) const = 0;

  /// The value at a path of member names and list indexes into a JSON column: text, number, 1 and 0
  /// for true and false, NULL where there is none; lists and objects as compact JSON text. A name
  /// of digits is a list's index or an object's member, as the document has it. PostgreSQL, whose
  /// expressions have one type each, gives it as a jsonb scalar. Throws std::invalid_argument for a
  /// name with a quote in it.
  virtual std::string json_value(std::string_view column,
                                 std::vector<std::string> const& path) const = 0;
  /// The same as a sort key, never NULL where the engine orders NULL otherwise: null, then numbers,
  /// then text. It may come back from the row and be compared with as a value.
  virtual std::string json_sort_key(std::string_view column,
                                    std::vector<std::string> const& path) const = 0;
  /// SQLite's strftime over arguments that are SQL already; NULL when the time cannot be read.
  virtual std::string strftime(std::string_view arguments) const = 0;

  /// A condition: there is a table of that name, which is SQL already.
  virtual std::string has_table(std::string_view name) const = 0;
  /// What the engine needs of its own in a database, such as the functions that the expressions
  /// above call, step by step: migrate() applies what is missing. A step that was released is
  /// never changed; it may be run again where it was run before steps were recorded.
  virtual std::vector<Step> own_steps() const { return {}; }

  /// An identifier in quotes; throws std::invalid_argument for one with a quote or a NUL in it. One
  /// that is longer than the engine's ends in a hash of the whole.
  std::string quote(std::string_view identifier) const;

 private:
  /// In bytes.
  virtual std::size_t longest_identifier() const = 0;
};

}  // namespace minga::sql

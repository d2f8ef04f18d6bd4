#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace minga {

/// JSON values are Boost.JSON's: integers are exact to 64 bits, objects keep the order of their
/// keys.
using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;

/// The members of `object` that have those keys, in the order of the keys; a key that it lacks is
/// left out. An object that is moved in gives its values away, so that nothing is copied.
JsonObject pick(JsonObject object, std::initializer_list<std::string_view> keys);

/// For people: a line for each member, indented by two blanks.
std::string pretty(Json const& value);

}  // namespace minga

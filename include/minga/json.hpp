#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>

namespace minga {

/// JSON values are Boost.JSON's: integers are exact to 64 bits, objects keep the order of their
/// keys.
using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;

/// For people: a line for each member, indented by two blanks.
std::string pretty(Json const& value);

}  // namespace minga

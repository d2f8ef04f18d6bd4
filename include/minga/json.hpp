#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace minga {

/// JSON values are Boost.JSON's: integers are exact to 64 bits, objects keep the order of their
/// keys.
using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;

}  // namespace minga

// Boost.JSON, compiled with the platform: so the release optimises it for what it does here.
#include <boost/json/src.hpp>

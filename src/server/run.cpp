#include <minga/minga.hpp>

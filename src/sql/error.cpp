#include "sql/error.hpp"

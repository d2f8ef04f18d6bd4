#include "sql/dialect.hpp"
